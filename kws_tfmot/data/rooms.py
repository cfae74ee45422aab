"""Rooms and surroundings for synthetic speech, on float32 samples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float32]


def trim(clip: Float, below_db: float = 45.0, margin: int = 160) -> Float:
    """``clip`` without the quiet before and after: all below ``below_db`` under the peak, save ``margin`` samples.

    >>> trim(np.array([0, 0, 9, 1, 0, 0], np.float32), margin=1).tolist()
    [0.0, 9.0, 1.0, 0.0]
    """
    loud = np.flatnonzero(np.abs(clip) > np.abs(clip).max(initial=0.0) * 10 ** (-below_db / 20))
    if not len(loud):
        return clip
    return clip[max(0, int(loud[0]) - margin) : int(loud[-1]) + 1 + margin]


def room_response(rng: np.random.Generator, rate: int) -> Float:
    """Impulse response of a small room: direct sound, then Gaussian noise that decays by 60 dB in RT60.

    ``h[0] = 1``, ``h[n] = g z[n] 10^(-3 n / (rate RT60))`` from 2 ms on, with RT60 of 0.1 to 0.5 s and a direct sound
    2 to 14 dB above all that follows. (Polack's model of diffuse reverberation.)
    """
    reach = rng.uniform(0.1, 0.5)
    time = np.arange(int(reach * rate)) / rate
    tail = rng.standard_normal(len(time)) * 10 ** (-3 * time / reach)
    tail[: int(0.002 * rate)] = 0
    tail *= 10 ** (-rng.uniform(2.0, 14.0) / 20) / np.sqrt(np.sum(tail**2))
    tail[0] = 1.0
    return tail.astype(np.float32)


def in_a_room(clip: Float, rng: np.random.Generator, rate: int) -> Float:
    """``clip`` convolved with a :func:`room_response` and its decay, by FFT."""
    response = room_response(rng, rate)
    size = len(clip) + len(response) - 1
    padded = 1 << (size - 1).bit_length()
    wet = np.fft.irfft(np.fft.rfft(clip, padded) * np.fft.rfft(response, padded), padded)[:size]
    return wet.astype(np.float32)


def hum(rng: np.random.Generator, samples: int, rate: int) -> Float:
    """Mains hum of unit power: 50 Hz and its harmonics in random phases, falling, with a little white noise."""
    time = np.arange(samples) / rate
    wave = 0.05 * rng.standard_normal(samples)
    for harmonic in range(1, 20):
        wave += np.sin(2 * np.pi * (50.0 * harmonic * time + rng.random())) / harmonic
    return (wave / np.sqrt(np.mean(wave**2))).astype(np.float32)


def sum_of_voices(rng: np.random.Generator, words: Sequence[Float], samples: int, rate: int, at_once: int = 6) -> Float:
    """``words`` scattered over ``samples`` so that about ``at_once`` sound at any time, at unit power."""
    wave = np.zeros(samples, np.float32)
    mean = float(np.mean([len(word) for word in words]))
    for _ in range(int(at_once * samples / mean)):
        word = words[int(rng.integers(len(words)))][:samples]
        first = int(rng.integers(0, samples - len(word) + 1))
        wave[first : first + len(word)] += word * np.float32(10 ** (rng.uniform(-12.0, 0.0) / 20))
    return wave / np.float32(np.sqrt(np.mean(wave**2)) + 1e-6)
