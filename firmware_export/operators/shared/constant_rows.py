"""Outputs that no input can change: their weights need be neither stored nor multiplied.

Training leaves channels whose weights are too small to move the output by one level, or that a ReLU always cuts off.
Over all int8 inputs x the sum of a channel lies between

    low, high = bias + sum over w > 0 of w (x - z) + sum over w < 0 of w (x - z),   x = -128 and 127, or 127 and -128,

and requantisation does not decrease, so a channel gives one value if ``low`` and ``high`` give the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from firmware_export.operators.shared.tflite_arithmetic import rescale

_HALF, _QUARTER_SHIFT = 1 << 30, -1  # together a quarter: 4 n becomes n, exactly, in the short arithmetic


@dataclass(frozen=True)
class Sums:
    """What one layer adds up, and how it is requantised: a row of ``rows`` and a number of each other for a channel."""

    rows: np.ndarray  # int8 [channels, inputs]
    bias: np.ndarray  # int64, as in the file
    multiplier: np.ndarray
    shift: np.ndarray


def fit_short(sums: Sums, in_zero: int) -> np.ndarray:
    """Channels for which the short arithmetic is exact, bool [channels].

    Every shift must be negative and all intermediate results within 32 bits: with S = sum |w|, |sum| <= 128 S, and
    |sum + bias| <= |b| + 255 S.
    """
    wide = sums.rows.astype(np.int64)
    folded = sums.bias - in_zero * wide.sum(axis=1)
    reach = np.abs(sums.bias) + 255 * np.abs(wide).sum(axis=1)
    rounded = np.maximum(reach, 1) + 257 * (1 << np.maximum(-sums.shift - 1, 0))
    return (sums.shift < 0) & (reach < 1 << 30) & (np.abs(folded) < 1 << 30) & (rounded < 1 << 31)


def settle_constants(sums: Sums, in_zero: int, out_zero: int, minimum: int, maximum: int) -> Sums:
    """Give channels with one output for all inputs zero weights, and a bias and factor that make just that output.

    Where no other weight is zero, as on grids of few bits without a zero level, only channels that the short
    arithmetic does not fit: zeros would take the layer its encoding.

    >>> factors = np.array([1 << 30] * 2), np.array([-6] * 2)
    >>> sums = Sums(np.array([[1, -1], [9, 0]], np.int8), np.array([-9000, 0]), *factors)
    >>> settled = settle_constants(sums, in_zero=0, out_zero=5, minimum=5, maximum=127)
    >>> settled.rows.tolist(), settled.bias.tolist(), settled.shift.tolist()
    ([[0, 0], [9, 0]], [0, 0], [-1, -6])
    """
    wide = sums.rows.astype(np.int64)
    positive, negative = np.maximum(wide, 0).sum(axis=1), np.minimum(wide, 0).sum(axis=1)
    low = sums.bias + positive * (-128 - in_zero) + negative * (127 - in_zero)
    high = sums.bias + positive * (127 - in_zero) + negative * (-128 - in_zero)
    # Beyond 32 bits a sum may wrap, and a left shift may too
    safe = (low >= -(1 << 31)) & (high < 1 << 31) & (sums.shift <= 0)
    rows, bias, multiplier, shift = (np.array(part) for part in (wide, sums.bias, sums.multiplier, sums.shift))
    values: dict[int, int] = {}
    for channel in np.flatnonzero(safe):
        factor = int(multiplier[channel]), int(shift[channel])
        ends = [rescale(int(end[channel]), *factor) + out_zero for end in (low, high)]
        least, most = (min(max(end, minimum), maximum) for end in ends)
        if least == most:
            values[int(channel)] = least
    sparse = bool((np.delete(wide, list(values), axis=0) == 0).any())
    short = fit_short(sums, in_zero)
    for channel, value in values.items():
        if sparse or not short[channel]:
            rows[channel], bias[channel] = 0, 4 * (value - out_zero)
            multiplier[channel], shift[channel] = _HALF, _QUARTER_SHIFT
    return Sums(rows.astype(np.int8), bias, multiplier, shift)
