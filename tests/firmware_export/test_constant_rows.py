"""Channels that no input can change cost nothing, and never their whole layer."""

from __future__ import annotations

import numpy as np
import pytest

from firmware_export.operators.shared.constant_rows import Sums, settle_constants
from firmware_export.operators.shared.tflite_arithmetic import rescale


def outputs(sums: Sums, channel: int, x: np.ndarray, in_zero: int, limits: tuple[int, int, int]) -> list[int]:
    out_zero, minimum, maximum = limits
    totals = sums.bias[channel] + (x - in_zero) @ sums.rows[channel].astype(np.int64)
    factor = int(sums.multiplier[channel]), int(sums.shift[channel])
    return [min(max(rescale(int(total), *factor) + out_zero, minimum), maximum) for total in totals]


@pytest.mark.parametrize("seed", range(20))
def test_every_output_stays_what_it_was(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = 24, int(rng.integers(1, 9))
    rows = np.where(rng.random(shape) < 0.4, 0, rng.integers(-127, 128, shape)).astype(np.int8)
    shift = -rng.integers(0, 30, 24)
    sums = Sums(rows, rng.integers(-(1 << 20), 1 << 20, 24), rng.integers(1 << 30, 1 << 31, 24), shift)
    in_zero, limits = int(rng.integers(-128, 128)), (int(rng.integers(-128, 128)), -128, 127)
    settled = settle_constants(sums, in_zero, *limits)
    corners = np.where(rng.random((300, shape[1])) < 0.5, -128, 127)
    x = np.concatenate([corners, rng.integers(-128, 128, (200, shape[1]))])
    for channel in range(24):
        before = outputs(sums, channel, x, in_zero, limits)
        assert outputs(settled, channel, x, in_zero, limits) == before
        changed = not np.array_equal(settled.rows[channel], rows[channel])
        assert not changed or len(set(before)) == 1


def test_a_minute_scale_leaves_the_others_alone() -> None:
    """As a trained network had it: one channel whose bias needs 30 bits, cut off by its ReLU whatever comes in."""
    rows = np.array([[3, -2, 0], [100, 7, -9]], np.int8)
    sums = Sums(rows, np.array([-1_015_145_152, 50]), np.array([1 << 30] * 2), np.array([-28, -9]))
    settled = settle_constants(sums, -128, -128, -128, 127)
    assert settled.rows.tolist() == [[0, 0, 0], [100, 7, -9]]
    assert settled.bias.tolist() == [0, 50]
    assert settled.shift.tolist() == [-1, -9]


def test_a_layer_without_zeros_gets_none_where_it_is_short_anyway() -> None:
    rows = np.array([[1, -1, 1], [1, 1, -1]], np.int8)
    sums = Sums(rows, np.array([-900_000, 5]), np.array([1 << 30] * 2), np.array([-6] * 2))
    assert settle_constants(sums, 0, -128, -128, 127).rows.tolist() == rows.tolist()
    sums.rows[1, 0] = 0
    assert settle_constants(sums, 0, -128, -128, 127).rows.tolist() == [[0, 0, 0], [0, 1, -1]]


def test_sums_beyond_32_bits_are_left_to_the_arithmetic_that_wraps() -> None:
    sums = Sums(np.array([[1]], np.int8), np.array([(1 << 31) - 1]), np.array([1 << 30]), np.array([-28]))
    assert settle_constants(sums, 0, 0, -128, 127).rows.tolist() == [[1]]
