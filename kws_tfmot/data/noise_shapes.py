"""What happens to noise before it is heard: rooms and filters colour it, sources mix, motors and taps go on and off."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.fft

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
    power = float(np.dot(clip, clip)) / len(clip)
    if power == 0.0:
        return clip
    return clip * np.float32(FULL_SCALE * 10 ** (decibels / 20) / np.sqrt(power))


@functools.lru_cache(maxsize=8)
def _frequencies(samples: int, rate: int, kind: type) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Of a spectrum, in Hz, and the same without what is below 1 Hz."""
    hertz: npt.NDArray[Any] = np.fft.rfftfreq(samples, 1 / rate).astype(kind)
    return hertz, np.maximum(hertz, 1.0)


def band_filter(clip: Float, rate: int, low_hz: float, high_hz: float, fast: bool = False) -> Float:
    """``clip`` without what lies outside ``low_hz`` to ``high_hz``, 12 dB an octave: a loudspeaker, a wall, a phone.

    ``fast`` transforms in single precision.
    """
    transforms, kind = (scipy.fft, np.float32) if fast else (np.fft, np.float64)
    spectrum = transforms.rfft(clip)
    hertz, at_least_one = _frequencies(len(clip), rate, kind)
    gain = np.minimum(1.0, hertz / kind(low_hz)) ** 2 * np.minimum(1.0, kind(high_hz) / at_least_one) ** 2
    return transforms.irfft(spectrum * gain.astype(kind, copy=False), len(clip)).astype(np.float32, copy=False)


def switched(clip: Float, on: int, off: int, floor_db: float, ramp: int = 80) -> Float:
    """``clip`` from sample ``on`` to ``off`` (after it, or before it where ``off < on``), elsewhere at ``floor_db``.

    >>> switched(np.full(6, 100, np.float32), 2, 4, -40.0, ramp=1).round(3).tolist()
    [1.0, 1.0, 100.0, 100.0, 1.0, 1.0]
    """
    place = np.arange(len(clip), dtype=np.float32)
    first, last = min(on, off), max(on, off)
    inside: Float = np.minimum(place - first + 1, last - place) / np.float32(ramp)
    inside = np.clip(inside, 0, 1)
    if off < on:
        inside = np.float32(1) - inside
    floor = np.float32(10 ** (floor_db / 20))
    return clip * (floor + (1 - floor) * inside)


def reshape(
    rng: np.random.Generator, clip: Float, other: npt.NDArray[Any] | None, rate: int, fast: bool = False
) -> tuple[Float, str]:
    """``clip`` as another place would have it, and what was done: mixed with ``other``, filtered, switched.

    Each happens to some of the clips: a second noise at -20 to 0 dB to 30 %, a filter to 30 %, a switch to 15 %.
    """
    done = []
    if other is not None and rng.random() < 0.3:
        wave = other.astype(np.float32, copy=False)
        clip = clip + at_level(wave, level_dbfs(clip) + rng.uniform(-20.0, 0.0)) if clip.any() else wave
        done.append("mixed")
    if rng.random() < 0.3:
        low = 50.0 * 2 ** rng.uniform(0.0, 4.0)
        clip = band_filter(clip, rate, low, min(0.45 * rate, low * 2 ** rng.uniform(2.0, 6.0)), fast)
        done.append("filtered")
    if rng.random() < 0.15:
        on, off = (int(place) for place in rng.integers(0, len(clip), 2))
        clip = switched(clip, on, off, rng.uniform(-40.0, -10.0))
        done.append("switched")
    return clip, "".join(f" {what}" for what in done)
