"""Sparse convolutions over planes of a few pixels: blocks of four, six and ten, and what they hold."""

from __future__ import annotations

import numpy as np
import pytest

from firmware_export.emulation.emulator import emulate
from firmware_export.encodings.narrow import narrow_steps
from firmware_export.graphs.graph_writer import GraphWriter

# Kernel and output channels of each layer, VALID: planes of 20, 20, 10, 10, 5, 5, 4, 3 and 2 pixels.
LAYERS = (
    *((3, 2, 40), (1, 1, 40), (3, 1, 9), (1, 1, 70), (2, 1, 24)),
    *((1, 1, 16), (1, 2, 24), (1, 2, 8), (1, 2, 6)),
)


def model(density: float, relu_zero: int) -> bytes:
    """The layers one behind the other, with rows without weights and gaps longer than a step."""
    rng = np.random.default_rng(3)
    graph = GraphWriter()
    first = last = graph.activation((1, 6, 6, 3), 0.05, 3)
    height, width, depth, zero = 6, 6, 3, 3
    for rows, columns, channels in LAYERS:
        kernel = (channels, rows, columns, depth)
        weights = np.where(rng.random(kernel) < density, rng.integers(-128, 128, kernel), 0).astype(np.int8)
        weights[rng.integers(channels)] = 0
        weights[-1].reshape(-1)[[0, -1]] = -128, 127
        scales = rng.uniform(0.5, 1.5, channels).astype(np.float32) * np.float32(0.01)
        height, width = height - rows + 1, width - columns + 1
        spread = np.sqrt((weights.astype(float) ** 2).sum() / channels)
        shift = zero * weights.astype(int).reshape(channels, -1).sum(axis=1)
        bias = graph.biases(shift + rng.integers(-2000, 2000, channels), scales * np.float32(0.05))
        out = graph.activation((1, height, width, channels), 0.05 * 0.01 * spread, relu_zero)
        options = {"padding": "VALID", "stride_h": 1, "stride_w": 1}
        graph.operator("CONV_2D", [last, graph.weights(weights, scales, 0), bias], [out], **options)
        last, depth, zero = out, channels, relu_zero
    return graph.finish([first], [last])


@pytest.mark.device
@pytest.mark.parametrize(("board", "kernels"), [("mps2-an386", {10: 4, 6: 2, 4: 3}), ("mps2-an385", {})])
def test_boards_compute_what_tflm_does(board: str, kernels: dict[int, int]) -> None:
    for density, zero in ((0.25, -128), (0.04, -7)):
        report = emulate(model(density, zero), board, random=6, encodings=("delta",))
        assert report.bit_exact
        used = [row["kernel"] for row in report.layers]
        assert all(used.count(f"kws_conv_narrow_{width}") == count for width, count in kernels.items())


@pytest.mark.parametrize("width", [4, 6, 10])
def test_walking_the_steps_gives_the_rows(width: int) -> None:
    rows = np.random.default_rng(width).integers(-128, 128, (5, 90)).astype(np.int8)
    rows[np.random.default_rng(1).random(rows.shape) < 0.9] = 0
    rows[2], rows[3, -1] = 0, -128
    found, place, row = np.zeros_like(rows), 0, 0
    for half in narrow_steps(rows, width).tolist():
        step, weight = half & 255, half >> 8
        assert step % (2 * width) == 0
        place += step // (2 * width)
        if weight:
            found[row, place] = weight - 256 * (weight > 127)
        elif step == 0:
            place, row = 0, row + 1
    assert row == len(rows)
    assert np.array_equal(found, rows)
