"""Noise of surroundings made from nothing, for those who have no recordings: impacts, music, machines, sweeps."""

from __future__ import annotations

import numpy as np

from kws_tfmot.data.noise import COLOURS, coloured_noise
from kws_tfmot.data.rooms import Float, hum


def made_noises(rng: np.random.Generator, samples: int, rate: int, each: int = 5) -> list[Float]:
    """``each`` pieces of impacts, music, machines and sweeps, one of every colour, and hum; all of unit power."""
    found: list[Float] = [coloured_noise(rng, samples, power) for power in COLOURS.values()]
    found.append(hum(rng, samples, rate))
    for make in (impacts, music, machine, sweeps):
        found += [make(rng, samples, rate) for _ in range(each)]
    return [_unit(wave) for wave in found]


def impacts(rng: np.random.Generator, samples: int, rate: int) -> Float:
    """Dishes, steps, typing: decaying resonances of 200 to 6000 Hz, half to ten a second."""
    wave = np.zeros(samples, np.float32)
    length = int(0.4 * rate)
    time = np.arange(length) / rate
    kinds = []
    for _ in range(6):
        sound = rng.standard_normal(length) * np.exp(-time / rng.uniform(0.001, 0.02)) * rng.uniform(0.1, 1.0)
        for _ in range(int(rng.integers(2, 7))):
            frequency, decay = np.exp(rng.uniform(np.log(200), np.log(6000))), np.exp(rng.uniform(-5.5, -2.2))
            sound += rng.uniform(0.1, 1.0) * np.sin(2 * np.pi * frequency * time) * np.exp(-time / decay)
        kinds.append(sound.astype(np.float32))
    for _ in range(rng.poisson(np.exp(rng.uniform(np.log(0.5), np.log(10))) * samples / rate)):
        at = int(rng.integers(0, max(1, samples - length)))
        wave[at : at + length] += kinds[int(rng.integers(6))][: samples - at] * np.float32(10 ** rng.uniform(-1.2, 0))
    return wave + np.float32(1e-3) * rng.standard_normal(samples, dtype=np.float32)


def music(rng: np.random.Generator, samples: int, rate: int) -> Float:
    """Notes of several harmonics with an attack and a decay, some at once, in a scale."""
    wave = np.zeros(samples, np.float32)
    base, pace = rng.uniform(60, 220), rng.uniform(1.0, 6.0)
    scale = rng.permutation(12)[:7]
    for _ in range(int(pace * samples / rate * rng.integers(1, 4))):
        length = int(rng.uniform(0.1, 1.2) * rate)
        at = int(rng.integers(0, max(1, samples - length)))
        time = np.arange(min(length, samples - at)) / rate
        frequency = base * 2 ** (rng.choice(scale) / 12 + rng.integers(0, 4))
        vibrato = rng.uniform(0, 0.01) * np.sin(2 * np.pi * rng.uniform(3, 7) * time)
        phase = 2 * np.pi * frequency * (time + vibrato * 0.05)
        note = np.zeros(len(time))
        for harmonic in range(1, int(min(12, 0.45 * rate / frequency)) + 1):
            note += rng.uniform(0.2, 1.0) / harmonic ** rng.uniform(0.3, 2.0) * np.sin(harmonic * phase)
        envelope = np.minimum(time / rng.uniform(0.003, 0.1), 1.0) * np.exp(-time / rng.uniform(0.05, 0.8))
        wave[at : at + len(time)] += (note * envelope).astype(np.float32)
    return wave + np.float32(1e-3) * rng.standard_normal(samples, dtype=np.float32)


def machine(rng: np.random.Generator, samples: int, rate: int) -> Float:
    """A fan, water, a vacuum cleaner: noise of a few random bands, some of them beating."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    frequencies = np.fft.rfftfreq(samples, 1 / rate)
    shape = np.full(len(frequencies), 0.05)
    for _ in range(int(rng.integers(1, 6))):
        centre = np.exp(rng.uniform(np.log(80), np.log(6000)))
        shape += rng.uniform(0.1, 1.0) * np.exp(
            -((np.log(frequencies + 1) - np.log(centre)) ** 2) / rng.uniform(0.01, 1)
        )
    wave = np.fft.irfft(spectrum * shape, samples)
    time = np.arange(samples) / rate
    depth, beat = rng.uniform(0, 0.9), np.exp(rng.uniform(np.log(0.3), np.log(25)))
    return (wave * (1 + depth * np.sin(2 * np.pi * beat * time))).astype(np.float32)


def sweeps(rng: np.random.Generator, samples: int, rate: int) -> Float:
    """Sirens, squeaks, toys, animals: gliding tones of some harmonics that start and stop."""
    wave = np.zeros(samples, np.float32)
    for _ in range(int(rng.uniform(0.5, 3.0) * samples / rate)):
        length = int(rng.uniform(0.05, 0.9) * rate)
        at = int(rng.integers(0, max(1, samples - length)))
        corners = np.exp(rng.uniform(np.log(150), np.log(4000)) + rng.normal(0, 0.4, 4))
        frequency = np.interp(np.arange(length), np.linspace(0, length, 4), corners)
        phase = 2 * np.pi * np.cumsum(frequency) / rate
        tone = sum(np.sin(k * phase) / k ** rng.uniform(0.5, 2.0) for k in range(1, int(rng.integers(2, 8))))
        tone = tone * np.hanning(length) + rng.uniform(0, 0.3) * rng.standard_normal(length) * np.hanning(length)
        wave[at : at + length] += tone[: samples - at].astype(np.float32)
    return wave + np.float32(1e-3) * rng.standard_normal(samples, dtype=np.float32)


def _unit(wave: Float) -> Float:
    return (wave / (np.sqrt(np.mean(np.square(wave))) + 1e-9)).astype(np.float32)
