"""Clips of the class ``_silence_``: from digital zero over quiet rooms to noise so loud that it clips."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from kws_tfmot.data.audio import Int16, to_int16
from kws_tfmot.data.noise import NoiseBank

# Kind and share. The packaged official test clips hold exact zeros and recordings at every volume up to the full
# one; "uniform" is the rule that made those, the rest covers microphones and rooms it does not.
KINDS = (
    ("zero", 0.08),
    ("dither", 0.07),
    ("logarithmic", 0.35),
    ("uniform", 0.30),
    ("generated", 0.10),
    ("loud", 0.10),
)
_FULL_SCALE = 32768.0


def silence_clip(rng: np.random.Generator, noise: NoiseBank, split: str, kind: str) -> tuple[Int16, str]:
    """One clip of ``kind`` from the stretches of ``split``, and a name that says how it was made.

    ``zero``: exact zeros. ``dither``: Gaussian, 0.3 to 6 steps of int16. ``logarithmic``: a recording at -60 to 0 dB.
    ``uniform``: a recording at a gain between 0 and 1. ``generated``: coloured noise at -75 to -6 dB of full scale.
    ``loud``: a recording raised to -14 to 0 dB of full scale, clipping where it must. Where there is no recording,
    generated noise takes its place.
    """
    length = noise.length
    if kind == "zero":
        return np.zeros(length, np.int16), "zero"
    if kind == "dither":
        steps = rng.uniform(0.3, 6.0)
        return to_int16(rng.standard_normal(length, dtype=np.float32) * np.float32(steps)), f"dither x{steps:.3f}"
    drawn = None if kind == "generated" else noise.draw(rng, split)
    if drawn is None:
        low = -14.0 if kind == "loud" else -75.0
        decibels = rng.uniform(low, 0.0 if kind == "loud" else -6.0)
        wave, name = noise.draw_generated(rng)
        return to_int16(wave * np.float32(_FULL_SCALE * 10 ** (decibels / 20))), f"{name} {decibels:.2f} dBFS"
    samples, name = drawn
    if kind == "uniform":
        gain = float(rng.uniform(0.0, 1.0))
    elif kind == "logarithmic":
        gain = 10 ** (rng.uniform(-60.0, 0.0) / 20)
    else:
        power = float(np.sqrt(np.mean(np.square(samples, dtype=np.float32)))) + 1.0
        gain = _FULL_SCALE * 10 ** (rng.uniform(-14.0, 0.0) / 20) / power
    return to_int16(samples * np.float32(gain)), f"{name} x{gain:.4f}"


def silence_clips(
    rng: np.random.Generator, noise: NoiseBank, split: str, count: int
) -> tuple[npt.NDArray[np.int16], list[str]]:
    """``count`` silence clips ``[count, samples]`` in the shares of :data:`KINDS`, and their names."""
    clips = np.zeros((count, noise.length), np.int16)
    names = []
    for row, kind in enumerate(draw_kinds(rng, count)):
        clips[row], name = silence_clip(rng, noise, split, kind)
        names.append(name)
    return clips, names


def draw_kinds(rng: np.random.Generator, count: int) -> Sequence[str]:
    """``count`` kinds in their shares (to within one clip), in random order."""
    ends = np.cumsum([share for _, share in KINDS])
    places = (np.arange(count) + 0.5) / max(count, 1)
    kinds = [KINDS[int(np.searchsorted(ends, place * ends[-1]))][0] for place in places]
    return [kinds[int(i)] for i in rng.permutation(count)]
