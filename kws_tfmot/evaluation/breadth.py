"""How far a test reaches: speakers, words that training never heard, levels of silence; and where it is narrow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kws_tfmot.data.clip_index import AudioSplit, ClipIndex
from kws_tfmot.data.labels import SILENCE, UNKNOWN
from kws_tfmot.data.silence import made_level

Figures = dict[str, Any]
Truths = npt.NDArray[np.bool_]

LEAST_CLIPS, LEAST_SPEAKERS, LEAST_WORDS, LEAST_LEVELS = 25, 8, 5, 5
"""Below these a class's test is called narrow (levels: steps of 10 dB that silence reaches)."""
_OWN_FIGURE = 4  # clips of a speaker from which an accuracy of that speaker is shown
_PARTS, _AT_ONCE = 20, 100  # 2,000 draws, in parts, as a set may have a hundred thousand voices


def speakers_of(audio: AudioSplit) -> list[str]:
    """Who speaks in each clip; the clip itself where nobody is named."""
    return [speaker or f"clip {row}" for row, speaker in enumerate(audio.speakers)]


def speaker_interval(values: npt.NDArray[Any], speakers: Sequence[str], seed: int = 0) -> tuple[float, float]:
    """95 % interval of the mean of ``values [N]`` when speakers, not clips, are drawn with replacement.

    Clips of one voice are right or wrong together, so an interval over clips is too narrow (the cluster bootstrap;
    Efron and Tibshirani 1993, chapter 8): ``sum(w_s v_s) / sum(w_s n_s)`` over 2,000 draws of the speakers.

    >>> alone = speaker_interval(np.array([1, 1, 0, 0] * 10), [str(i) for i in range(40)])
    >>> alike = speaker_interval(np.array([1, 1, 0, 0] * 10), ["a", "a", "b", "b"] * 10)
    >>> bool(alike[1] - alike[0] > alone[1] - alone[0])
    True
    """
    _, group = np.unique(np.asarray(speakers), return_inverse=True)
    sums, sizes = np.bincount(group, np.asarray(values, float)), np.bincount(group).astype(float)
    rng, even = np.random.default_rng(seed), np.full(len(sums), 1 / len(sums))
    means = []
    for _ in range(_PARTS):
        weights = rng.multinomial(len(sums), even, _AT_ONCE)
        means.append((weights @ sums) / (weights @ sizes))
    low, high = np.percentile(np.concatenate(means), [2.5, 97.5])
    return float(low), float(high)


def breadth(audio: AudioSplit, right: Truths, unheard: set[str]) -> Figures:
    """What the accuracy of ``right [N]`` is made of.

    Args:
        audio: The clips judged.
        right: Whether each was judged rightly.
        unheard: Words that training never heard.

    Returns:
        ``speakers`` (named ones), ``worst_speakers`` (up to five with at least 4 clips, as speaker, n, accuracy),
        ``unknown`` (words, and n and recall of the clips whose word training ``heard`` and those ``unheard``) and
        ``silence`` (n and recall of every 10 dB of level of made silence, ``from_dbfs`` ``None`` for digital zero).
    """
    named = [row for row, speaker in enumerate(audio.speakers) if speaker]
    return {
        "speakers": len({audio.speakers[row] for row in named}),
        "worst_speakers": _worst(audio, right, named),
        "unknown": _of_unknown(audio, right, unheard),
        "silence": _of_silence(audio, right),
    }


def _worst(audio: AudioSplit, right: Truths, named: Sequence[int]) -> list[Figures]:
    rows: dict[str, list[int]] = {}
    for row in named:
        rows.setdefault(audio.speakers[row], []).append(row)
    figures: list[Figures] = [
        {"speaker": speaker, "n": len(own), "accuracy": float(right[own].mean())}
        for speaker, own in sorted(rows.items())
        if len(own) >= _OWN_FIGURE
    ]
    return sorted(figures, key=lambda one: (one["accuracy"], -one["n"]))[:5]


def _of_unknown(audio: AudioSplit, right: Truths, unheard: set[str]) -> Figures | None:
    if UNKNOWN not in audio.class_names:
        return None
    rows = np.flatnonzero(audio.labels == audio.class_names.index(UNKNOWN))
    new = np.array([audio.words[row] in unheard for row in rows], bool)
    return {
        "words": len({audio.words[row] for row in rows}),
        "unheard_words": len({audio.words[row] for row in rows[new]}),
        "unheard": _share(right[rows[new]]),
        "heard": _share(right[rows[~new]]),
    }


def _of_silence(audio: AudioSplit, right: Truths) -> list[Figures]:
    by_step: dict[int | None, list[bool]] = {}
    for name, label, ok in zip(audio.paths, audio.labels, right, strict=True):
        level = made_level(name) if audio.class_names[label] == SILENCE else None
        if level is not None:
            step = None if np.isinf(level) else int(np.floor(level / 10)) * 10
            by_step.setdefault(step, []).append(bool(ok))
    order = sorted(by_step, key=lambda step: -1000 if step is None else step)
    return [{"from_dbfs": step} | _share(np.array(by_step[step])) for step in order]


def _share(right: Truths) -> Figures:
    return {"n": len(right), "recall": float(right.mean()) if len(right) else None}


def unheard_words(index: ClipIndex, split: str) -> set[str]:
    """Other words of ``split`` that no training clip says; empty where the set has no training split."""
    if "train" not in index.splits or split == "train":
        return set()
    words: dict[bool, set[str]] = {True: set(), False: set()}
    clips, spoken = index.clips, index.clips.source.words
    other = clips.used & (clips.labels == clips.names.index(UNKNOWN))
    for place in (split, "train"):
        codes = np.unique(spoken.codes[other & clips.of_split(place)])
        words[place == "train"] |= {spoken.names[code] for code in codes}
    return words[False] - words[True]


def narrow_classes(index: ClipIndex, split: str = "test") -> list[str]:
    """A sentence for every class of which ``split`` says too little: few clips, speakers, words or levels."""
    if split not in index.splits:
        return []
    audio = index.audio(split)
    sentences = []
    for number, label in enumerate(index.labels):
        rows = np.flatnonzero(audio.labels == number)
        lacks = _lacks(index, audio, rows, label, split) if len(rows) else []
        if lacks:
            sentences.append(f"The test of {label} is narrow: {', '.join(lacks)}.")
    return sentences


def _lacks(index: ClipIndex, audio: AudioSplit, rows: npt.NDArray[np.intp], label: str, split: str) -> list[str]:
    lacks = [f"{len(rows)} clips"] if len(rows) < LEAST_CLIPS else []
    if label == SILENCE:
        levels = {np.floor(level / 10) for row in rows if (level := made_level(audio.paths[row])) is not None}
        made = any(made_level(audio.paths[row]) is not None for row in rows)
        return lacks + ([f"{len(levels)} steps of level"] if made and len(levels) < LEAST_LEVELS else [])
    voices = {audio.speakers[row] for row in rows if audio.speakers[row]}
    if len(voices) < LEAST_SPEAKERS:
        lacks.append(f"{len(voices)} named speaker{'' if len(voices) == 1 else 's'}")
    if label == UNKNOWN and "train" in index.splits:
        new, words = unheard_words(index, split), {audio.words[row] for row in rows}
        if len(words) < LEAST_WORDS:
            lacks.append(f"{len(words)} word{'' if len(words) == 1 else 's'}")
        if not new:
            lacks.append("no word that training has not heard")
    return lacks
