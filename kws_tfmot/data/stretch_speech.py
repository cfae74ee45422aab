"""What stretches are composed of, from words alone: utterances by every installed engine, near words and sentences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from kws_tfmot.data.audio import Int16, read_samples, resample, to_int16
from kws_tfmot.data.folder import AUDIO_SUFFIXES
from kws_tfmot.data.labels import UNKNOWN, label_of
from kws_tfmot.data.near_words import COMMON_WORDS, near_words
from kws_tfmot.data.speech import Clip, choose_voices, deal, render_speech, usable_engines
from kws_tfmot.data.stretch_settings import SpeechSettings
from kws_tfmot.data.stretches import Speech, word_of
from kws_tfmot.errors import DataError
from kws_tfmot.progress import SILENT, Reporter

_HELD_OUT = 8  # one voice of so many validates
_MOST_VOICES = {"espeak": 400, "kokoro": 400, "hibari": 24}
_PIECE_S = 20


def spoken(
    keywords: Sequence[str], settings: SpeechSettings, seed: int, cache: Path, rate: int, reporter: Reporter = SILENT
) -> tuple[Speech, Speech]:
    """Speech by training voices and by held-out voices.

    Raises:
        DataError, ToolchainError: As :func:`kws_tfmot.data.speech.render_speech`.
    """
    names = tuple(word.casefold() for word in keywords)
    near = near_words(keywords, settings.near_words)
    sentences = _sentences(names, 3000, seed)
    sides: tuple[list[list[Clip]], list[list[Clip]]] = ([], [])
    for engine in usable_engines(settings.engines, reporter):
        counts = settings.counts(engine)
        voices = choose_voices(_MOST_VOICES.get(engine, 1), seed, (engine,))
        requests = [deal([word], voices, counts[0], seed) for word in keywords]
        requests += [deal(near, voices, counts[1], seed), deal(sentences[: counts[2]], voices, counts[2], seed)]
        flat = [request for part in requests for request in part]
        clips = iter(render_speech(flat, cache, reporter, description=f"speaking ({engine})"))
        parts = [[next(clips) for _ in part] for part in requests]
        for held_out, side in enumerate(sides):
            # Few voices (hibari, Piper) all train; their absence from validation costs nothing.
            few = len(voices) < 2 * _HELD_OUT
            side.append([clip for part in parts for clip in part if (_validates(clip) and not few) == bool(held_out)])
    train, held = (_as_speech(side, keywords, rate) for side in sides)
    return train, held


def with_folders(speech: Speech, folders: Iterable[str], rate: int) -> tuple[Speech, list[str]]:
    """``speech`` with the long recordings under ``folders`` as more talk, read by pieces, and notes on files left out.

    Raises:
        DataError: A folder is missing or holds no recording that can be read.
    """
    pieces: list[Int16] = []
    notes: list[str] = []
    for folder in folders:
        root = Path(folder).expanduser()
        if not root.is_dir():
            raise DataError(f"there is no folder of negatives at {folder!r}.", "Correct streams.speech.negatives.")
        before = len(pieces)
        for path in sorted(root.rglob("*")):
            if path.suffix.lower() not in AUDIO_SUFFIXES or not path.is_file():
                continue
            try:
                samples, own = read_samples(path)
            except (ValueError, OSError) as error:
                notes.append(f"negatives: {path.name} left out: {error}")
                continue
            wave = to_int16(resample(samples, own, rate))
            pieces += [wave[first : first + _PIECE_S * rate] for first in range(0, len(wave), _PIECE_S * rate)]
        if len(pieces) == before:
            raise DataError(f"no recording under {folder!r} can be read.", "Give WAV or FLAC files.")
    return speech._replace(talk=speech.talk + tuple(pieces)), notes


def with_recordings(
    speech: Speech, clips: Sequence[tuple[str, Int16]], noise: Sequence[Int16], keywords: Sequence[str], rate: int
) -> Speech:
    """``speech`` with a user's recordings, (word, samples) each; they come as often as the synthetic utterances."""
    labels = tuple(keywords)
    own: list[list[Int16]] = [[] for _ in labels]
    others: list[Int16] = []
    for word, samples in clips:
        label = label_of(word, labels)
        (others if label == UNKNOWN else own[labels.index(label)]).append(word_of(samples, rate))
    words = [
        (*made, *(mine * max(1, len(made) // max(1, len(mine)))))
        for made, mine in zip(speech.keywords, own, strict=True)
    ]
    near = (*speech.near, *(others * max(1, len(speech.near) // max(1, len(others)))))
    return speech._replace(keywords=tuple(words), near=near, noise=(*speech.noise, *noise))


def _validates(clip: Clip) -> bool:
    return int(clip.speaker, 16) % _HELD_OUT == 0


def _as_speech(parts: Sequence[Sequence[Clip]], keywords: Sequence[str], rate: int) -> Speech:
    clips = [clip for part in parts for clip in part]
    words = {word: tuple(word_of(clip.samples, rate) for clip in clips if clip.text == word) for word in keywords}
    single = tuple(word_of(c.samples, rate) for c in clips if c.text not in words and len(c.text.split()) < 3)
    talk = tuple(clip.samples for clip in clips if len(clip.text.split()) >= 3 and clip.text not in words)
    return Speech(tuple(words.values()), single, talk)


def _sentences(keywords: Sequence[str], count: int, seed: int) -> list[str]:
    """Strings of three to eight common words, none of them a keyword."""
    rng = np.random.default_rng([seed, 0x7A1C])
    words = [word for word in COMMON_WORDS if word not in keywords]
    return [" ".join(rng.choice(words, int(rng.integers(3, 9)))) for _ in range(count)]
