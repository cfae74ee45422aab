"""Long streams of known truth, composed of a split's clips over background noise: a function of clips and seed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pydantic

from kws_tfmot.data import SILENCE, UNKNOWN, ClipIndex
from kws_tfmot.data.audio import to_int16
from kws_tfmot.data.augment import word_bounds
from kws_tfmot.errors import DataError
from kws_tfmot.evaluation.streaming.truth import LabelledStream, Segment, SpokenWord
from kws_tfmot.settings import Settings

Float = npt.NDArray[np.float32]
_FADE_MS = 10
_AT_ONCE = 4096  # clips
_AFTER_WORD = 1.5  # seconds after a clip in which a false accept still counts for its speaker


class StreamSettings(Settings):
    """What a composed stream is like.

    Attributes:
        hours: Its length; it comes in pieces of ``piece_minutes``.
        seed: Another seed gives another order, other pauses, levels and noises.
        keyword_share: Share of keywords among the words.
        pause_s: Range of the pause after a word; after a keyword at least ``after_keyword_s``.
        after_keyword_s: Least pause after a keyword, so that its detection meets no other word.
        rest_probability: Of a long pause, background noise alone, after a word.
        rest_s: Range of its length.
        gain_db: Range of each word's change of level.
        snr_db: Range of the ratio of the words' median level to the noise; drawn anew for each stretch of noise.
        piece_minutes: Length of a piece; the detector begins anew in each.
    """

    hours: float = pydantic.Field(default=1.0, gt=0, le=1000)
    seed: int = pydantic.Field(default=1, ge=0, lt=1 << 32)
    keyword_share: float = pydantic.Field(default=0.2, gt=0, lt=1)
    pause_s: tuple[float, float] = (0.0, 1.5)
    after_keyword_s: float = pydantic.Field(default=1.0, ge=0, le=10)
    rest_probability: float = pydantic.Field(default=0.03, ge=0, le=1)
    rest_s: tuple[float, float] = (5.0, 15.0)
    gain_db: tuple[float, float] = (-6.0, 6.0)
    snr_db: tuple[float, float] = (10.0, 40.0)
    piece_minutes: float = pydantic.Field(default=10.0, gt=0, le=60)

    @pydantic.field_validator("pause_s", "rest_s", "gain_db", "snr_db")
    @classmethod
    def _check_range(cls, bounds: tuple[float, float]) -> tuple[float, float]:
        if bounds[0] > bounds[1]:
            raise ValueError("expected the lower bound first")
        return bounds


class _Placed(NamedTuple):
    clip: int
    first: int  # sample of the piece
    gain: float


class StreamComposer:
    """Composes streams of one split of a data set.

    Every clip of the split is dealt once before any is dealt again, keywords and other words each from their own
    deck; other words that the split leaves out of its balanced accuracy are used too, since the more there are, the
    more a false-accept rate says.

    Args:
        index: The data set.
        split: Which of its splits; ``all`` for every clip.
        settings: What the stream is like.

    Raises:
        DataError: If the split has no keyword or no other word.
    """

    def __init__(self, index: ClipIndex, split: str, settings: StreamSettings) -> None:
        self.index, self.split, self.settings = index, split, settings
        clips = index.clips
        spoken = clips.of_split(split) & (clips.labels != clips.names.index(SILENCE))
        words = clips.where(spoken)
        unknown = words.labels == words.names.index(UNKNOWN)
        self._decks = [np.flatnonzero(unknown == other).tolist() for other in (False, True)]
        if not all(self._decks):
            raise DataError(
                f"the split {split!r} has {len(self._decks[0])} clips of keywords and {len(self._decks[1])} of other "
                "words; a stream needs both.",
                "Put folders of other words beside the keywords, or choose another split.",
            )
        self._words = words
        self._samples = index.store.shape[1]
        levels = [word_levels(part) for part in self._in_parts()]
        self._level = float(np.median(np.concatenate(levels)))

    def _in_parts(self) -> Iterator[npt.NDArray[np.int16]]:
        for first in range(0, len(self._words), _AT_ONCE):
            yield self.index.store.gather(self._words.rows[first : first + _AT_ONCE])

    @property
    def rate(self) -> int:
        """Samples a second."""
        return self.index.settings.sample_rate

    def sources(self) -> dict[str, Any]:
        """How much there is to compose of: distinct clips, speakers and seconds of recorded noise."""
        stretches = self.index.noise.stretches(self.split)
        return {
            "keyword_clips": len(self._decks[0]),
            "other_clips": len(self._decks[1]),
            "speakers": len({self._speaker(n) for n in range(len(self._words))}),
            "noise_seconds": round(sum(piece.last - piece.first for piece in stretches) / self.rate, 1),
        }

    def sizes(self) -> list[int]:
        """Samples of each piece; a last one shorter than ten clips is left out."""
        total = round(self.settings.hours * 3600 * self.rate)
        length = round(self.settings.piece_minutes * 60 * self.rate)
        sizes = [min(length, total - first) for first in range(0, total, length)]
        return sizes[:1] + [size for size in sizes[1:] if size >= 10 * self._samples]

    def pieces(self) -> Iterator[LabelledStream]:
        """The stream, piece by piece."""
        rng = np.random.default_rng([self.settings.seed, *self.split.encode("ascii")])
        deals = [_deal(rng, deck) for deck in self._decks]
        for number, size in enumerate(self.sizes()):
            yield self._render(f"{self.split} {number}", size, self._plan(rng, deals, size), rng)

    def _plan(self, rng: np.random.Generator, deals: list[Iterator[int]], size: int) -> list[_Placed]:
        settings, rate, clip = self.settings, self.rate, self._samples
        placed, at = [], rate
        while at + clip + round(settings.after_keyword_s * rate) <= size:
            other = rng.random() >= settings.keyword_share
            gain = float(rng.uniform(*settings.gain_db))
            placed.append(_Placed(next(deals[other]), at, gain))
            pause = float(rng.uniform(*settings.pause_s)) + (0.0 if other else settings.after_keyword_s)
            if rng.random() < settings.rest_probability:
                pause += float(rng.uniform(*settings.rest_s))
            at += clip + round(pause * rate)
        return placed

    def _render(self, name: str, size: int, placed: list[_Placed], rng: np.random.Generator) -> LabelledStream:
        mixed = self._background(rng, size)
        clip, rate = self._samples, self.rate
        fade = np.minimum(1.0, np.minimum(np.arange(clip), np.arange(clip)[::-1]) / (rate * _FADE_MS / 1000))
        events, segments = [], []
        for number, (n, first, gain) in enumerate(placed):
            (audio,) = self.index.store.gather(self._words.rows[n : n + 1])
            mixed[first : first + clip] += audio * (fade * 10 ** (gain / 20)).astype(np.float32)
            start, speaker = first / rate, self._speaker(n)
            following = placed[number + 1].first if number + 1 < len(placed) else size
            segments.append(Segment(start, min(following, first + clip + _AFTER_WORD * rate) / rate, speaker))
            if self._words[n].label != UNKNOWN:
                ((begin, _, end),) = word_bounds(audio[None]).tolist()
                events.append(SpokenWord(self._words[n].label, (first + begin) / rate, (first + end) / rate, speaker))
        return LabelledStream.of(name, to_int16(mixed), rate, tuple(events), tuple(segments))

    def _background(self, rng: np.random.Generator, size: int) -> Float:
        """Stretches of noise after one another, cross-faded, each at its own ratio to the words' level."""
        overlap = self.rate // 20
        ramp = np.linspace(0, 1, overlap, dtype=np.float32)
        result = np.zeros(size + overlap, np.float32)
        at = 0
        while at < size:
            noise = self._noise(rng)[: size + overlap - at].copy()
            ratio = 10 ** (-rng.uniform(*self.settings.snr_db) / 20)
            if power := float(np.sqrt(np.mean(np.square(noise)))):
                noise *= np.float32(self._level / power * ratio)
            if len(noise) > 2 * overlap:
                noise[:overlap] *= ramp
                noise[-overlap:] *= ramp[::-1]
            result[at : at + len(noise)] += noise
            at += max(len(noise) - overlap, 1)
        return result[:size]

    def _noise(self, rng: np.random.Generator) -> Float:
        """One held-out stretch of a recording, or generated noise where there is none."""
        bank = self.index.noise
        if not (stretches := bank.stretches(self.split)):
            wave = list(bank.generated.values())[int(rng.integers(len(bank.generated)))]
            first = int(rng.integers(0, len(wave) // 2))
            return wave[first : first + len(wave) // 2]
        piece = stretches[int(rng.integers(len(stretches)))]
        length = int(rng.integers(bank.length, piece.last - piece.first + 1))
        first = int(rng.integers(piece.first, piece.last - length + 1))
        return bank.samples[first : first + length].astype(np.float32)

    def _speaker(self, n: int) -> str:
        return self._words[n].speaker or self._words[n].path


def word_levels(clips: npt.NDArray[np.int16]) -> npt.NDArray[np.float64]:
    """Root mean square of the loudest fifth of each clip's 20 blocks: the word's level without its pauses."""
    size = clips.shape[1] // 20
    blocks = clips[:, : size * 20].reshape(len(clips), 20, size).astype(np.float64)
    return np.sqrt(np.sort(np.square(blocks).mean(axis=2), axis=1)[:, -4:].mean(axis=1))


def _deal(rng: np.random.Generator, deck: list[int]) -> Iterator[int]:
    while True:
        yield from (deck[int(place)] for place in rng.permutation(len(deck)))
