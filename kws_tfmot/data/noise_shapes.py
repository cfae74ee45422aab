"""What happens to noise before it is heard: rooms and filters colour it, sources mix, motors and taps go on and off."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float32]
FULL_SCALE = 32768.0
LOWEST_DBFS = -70.0
"""Level of the quietest noise that is drawn, dB of full scale: about 10 steps of int16."""


def level_dbfs(clip: npt.NDArray[np.generic]) -> float:
    """Root mean square of ``clip`` (int16 scale) in dB of full scale; minus infinity for digital zero.

    >>> round(level_dbfs(np.full(4, 16384, np.int16)), 2)
    -6.02
    >>> level_dbfs(np.zeros(4, np.int16))
    -inf
    """
    power = float(np.mean(np.square(clip, dtype=np.float64)))
    return 10 * float(np.log10(power / FULL_SCALE**2)) if power > 0 else -np.inf


def at_level(clip: Float, decibels: float) -> Float:
    """``clip`` at a root mean square of ``decibels`` dB of full scale, unclipped; digital zero stays what it is.

    >>> round(level_dbfs(at_level(np.ones(8, np.float32), -20.0)), 3)
    -20.0
    """
    return clip * level_gain(clip, decibels)


def level_gain(clip: Float, decibels: float) -> np.float32:
    """The factor of :func:`at_level`; 1 for digital zero."""
    power = float(np.dot(clip, clip)) / len(clip)
    return np.float32(FULL_SCALE * 10 ** (decibels / 20) / np.sqrt(power)) if power else np.float32(1)


@functools.lru_cache(maxsize=8)
def _frequencies(samples: int, rate: int, kind: type) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Of a spectrum, in Hz, and the same without what is below 1 Hz."""
    hertz: npt.NDArray[Any] = np.fft.rfftfreq(samples, 1 / rate).astype(kind)
    return hertz, np.maximum(hertz, 1.0)


def _band_gain(samples: int, rate: int, low_hz: float, high_hz: float, kind: type) -> npt.NDArray[Any]:
    hertz, at_least_one = _frequencies(samples, rate, kind)
    gain = np.minimum(1.0, hertz / kind(low_hz)) ** 2 * np.minimum(1.0, kind(high_hz) / at_least_one) ** 2
    return gain.astype(kind, copy=False)


def band_filter(clip: Float, rate: int, low_hz: float, high_hz: float) -> Float:
    """``clip`` without what lies outside ``low_hz`` to ``high_hz``, 12 dB an octave: a loudspeaker, a wall, a phone."""
    gain = _band_gain(len(clip), rate, low_hz, high_hz, np.float64)
    return np.fft.irfft(np.fft.rfft(clip) * gain, len(clip)).astype(np.float32, copy=False)


def switched(clip: Float, on: int, off: int, floor_db: float, ramp: int = 80) -> Float:
    """``clip`` from sample ``on`` to ``off`` (after it, or before it where ``off < on``), elsewhere at ``floor_db``.

    >>> switched(np.full(6, 100, np.float32), 2, 4, -40.0, ramp=1).round(3).tolist()
    [1.0, 1.0, 100.0, 100.0, 1.0, 1.0]
    """
    first, last = min(on, off), max(on, off)
    inside = np.zeros(len(clip), np.float32)
    inside[first:last] = 1
    for begin, end in ((first, min(first + ramp, last)), (max(last - ramp, first), last)):
        place = np.arange(begin, end, dtype=np.float32)
        inside[begin:end] = np.minimum(np.minimum(place - first + 1, last - place) / np.float32(ramp), 1)
    if off < on:
        inside = np.float32(1) - inside
    floor = np.float32(10 ** (floor_db / 20))
    return clip * (floor + (1 - floor) * inside)


class Shaping(NamedTuple):
    """Noise as it was drawn, and what is still to be done with it.

    Attributes:
        wave: Mixed already, float32.
        mixed: Whether it was.
        band: Lowest and highest frequency in Hz of a :func:`band_filter`.
        switch: Arguments of :func:`switched`: on, off, floor in dB.
    """

    wave: Float
    mixed: bool = False
    band: tuple[float, float] | None = None
    switch: tuple[int, int, float] | None = None

    @property
    def name(self) -> str:
        """What happens, as names of clips say it."""
        done = (("mixed", self.mixed), ("filtered", self.band), ("switched", self.switch))
        return "".join(f" {what}" for what, does in done if does)


def mixed_in(clip: Float, other: Float, level_db: float) -> Float:
    """``clip`` plus ``other``, ``level_db`` above it; ``other`` alone where ``clip`` is digital zero."""
    return clip + at_level(other, level_dbfs(clip) + level_db) if clip.any() else other


def draw_shaping(rng: np.random.Generator, clip: Float, other: npt.NDArray[Any] | None, rate: int) -> Shaping:
    """How another place would have ``clip``: mixed with ``other``, filtered, switched.

    Each happens to some of the clips: a second noise at -20 to 0 dB to 30 %, a filter to 30 %, a switch to 15 %.
    """
    mixed = other is not None and rng.random() < 0.3
    if other is not None and mixed:
        level_db = rng.uniform(-20.0, 0.0) if clip.any() else 0.0
        clip = mixed_in(clip, other.astype(np.float32, copy=False), level_db)
    band = switch = None
    if rng.random() < 0.3:
        low = 50.0 * 2 ** rng.uniform(0.0, 4.0)
        band = low, min(0.45 * rate, low * 2 ** rng.uniform(2.0, 6.0))
    if rng.random() < 0.15:
        on, off = (int(place) for place in rng.integers(0, len(clip), 2))
        switch = on, off, rng.uniform(-40.0, -10.0)
    return Shaping(clip, mixed, band, switch)


def shape(shaping: Shaping, rate: int) -> Float:
    """The wave of ``shaping`` when all is done."""
    wave = shaping.wave if shaping.band is None else band_filter(shaping.wave, rate, *shaping.band)
    return wave if shaping.switch is None else switched(wave, *shaping.switch)


def shape_all(shapings: Sequence[Shaping], rate: int) -> list[Float]:
    """:func:`shape` of many waves of one length, filtered together and in single precision: not its bytes.

    A wave does not depend on those beside it.
    """
    waves = [one.wave for one in shapings]
    rows = [row for row, one in enumerate(shapings) if one.band is not None]
    if rows:
        import scipy.fft  # a third of a second, in every process that hears no augmented clip too

        spectra = scipy.fft.rfft(np.stack([waves[row] for row in rows]), overwrite_x=True)
        for spectrum, row in zip(spectra, rows, strict=True):
            spectrum *= _band_gain(len(waves[row]), rate, *(shapings[row].band or (0.0, 0.0)), np.float32)
        filtered = scipy.fft.irfft(spectra, len(waves[rows[0]]), overwrite_x=True)
        for row, wave in zip(rows, filtered, strict=True):
            waves[row] = wave
    return [
        wave if one.switch is None else switched(wave, *one.switch) for wave, one in zip(waves, shapings, strict=True)
    ]
