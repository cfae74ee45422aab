"""Variations of features instead of audio: SpecAugment and mixup, as pure functions."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kws_tfmot.data.data_settings import AugmentSettings
from kws_tfmot.data.large_arrays import allocate

_AT_ONCE = 4096


def spec_augment(
    features: npt.NDArray[np.int8], rng: np.random.Generator, settings: AugmentSettings
) -> npt.NDArray[np.int8]:
    """Mask stretches of time and bands of coefficients, each with the clip's own mean.

    Source: Park et al. 2019, arXiv 1904.08779 (without the time warp, which they find to help least).

    Args:
        features: int8 ``[N, frames, coefficients]``; not changed.
        rng: Source of the draws.
        settings: ``time_masks`` of 0 to ``time_mask_frames`` frames, ``frequency_masks`` of 0 to
            ``frequency_mask_bins`` coefficients.

    Returns:
        int8 of the same shape.

    >>> settings = AugmentSettings(time_masks=1, time_mask_frames=3)
    >>> masked = spec_augment(np.eye(8, dtype=np.int8)[None] * 9, np.random.default_rng(0), settings)
    >>> 5 <= int((masked == 9).sum()) <= 8
    True
    """
    count, frames, bins = features.shape
    drawn = []
    for axis, size, number, longest in (
        (1, frames, settings.time_masks, settings.time_mask_frames),
        (2, bins, settings.frequency_masks, settings.frequency_mask_bins),
    ):
        for _ in range(number):
            width = rng.integers(0, min(longest, size) + 1, count)
            first = rng.integers(0, size - width + 1)
            drawn.append((axis, first, first + width))
    result = allocate(features.shape, np.int8)
    for start in range(0, count, _AT_ONCE):
        rows = slice(start, start + _AT_ONCE)
        part = features[rows]
        masked = np.zeros(part.shape, bool)
        for axis, first, last in drawn:
            place = np.arange(part.shape[axis])
            inside = (place >= first[rows, None]) & (place < last[rows, None])
            masked |= np.expand_dims(inside, 3 - axis)
        # The mean of each coefficient over time is what "nothing known here" looks like to the model.
        mean = np.rint(part.mean(axis=1, keepdims=True)).astype(np.int8)
        result[rows] = np.where(masked, mean, part)
    return result


def mixup_draws(
    count: int, rng: np.random.Generator, alpha: float
) -> tuple[npt.NDArray[np.float32] | None, npt.NDArray[np.int64] | None]:
    """``l`` and ``j`` of :func:`mixup` for every ``i``; ``None`` where nothing is mixed."""
    if alpha <= 0 or count < 2:
        return None, None
    part = rng.beta(alpha, alpha, count).astype(np.float32)
    return np.maximum(part, 1 - part), rng.permutation(count)


def mixup(
    features: npt.NDArray[np.floating], one_hot: npt.NDArray[np.floating], rng: np.random.Generator, alpha: float
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """``l x_i + (1 - l) x_j`` of random pairs and of their targets, ``l ~ Beta(alpha, alpha)``, ``l >= 1/2``.

    Source: Zhang et al. 2018, arXiv 1710.09412. With ``alpha`` 0 nothing is mixed.

    Args:
        features: ``[N, ...]``.
        one_hot: ``[N, classes]``.
        rng: Source of the draws.
        alpha: Both parameters of the Beta distribution.
    """
    x, y = features.astype(np.float32), one_hot.astype(np.float32)
    part, other = mixup_draws(len(x), rng, alpha)
    if part is None or other is None:
        return x, y
    wide = part.reshape(-1, *(1,) * (x.ndim - 1))
    return wide * x + (1 - wide) * x[other], part[:, None] * y + (1 - part[:, None]) * y[other]
