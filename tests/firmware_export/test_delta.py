"""Rows of the delta encoding: planes of every length, channels of every number, gaps, on the boards and on the host."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from firmware_export.emulation.emulator import emulate
from firmware_export.encodings.delta import encode
from firmware_export.engine import build
from firmware_export.graphs.graph_writer import GraphWriter

SPARSE = ("delta", "delta4", "bitmap", "index", "block")


def convolutions(seed: int, plane: tuple[int, int], channels: tuple[int, ...], density: float) -> bytes:
    """Sparse convolutions one after the other, the first and last with a window, outputs that use the int8 range."""
    rng = np.random.default_rng(seed)
    graph = GraphWriter()
    height, width = plane
    first = last = graph.activation((1, height, width, channels[0]), 0.05, 3)
    for number, (fan_in, fan_out) in enumerate(pairwise(channels)):
        size = 3 if number == 0 else 1
        if number == len(channels) - 2:
            kernel, shape, padding = (fan_out, height, width, fan_in), (1, 1, 1, fan_out), "VALID"
        else:
            kernel, shape, padding = (fan_out, size, size, fan_in), (1, height, width, fan_out), "SAME"
        weights = np.where(rng.random(kernel) < density, rng.integers(-127, 128, kernel), 0).astype(np.int8)
        weights[rng.integers(fan_out)] = 0  # a row without weights
        scales = rng.uniform(0.5, 1.5, fan_out).astype(np.float32) * np.float32(0.01)
        out = graph.activation(shape, 0.04 * np.sqrt(weights[0].size * density + 1), -128)
        inputs = [last, graph.weights(weights, scales, 0), graph.biases(rng.integers(-3000, 3000, fan_out), scales)]
        graph.operator("CONV_2D", inputs, [out], padding=padding, stride_h=1, stride_w=1)
        last = out
    return graph.finish([first], [last])


@pytest.mark.device
@pytest.mark.parametrize("board", ["mps2-an386", "mps2-an385", "microbit", "mps3-an547"])
def test_boards_compute_what_tflm_does(board: str) -> None:
    model = convolutions(5, (5, 3), (4, 8, 16, 5), 0.2)  # blocks of eight, of four and of one pixel
    for encoding in SPARSE if board == "mps2-an386" else ("delta",):
        report = emulate(model, board, random=3, encodings=(encoding,))
        assert report.bit_exact, encoding
        assert any(row["kernel"] == f"kws_conv_{encoding}" for row in report.layers)


def test_long_gaps_are_bridged() -> None:
    row = np.zeros((1, 64), np.int8)
    row[0, [0, 40]] = 5, -6
    encoded = encode(row)
    assert encoded is not None
    assert encoded.data.hex() == "0105f000" + "f000a0fa" + "01000000"


def test_matrices_times_vectors_take_another_encoding() -> None:
    graph = GraphWriter()
    first = graph.activation((1, 64), 0.05, 3)
    weights = np.zeros((4, 64), np.int8)
    weights[:, ::8] = 3
    scales = np.full(4, 0.01, np.float32)
    out = graph.activation((1, 4), 0.1, 0)
    graph.operator(
        "FULLY_CONNECTED", [first, graph.weights(weights, scales, 0), graph.biases(np.zeros(4, int), scales)], [out]
    )
    engine = build(graph.finish([first], [out]), encodings=("delta",))
    assert [p.encoding for p in engine.picked if p is not None] == ["dense"]
