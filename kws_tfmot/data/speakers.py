"""Who speaks in a clip, and which split that speaker belongs to."""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import regex

from kws_tfmot.data.labels import SPLITS
from kws_tfmot.errors import DataError

_HASH_STEPS = 2**27 - 1  # "about 134 million": the constant of the data set's published rule
_PATTERN_SECONDS = 5.0
VoiceClips = Sequence[tuple[str, int]]
"""Classes and numbers of clips of whoever must not cross splits."""


def speaker_of(file_name: str, pattern: str) -> str:
    """The speaker named in ``file_name``, or an empty string.

    Raises:
        DataError: The pattern takes for ever.

    >>> speaker_of("backward_0c540988_nohash_0.wav.wav", r"([0-9a-zA-Z]+)_nohash")
    '0c540988'
    >>> speaker_of("take 3.wav", r"([0-9a-zA-Z]+)_nohash")
    ''
    """
    # The pattern may come from a model that somebody sent: one that needs exponential time must not hang us.
    try:
        found = regex.search(pattern, file_name, timeout=_PATTERN_SECONDS)
    except TimeoutError:
        raise DataError(
            f"speaker_pattern {pattern!r} finds no end in the file name {file_name!r}.",
            "Give a pattern without repetitions inside repetitions, such as '([0-9a-zA-Z]+)_nohash'.",
        ) from None
    return (found.group(1) or "") if found else ""


def official_split(speaker: str, validation_percent: float = 10.0, test_percent: float = 10.0) -> str:
    """The split that Speech Commands' own rule gives to ``speaker``.

    ``p = (SHA-1(speaker) mod 2^27) * 100 / (2^27 - 1)``; validation if ``p < validation_percent``, test if
    ``p < validation_percent + test_percent``, else train. Source: ``which_set`` in the data set's README
    (P. Warden 2018, arXiv 1804.03209).

    >>> official_split("00176480")
    'train'
    """
    number = int(hashlib.sha1(speaker.encode("utf-8", "surrogateescape"), usedforsecurity=False).hexdigest(), 16)
    percentage = (number % (_HASH_STEPS + 1)) * (100.0 / _HASH_STEPS)
    if percentage < validation_percent:
        return "validation"
    return "test" if percentage < validation_percent + test_percent else "train"


HELD_WEIGHT = 0.5
"""How much a class that belongs to one split pulls its speakers there, against 1 for classes in every split."""


def percent_splits(
    clips_of: Mapping[str, Mapping[str, int]],
    percent: Sequence[float],
    seed: int,
    only: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Give every speaker to one split so that the clips of every class come close to ``percent``.

    Speakers with a rare class come first, else in the order of ``SHA-256(seed:speaker)``. Each goes to the split that
    lags most, ``sum_c (n_c / T_c) (share seen_c - filled_c) / T_c`` over the classes ``c`` with ``T_c`` clips in all
    and ``seen_c`` so far: rare classes count as much as frequent ones, and small data sets come as near to the
    percentages as their speakers allow. (Greedy stratification; the idea is that of Sechidis et al. 2011.)

    Args:
        clips_of: Number of clips of every class for every speaker.
        percent: Train, validation and test, adding up to 100.
        seed: Another seed gives another order.
        only: Classes that have a use in one split alone (words held out for test), and that split: their share there is
            one, so their speakers go there as far as the other classes allow.

    >>> splits = percent_splits({f"s{i}": {"go": 1} for i in range(10)}, (80, 10, 10), seed=0)
    >>> [list(splits.values()).count(name) for name in ("train", "validation", "test")]
    [8, 1, 1]
    """
    speakers = list(clips_of)
    ranks = np.array([_rank(speaker, seed) for speaker in speakers], "V32")
    placed = place_voices((sorted(clips_of[name].items()) for name in speakers), ranks, percent, only)
    return {speaker: SPLITS[place] for speaker, place in zip(speakers, placed.tolist(), strict=True)}


def _rank(speaker: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}:{speaker}".encode("utf-8", "surrogateescape")).digest()


def place_voices(
    voices: Iterable[VoiceClips], ranks: npt.NDArray[np.void], percent: Sequence[float], only: Mapping[str, str] | None
) -> npt.NDArray[np.int8]:
    """:func:`percent_splits` for millions of voices: the place in ``SPLITS`` of each.

    Args:
        voices: Classes, sorted by name, and their numbers of clips for every voice.
        ranks: 32 bytes for each, whose order breaks ties of rarity.
        percent, only: As there.
    """
    share = {name: value / 100.0 for name, value in zip(SPLITS, percent, strict=True)}
    total: Counter[str] = Counter()
    starts, classes, sizes = [0], array("l"), array("l")
    names: dict[str, int] = {}
    for voice in voices:
        for label, count in voice:
            total[label] += count
            classes.append(names.setdefault(label, len(names)))
            sizes.append(count)
        starts.append(len(classes))
    behind = {name: dict.fromkeys(total, 0.0) for name in SPLITS if share[name] > 0}
    only = {label: split for label, split in (only or {}).items() if split in behind}
    weight = {label: HELD_WEIGHT if label in only else 1.0 for label in total}

    def wanted(name: str, label: str) -> float:
        """The share of a word's clips that a split is to get: all or nothing for words held to one split."""
        return share[name] if label not in only else float(only[label] == name)

    labels = list(names)
    result = np.zeros(len(ranks), np.int8)
    for voice in _in_turn(
        np.array(starts), np.array(classes), np.array(sizes), [total[each] for each in labels], ranks
    ):
        own = range(starts[voice], starts[voice + 1])
        part = {labels[classes[n]]: sizes[n] / total[labels[classes[n]]] for n in own if sizes[n]}
        for name, lag in behind.items():
            lag.update({label: lag[label] + wanted(name, label) * value for label, value in part.items()})
        need = {
            name: sum(weight[label] * value * lag[label] for label, value in part.items())
            for name, lag in behind.items()
        }
        chosen = max(need, key=lambda name: (need[name], share[name]))
        for label, value in part.items():
            behind[chosen][label] -= value
        result[voice] = SPLITS.index(chosen)
    return result


def _in_turn(
    starts: npt.NDArray[np.int64],
    classes: npt.NDArray[np.int64],
    sizes: npt.NDArray[np.int64],
    total: Sequence[int],
    ranks: npt.NDArray[np.void],
) -> npt.NDArray[np.int64]:
    """The voices, those with a rare class first, else by their ranks."""
    rarest = np.zeros(len(ranks), np.int64)
    if len(classes):
        rare = np.where(sizes > 0, np.array(total)[classes], np.iinfo(np.int64).max)
        filled = np.flatnonzero(starts[1:] > starts[:-1])
        rarest[filled] = np.minimum.reduceat(rare, starts[:-1][filled])
    digits = ranks.view(">u8").reshape(-1, 4)
    return np.lexsort((*digits.T[::-1], rarest))
