"""Clips of the class ``_silence_``: digital zero, and noise at every level from a quiet room's to full scale."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from kws_tfmot.data.audio import Int16, to_int16
from kws_tfmot.data.labels import MADE_SILENCE
from kws_tfmot.data.noise import NoiseBank
from kws_tfmot.data.noise_shapes import LOWEST_DBFS, Shaping, at_level, level_dbfs, shape

ZERO_SHARE = 0.06
"""Share of silence clips that are exact zeros, as a muted microphone gives."""
DITHER_SHARE = 0.06
"""Share that is Gaussian, 0.3 to 6 steps of int16: a converter without a source."""
GENERATED_SHARE = 0.3
"""Share of the rest that is coloured noise made here rather than recorded."""


def silence_clip(rng: np.random.Generator, noise: NoiseBank, split: str, place: float) -> tuple[Int16, str]:
    """One clip from the stretches of ``split``, and a name that says how it was made and how loud it came out.

    A user's noise files may have any level, and so may the noise of the place of use: whatever is drawn is normalised
    and given a level of its own, evenly in decibels. Where it passes full scale it clips, as a converter does.

    Args:
        rng: Decides everything but the level.
        noise: Recorded noises; where there is none, generated noise takes their place.
        split: Whose stretches are drawn from.
        place: See :func:`draw_silence`.
    """
    made, name = draw_silence(rng, noise, split, place)
    if isinstance(made, np.ndarray):
        return made, name
    shaping, decibels = made
    clip = to_int16(at_level(shape(shaping, noise.rate), decibels))
    return clip, f"{name}{shaping.name} {level_dbfs(clip):.2f} dBFS"


def draw_silence(
    rng: np.random.Generator, noise: NoiseBank, split: str, place: float
) -> tuple[Int16 | tuple[Shaping, float], str]:
    """A clip that is ready, or noise that is to be shaped and its level in dBFS; and a name.

    Args:
        rng: Decides everything but the level.
        noise: What noise is drawn from.
        split: Whose stretches.
        place: From 0 to 1: up to :data:`ZERO_SHARE` exact zeros, then up to :data:`DITHER_SHARE` more dither, then
            noise from -70 dBFS to full scale (root mean square before clipping).
    """
    length = noise.length
    if place < ZERO_SHARE:
        return np.zeros(length, np.int16), "zero"
    if place < ZERO_SHARE + DITHER_SHARE:
        steps = rng.uniform(0.3, 6.0)
        clip = to_int16(rng.standard_normal(length, dtype=np.float32) * np.float32(steps))
        return clip, f"dither x{steps:.3f}"
    shaping, name = noise.draw_shaping(rng, split, GENERATED_SHARE)
    return (shaping, noise_level(place)), name


def is_noise(place: float) -> bool:
    """Whether silence at ``place`` is noise, and neither zeros nor dither."""
    return place >= ZERO_SHARE + DITHER_SHARE


def noise_level(place: float) -> float:
    """Its level in dB of full scale."""
    return LOWEST_DBFS * (1 - place) / (1 - ZERO_SHARE - DITHER_SHARE)


def silence_clips(rng: np.random.Generator, noise: NoiseBank, split: str, clips: npt.NDArray[np.int16]) -> list[str]:
    """Fill ``clips [count, samples]`` with silence at levels spread evenly; return their names."""
    names = []
    for row, place in enumerate(draw_places(rng, len(clips))):
        clips[row], name = silence_clip(rng, noise, split, place)
        names.append(name)
    return names


def draw_places(rng: np.random.Generator, count: int) -> Sequence[float]:
    """``count`` places between 0 and 1, one in each ``1 / count`` of it, in random order: every level has its share.

    >>> sorted(int(4 * place) for place in draw_places(np.random.default_rng(0), 4))
    [0, 1, 2, 3]
    """
    return ((rng.permutation(count) + rng.random(count)) / max(count, 1)).tolist()


def made_level(name: str) -> float | None:
    """Level of a clip named by :func:`silence_clip` in dBFS; minus infinity for zeros and dither, ``None`` for others.

    An index puts :data:`~kws_tfmot.data.labels.MADE_SILENCE` before the name.

    >>> made_level("tap.wav@300 mixed -31.25 dBFS"), made_level("_silence_/made: zero"), made_level("tap.wav")
    (-31.25, -inf, None)
    """
    name = name.removeprefix(MADE_SILENCE)
    if name == "zero" or name.startswith("dither "):
        return -np.inf
    parts = name.rsplit(" ", 2)
    return float(parts[1]) if len(parts) == 3 and parts[2] == "dBFS" else None
