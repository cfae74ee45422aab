"""Variations of one training clip: pure functions on float32 samples at int16 scale."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float32]


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

    Resampled by soxr: a formant at ``f`` moves to ``factor * f``. The factor is rounded to 1 %, since soxr is twice
    as fast at ratios of small whole numbers.
    """
    percent = round(factor * 100)
    if percent == 100:
        return clip
    import soxr

    played = soxr.resample(clip, percent, 100, quality="LQ")
    spare = len(clip) - len(played)
    if spare >= 0:
        result = np.zeros_like(clip)
        result[spare // 2 : spare // 2 + len(played)] = played
        return result
    return played[-spare // 2 : -spare // 2 + len(clip)]


def tilt_spectrum(clip: Float, coefficient: float) -> Float:
    """``y[n] = x[n] - a x[n-1]`` at the power of ``x``: brighter for ``a > 0``, duller for ``a < 0``.

    The response falls or rises from ``|1 - a|`` at 0 Hz to ``|1 + a|`` at half the sample rate, as microphones and
    distances differ.
    """
    tilted = clip.copy()
    tilted[1:] -= np.float32(coefficient) * clip[:-1]
    power = float(np.dot(tilted, tilted))
    if power > 0:
        tilted *= np.float32(np.sqrt(float(np.dot(clip, clip)) / power))
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


def mix_noise(clip: Float, noise: Float, snr_db: float, floor: float = 30.0) -> Float:
    """``clip`` plus ``noise`` scaled to ``snr_db`` below the clip's power while the word sounds.

    The word's level is the root mean square of the loudest fifth of 20 blocks, since most of a clip is pause; at
    least ``floor``, so that a silent clip also gets its noise.
    """
    power = np.square(clip[: len(clip) // 20 * 20].reshape(20, -1)).mean(axis=1)
    level = max(float(np.sqrt(np.sort(power)[-4:].mean())), floor)
    own = float(np.sqrt(np.dot(noise, noise) / len(noise)))
    if own == 0.0:
        return clip
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
