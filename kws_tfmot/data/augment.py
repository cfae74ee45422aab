"""Variations of one training clip: pure functions on float32 samples at int16 scale.

They define, to the last bit, what ``csrc/kws_vary.c`` does with many clips in one call
(:mod:`kws_tfmot.data.variation`).
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float32]
PHASES, TAPS = 100, 32
NOISE_FLOOR = 30.0  # least level of a word that noise is mixed to
_LANES = 8


def shift(clip: Float, samples: int) -> Float:
    """``clip`` moved later by ``samples`` (earlier where negative), zeros coming in.

    >>> shift(np.array([1, 2, 3], np.float32), 1).tolist()
    [0.0, 1.0, 2.0]
    """
    if samples == 0:
        return clip
    moved = np.zeros_like(clip)
    if abs(samples) < len(clip):
        if samples > 0:
            moved[samples:] = clip[:-samples]
        else:
            moved[:samples] = clip[-samples:]
    return moved


def change_speed(clip: Float, factor: float) -> Float:
    """``clip`` played ``factor`` times as fast, so higher too, about its middle and at its own length.

    A formant at ``f`` moves to ``factor * f``. The factor is rounded to 1 %: ``y[n] = sum_k h_p[k] x[q + k - 15]``,
    where ``q + p / 100`` is the place of ``n`` in the clip, and ``h_p`` the row of :func:`speed_kernel` for it.
    """
    percent = round(factor * 100)
    if percent == 100:
        return clip
    middle = len(clip) // 2
    whole, part = np.divmod((np.arange(len(clip)) - middle) * percent + PHASES * middle, PHASES)
    first = whole - TAPS // 2 + 1 + TAPS
    padded = np.pad(clip, (TAPS, 2 * TAPS))
    inside = (first >= 0) & (first <= len(clip) + TAPS)
    windows = np.lib.stride_tricks.sliding_window_view(padded, TAPS)[np.where(inside, first, 0)]
    products = (windows * speed_kernel(percent)[part]).reshape(len(clip), -1, _LANES)
    return np.where(inside, _joined(np.add.accumulate(products, axis=1)[:, -1].T), np.float32(0))


@functools.cache
def speed_kernel(percent: int) -> Float:
    """Taps that read a clip between its samples and keep what sounds below half the new rate: ``[PHASES, TAPS]``.

    A sinc cut at ``0.9 min(1, 100 / percent)`` of half the rate by a Kaiser window (beta 6); each row adds up to 1.
    """
    cut = 0.9 * min(1.0, 100 / percent)
    time = np.arange(TAPS) - (TAPS // 2 - 1) - np.arange(PHASES)[:, None] / PHASES
    taps = np.sinc(cut * time) * np.i0(6.0 * np.sqrt(np.maximum(0.0, 1 - (time / (TAPS // 2)) ** 2)))
    return (taps / taps.sum(axis=1, keepdims=True)).astype(np.float32)


def energy(clip: Float) -> float:
    """``sum_n x[n]^2`` in double precision, over eight lanes: the same bits as in C.

    >>> energy(np.arange(10, dtype=np.float32))
    285.0
    """
    wide = np.zeros(-(-len(clip) // _LANES) * _LANES)
    wide[: len(clip)] = clip
    return float(_joined(np.add.accumulate(np.square(wide).reshape(-1, _LANES), axis=0)[-1]))


def _joined(sums: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]))


def tilt_spectrum(clip: Float, coefficient: float) -> Float:
    """``y[n] = x[n] - a x[n-1]`` at the power of ``x``: brighter for ``a > 0``, duller for ``a < 0``.

    The response falls or rises from ``|1 - a|`` at 0 Hz to ``|1 + a|`` at half the sample rate, as microphones and
    distances differ.
    """
    tilted = clip.copy()
    tilted[1:] -= np.float32(coefficient) * clip[:-1]
    power = energy(tilted)
    if power > 0:
        tilted *= np.float32(np.sqrt(energy(clip) / power))
    return tilted


def add_reflections(clip: Float, delays: npt.NDArray[np.integer], gains: Float) -> Float:
    """The direct sound plus early reflections: ``y[n] = x[n] + sum_k g_k x[n - d_k]``."""
    wet = clip.copy()
    for delay, gain in zip(delays.tolist(), gains.tolist(), strict=True):
        wet[delay:] += np.float32(gain) * clip[: len(clip) - delay]
    return wet


def draw_reflections(rng: np.random.Generator, rate: int) -> tuple[npt.NDArray[np.int64], Float]:
    """Four to eight reflections within 60 ms, decaying exponentially with an RT60 of 0.1 to 0.5 s.

    Amplitude after ``t`` seconds is ``10^(-3 t / RT60)`` times a wall loss of 0.2 to 0.7, of either sign.
    """
    count = int(rng.integers(4, 9))
    seconds = np.sort(rng.uniform(0.001, 0.06, count))
    reach = rng.uniform(0.1, 0.5)
    gains = rng.uniform(0.2, 0.7) * 10 ** (-3 * seconds / reach) * rng.choice([-1.0, 1.0], count)
    return np.maximum(np.rint(seconds * rate).astype(np.int64), 1), gains.astype(np.float32)


def mix_noise(clip: Float, noise: Float, snr_db: float, floor: float = NOISE_FLOOR) -> Float:
    """``clip`` plus ``noise`` scaled to ``snr_db`` below the clip's power while the word sounds.

    The word's level is the root mean square of the loudest fifth of 20 blocks, since most of a clip is pause; at
    least ``floor``, so that a silent clip also gets its noise.
    """
    own = float(np.sqrt(energy(noise) / len(noise)))
    if own == 0.0:
        return clip
    blocks = clip[: len(clip) // 20 * 20].reshape(20, -1)
    loudest = sorted((energy(block) / blocks.shape[1] for block in blocks), reverse=True)[:4]
    level = max(float(np.sqrt(sum(loudest) / 4)), floor)
    return clip + noise * np.float32(level / own * 10 ** (-snr_db / 20))


def word_bounds(clips: npt.NDArray[np.int16], blocks: int = 100) -> npt.NDArray[np.int64]:
    """Where the word of each clip begins, has half of its energy behind it, and ends, in samples ``[N, 3]``.

    Read off the cumulated energy of ``blocks`` blocks at 3, 50 and 97 %.
    """
    size = clips.shape[1] // blocks
    cut = clips[:, : size * blocks].reshape(len(clips), blocks, size).astype(np.float32)
    total = np.cumsum(np.einsum("nbs,nbs->nb", cut, cut), axis=1)
    part = total / np.maximum(total[:, -1:], 1.0)
    places = np.stack([(part < share).sum(axis=1) for share in (0.03, 0.5, 0.97)], axis=1)
    return places.astype(np.int64) * size


def splice(first: Float, first_middle: int, second: Float, second_middle: int, fade: int = 160) -> Float:
    """The beginning of one word up to its middle, then the rest of another word from its middle on.

    Both middles come to lie where ``first`` has its own; ``fade`` samples are cross-faded.
    """
    rest = shift(second, first_middle - second_middle)
    ramp = np.clip((np.arange(len(first), dtype=np.float32) - first_middle) / fade + 0.5, 0.0, 1.0)
    return first + ramp * (rest - first)
