"""Planes of signs on the boards: sums of every depth and number of planes, pointwise and under windows."""

from __future__ import annotations

import numpy as np
import pytest
from plane_models import LAYERS, layers

from firmware_export.emulation.emulator import emulate
from firmware_export.graphs.graph_writer import GraphWriter

M4 = "mps2-an386"


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
