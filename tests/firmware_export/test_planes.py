"""Planes of signs on the boards: sums of every depth and number of planes, pointwise and under windows."""

from __future__ import annotations

import numpy as np
import pytest

from firmware_export.emulation.emulator import emulate
from firmware_export.graphs.graph_writer import GraphWriter

M4 = "mps2-an386"
# (output channels, kernel, stride, bits): depths 5, 12, 45, 20, 30, 64, 255 and 14; four bits leave the quick kernel.
LAYERS = (
    (12, 1, 1, 1),
    (5, 1, 1, 2),
    (20, 3, 1, 1),
    (30, 1, 1, 3),
    (64, 1, 1, 1),
    (255, 1, 1, 1),
    (14, 1, 1, 1),
    (3, 1, 1, 4),
    (9, 2, 2, 1),
)


def layers(height: int, width: int, kinds: tuple[tuple[int, int, int, int], ...] = LAYERS) -> bytes:
    """One convolution behind the other, all of odd levels."""
    rng = np.random.default_rng(height)
    w, channels = GraphWriter(), 5
    first = last = w.activation((1, height, width, channels), 0.5, 3)
    for outputs, kernel, stride, bits in kinds:
        height, width, scale = -(-height // stride), -(-width // stride), np.float32(0.5)
        depth = kernel * kernel * channels
        levels = np.arange(1 - (1 << bits), 1 << bits, 2, dtype=np.int8) * (64 >> bits)
        weights = rng.choice(levels, (outputs, kernel, kernel, channels))
        scales = rng.uniform(0.5, 1.5, outputs).astype(np.float32) * np.float32(0.03 / np.sqrt(depth))
        y = w.activation((1, height, width, outputs), 0.5, int(rng.integers(-20, 20)))
        bias = w.biases(rng.integers(-2000, 2000, outputs), scales * scale)
        options = {"padding": "SAME", "stride_h": stride, "stride_w": stride}
        w.operator("CONV_2D", [last, w.weights(weights, scales, 0), bias], [y], **options)
        last, channels = y, outputs
    return w.finish([first], [last])


@pytest.mark.device
@pytest.mark.parametrize("board", [M4, "mps2-an385", "mps3-an547", "microbit"])
def test_every_byte_is_tflm_s(board: str) -> None:
    """35 pixels: four blocks of eight and one of four."""
    kinds = LAYERS[:4] if board == "microbit" else LAYERS  # of little RAM
    report = emulate(layers(7, 5, kinds), board, random=3, encodings=("planes",))
    assert report.bit_exact
    assert [row["kernel"] for row in report.layers].count("kws_conv_planes") == len(kinds)


@pytest.mark.device
def test_one_pixel_under_a_window() -> None:
    """A block of one pixel behind one of nine."""
    kinds = ((6, 3, 2, 1), (7, 2, 3, 1))
    report = emulate(layers(6, 6, kinds), M4, random=3, encodings=("planes",))
    assert report.bit_exact


@pytest.mark.device
def test_sums_do_not_leave_16_bits() -> None:
    """255 inputs of -128 under weights of one sign are 32,640."""
    w = GraphWriter()
    x, y = w.activation((1, 4, 2, 255), 0.5, 0), w.activation((1, 4, 2, 2), 300.0, 0)
    weights = np.full((2, 1, 1, 255), 64, np.int8)
    weights[1] = -64
    scales = np.full(2, 0.02, np.float32)
    bias = w.biases(np.zeros(2, np.int32), scales * np.float32(0.5))
    w.operator("CONV_2D", [x, w.weights(weights, scales, 0), bias], [y], padding="SAME", stride_h=1, stride_w=1)
    inputs = np.full((1, 4, 2, 255), -128, np.int8)
    report = emulate(w.finish([x], [y]), M4, inputs=inputs, encodings=("planes",))
    assert report.bit_exact
