"""Background noise: recorded stretches, kept apart by time between the splits, and coloured noise made here."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kws_tfmot.data.audio import Int16
from kws_tfmot.data.labels import SPLITS
from kws_tfmot.data.noise_shapes import Shaping, draw_shaping, shape

Float = npt.NDArray[np.float32]
COLOURS = {"white": 0.0, "pink": 0.5, "brown": 1.0}  # amplitude falls as 1 / f ** exponent
_GENERATED_SECONDS = 16


class NoiseSpan(NamedTuple):
    """Samples ``first`` to ``last`` (exclusive) of the bank; ``offset`` is where the recording itself begins."""

    name: str
    first: int
    last: int
    offset: int


@dataclass(frozen=True, eq=False)
class NoiseBank:
    """Recorded noises and the stretches of them that each split may use.

    The first 80 % of every recording belong to train, then 10 % to validation and 10 % to test, so that no noise
    heard in training is heard again in an evaluation. Recordings too short for that belong to train alone.

    Attributes:
        samples: int16, all recordings one after the other.
        spans: Name, first and last-plus-one sample of each.
        length: Samples of a clip; no shorter stretch is kept.
        rate: Samples a second.
    """

    samples: Int16
    spans: tuple[tuple[str, int, int], ...]
    length: int
    rate: int
    _cache: dict[str, tuple[NoiseSpan, ...]] = field(default_factory=dict, repr=False)
    _sums: dict[str, npt.NDArray[np.float64]] = field(default_factory=dict, repr=False)

    def stretches(self, split: str) -> tuple[NoiseSpan, ...]:
        """The stretches of ``split`` ("all": the whole recordings), each at least a clip long."""
        if split not in self._cache:
            self._cache[split] = tuple(piece for span in self.spans for piece in self._cut(span, split))
        return self._cache[split]

    def _cut(self, span: tuple[str, int, int], split: str) -> list[NoiseSpan]:
        name, first, last = span
        size = last - first
        if size < self.length:
            return []
        bounds = {"all": (0.0, 1.0), "train": (0.0, 0.8), "validation": (0.8, 0.9), "test": (0.9, 1.0)}
        if size // 10 < self.length:
            bounds |= {"train": (0.0, 1.0), "validation": (0.0, 0.0), "test": (0.0, 0.0)}
        low, high = (first + int(size * part) for part in bounds[split])
        return [NoiseSpan(name, low, high, first)] if high - low >= self.length else []

    def draw(self, rng: np.random.Generator, split: str) -> tuple[Int16, str] | None:
        """One clip of recorded noise and its name (``file@first sample``), longer recordings more often."""
        pieces = self.stretches(split)
        if not pieces:
            return None
        # As rng.choice(len(pieces), p=...) draws, which would check and sum up its probabilities every time.
        piece = pieces[int(self.shares(split).searchsorted(rng.random(), side="right"))]
        first = int(rng.integers(piece.first, piece.last - self.length + 1))
        return self.samples[first : first + self.length], f"{piece.name}@{first - piece.offset}"

    def shares(self, split: str) -> npt.NDArray[np.float64]:
        """Cumulated probability of the stretches of ``split``."""
        if split not in self._sums:
            room = np.array([piece.last - piece.first - self.length + 1 for piece in self.stretches(split)])
            # Square root: a long recording counts for more, but does not crowd out the short ones.
            weight = np.sqrt(room)
            shares = (weight / weight.sum()).cumsum()
            self._sums[split] = shares / shares[-1]
        return self._sums[split]

    @cached_property
    def generated(self) -> dict[str, Float]:
        """Coloured noises of unit power, the same in every run."""
        rng = np.random.default_rng(20120609)
        return {name: coloured_noise(rng, _GENERATED_SECONDS * self.rate, power) for name, power in COLOURS.items()}

    def draw_generated(self, rng: np.random.Generator) -> tuple[Float, str]:
        """One clip of coloured noise of about unit power and its name."""
        name = list(COLOURS)[int(rng.integers(len(COLOURS)))]
        source = self.generated[name]
        first = int(rng.integers(0, len(source) - self.length + 1))
        return source[first : first + self.length], f"{name}@{first}"

    def draw_varied(self, rng: np.random.Generator, split: str, generated_share: float) -> tuple[Float, str]:
        """One clip of noise as another place would have it, and its name; its level means nothing."""
        shaping, name = self.draw_shaping(rng, split, generated_share)
        return shape(shaping, self.rate), name + shaping.name

    def draw_shaping(self, rng: np.random.Generator, split: str, generated_share: float) -> tuple[Shaping, str]:
        """Noise that is to be shaped, and the name of where it is from.

        Recorded where there is a recording, but for ``generated_share``; mixed with another one, filtered or switched
        on and off as :func:`~kws_tfmot.data.noise_shapes.draw_shaping` draws it.
        """
        wave, name = self._draw_any(rng, split, generated_share)
        other, _ = self._draw_any(rng, split, generated_share)
        return draw_shaping(rng, wave.astype(np.float32, copy=False), other, self.rate), name

    def _draw_any(self, rng: np.random.Generator, split: str, generated_share: float) -> tuple[Float | Int16, str]:
        drawn = None if rng.random() < generated_share else self.draw(rng, split)
        return self.draw_generated(rng) if drawn is None else drawn

    def missing_splits(self) -> tuple[str, ...]:
        """The splits that no recording is left for."""
        return tuple(split for split in SPLITS if not self.stretches(split))


def coloured_noise(rng: np.random.Generator, samples: int, exponent: float) -> Float:
    """Gaussian noise whose amplitude spectrum falls as ``1 / f ** exponent``, scaled to unit power.

    >>> float(np.round(np.mean(coloured_noise(np.random.default_rng(0), 4096, 0.5) ** 2), 3))
    1.0
    """
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    frequency = np.arange(len(spectrum), dtype=np.float64)
    frequency[0] = np.inf  # no constant part
    # Below 20 Hz at 16 kHz the slope would only move the clip up and down.
    spectrum *= np.maximum(frequency, samples / 800) ** -exponent
    spectrum[0] = 0
    noise = np.fft.irfft(spectrum, samples)
    return (noise / np.sqrt(np.mean(noise**2))).astype(np.float32)
