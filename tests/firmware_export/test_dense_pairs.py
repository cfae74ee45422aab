"""Dense rows laid in each other by twos: the same bytes as TFLM's on a core with SMLAD, whatever the shape."""

from __future__ import annotations

import numpy as np
import pytest

from firmware_export.emulation.emulator import emulate
from firmware_export.encodings.row_pairs import row_pairs, rows_pair, vector_pairs
from firmware_export.engine import build
from firmware_export.graphs.graph_writer import GraphWriter

# height, width, channels in and out, kernel, stride, padding
SHAPES = [
    (8, 4, 6, 5, (1, 1), 1, "SAME"),  # a last row without another
    (4, 4, 7, 4, (1, 1), 1, "SAME"),  # a last input without another
    (5, 4, 33, 2, (1, 1), 1, "SAME"),  # a last block of four pixels, more than one turn
    (2, 2, 1, 1, (1, 1), 1, "SAME"),
    (12, 7, 1, 6, (10, 4), 2, "SAME"),
    (9, 6, 3, 5, (3, 3), 1, "VALID"),
    (9, 8, 3, 4, (5, 3), 2, "SAME"),
    (6, 5, 2, 4, (3, 5), 1, "SAME"),
]


def model(shape: tuple, extreme: bool = False) -> bytes:
    height, width, inputs, outputs, (rows, columns), stride, padding = shape
    rng = np.random.default_rng(sum(shape[:4]))
    w = GraphWriter()
    x = w.activation((1, height, width, inputs), 0.5, 3)
    low, high = (-128, 128) if extreme else (-127, 128)
    weights = rng.integers(low, high, (outputs, rows, columns, inputs)).astype(np.int8)
    if extreme:
        weights[:2] = -128
    scales = rng.uniform(0.005, 0.015, outputs).astype(np.float32)
    bias = rng.integers(-3000, 3000, outputs)
    out = (-(-height // stride), -(-width // stride)) if padding == "SAME" else (height - rows + 1, width - columns + 1)
    y = w.activation((1, *out, outputs), 0.01 * 40 * np.sqrt(rows * columns * inputs) / 2, -5)
    given = [x, w.weights(weights, scales, 0), w.biases(bias, scales * np.float32(0.5))]
    w.operator("CONV_2D", given, [y], padding=padding, stride_h=stride, stride_w=stride)
    return w.finish([x], [y])


@pytest.mark.device
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_byte_is_tflm_s(shape: tuple) -> None:
    report = emulate(model(shape), "mps2-an386", random=3)
    assert report.bit_exact
    assert any("pairs" in row["kernel"] for row in report.layers)


@pytest.mark.device
def test_weights_that_do_not_lie_in_each_other_take_the_other_kernel() -> None:
    report = emulate(model(SHAPES[0], extreme=True), "mps2-an386", random=3)
    assert report.bit_exact
    assert not any("pairs" in row["kernel"] for row in report.layers)


def matrix(inputs: int, outputs: int, low: int = -127) -> bytes:
    rng = np.random.default_rng(inputs + outputs)
    w = GraphWriter()
    x, y = w.activation((1, inputs), 0.5, 3), w.activation((1, outputs), 0.01 * 20 * np.sqrt(inputs), -5)
    weights = rng.integers(low, 128, (outputs, inputs)).astype(np.int8)
    weights[0] = max(low, -127) if inputs < 500 else weights[0]  # the largest sums
    if low == -128:
        weights[:2] = -128
    scales = rng.uniform(0.005, 0.015, outputs).astype(np.float32)
    bias = w.biases(rng.integers(-3000, 3000, outputs), scales * np.float32(0.5))
    w.operator("FULLY_CONNECTED", [x, w.weights(weights, scales, 0), bias], [y])
    return w.finish([x], [y])


@pytest.mark.device
@pytest.mark.parametrize("shape", [(4, 3), (8, 6), (12, 3), (68, 7), (512, 8)], ids=str)
def test_rows_by_fours_times_a_vector_whatever_the_first_turn_leaves_out(shape: tuple[int, int]) -> None:
    report = emulate(matrix(*shape), "mps2-an386", random=6)
    assert report.bit_exact
    assert report.layers[-1]["kernel"] == "kws_fc_dense_pairs"
    if shape == (512, 8):
        assert report.layers[-1]["instructions"] < 1.15 * 512 * 8


@pytest.mark.device
@pytest.mark.parametrize("shape", [(7, 4), (8, 4, -128), (1000, 7)], ids=str)
def test_a_matrix_that_does_not_fit_takes_the_other_kernel(shape: tuple[int, ...]) -> None:
    report = emulate(matrix(*shape), "mps2-an386", random=6)
    assert report.bit_exact
    assert report.layers[-1]["kernel"] == "kws_fc_dense"


@pytest.mark.device
@pytest.mark.parametrize("height", [2, 5, 6, 7, 9])  # of one row two rows of taps see padding alone
def test_depthwise_lines_that_end_after_one_two_or_three_of_four_outputs(height: int) -> None:
    rng = np.random.default_rng(height)
    w = GraphWriter()
    x, y = w.activation((1, height, 6, 4), 0.5, -9), w.activation((1, height, 6, 4), 0.6, 4)
    weights = rng.integers(-127, 128, (1, 3, 3, 4)).astype(np.int8)
    scales = rng.uniform(0.005, 0.015, 4).astype(np.float32)
    bias = w.biases(rng.integers(-2000, 2000, 4), scales * np.float32(0.5))
    options = {"padding": "SAME", "stride_h": 1, "stride_w": 1, "depth_multiplier": 1}
    w.operator("DEPTHWISE_CONV_2D", [x, w.weights(weights, scales, 3), bias], [y], **options)
    report = emulate(w.finish([x], [y]), "mps2-an386", random=3)
    assert report.bit_exact
    assert any(row["kernel"] == "kws_depthwise_3x3" for row in report.layers)


def test_both_layouts_stand_in_the_source_and_count_once() -> None:
    engine = build(model(SHAPES[2]))
    source = engine.files["model.c"]
    assert source.index("#if KWS_ROW_PAIRS") < source.index("#else") < source.index("#endif")
    assert engine.constant_bytes == 9 * 2 + 4 * 17  # constants of two channels; pairs of a 33rd input


def test_four_rows_lie_together_and_absent_ones_are_zero() -> None:
    rows = np.random.default_rng(0).integers(-127, 128, (6, 8)).astype(np.int8)
    halves = vector_pairs(rows).view(np.int16).reshape(2, 2, 2, 2, 2)  # rows, inputs, pair, odd inputs, inputs
    first = halves.astype(np.int8)
    found = np.zeros((8, 8), np.int8)
    for group, words, pair, odd, half in np.ndindex(halves.shape):
        row, column = 4 * group + 2 * pair, 4 * words + odd + 2 * half
        found[row, column] = first[group, words, pair, odd, half]
        found[row + 1, column] = (halves - first)[group, words, pair, odd, half] >> 8
    assert np.array_equal(found[:6], rows) and not found[6:].any()


def test_a_word_holds_two_inputs_of_two_rows() -> None:
    rows = np.random.default_rng(0).integers(-127, 128, (6, 10)).astype(np.int8)
    halves = row_pairs(rows).view(np.int16).reshape(3, 10)
    first = halves.astype(np.int8)
    assert np.array_equal(first, rows[0::2])
    assert np.array_equal((halves - first) >> 8, rows[1::2])
    assert rows_pair(rows) and not rows_pair(np.full((2, 3), -128, np.int8))
    assert not rows_pair(np.full((1, 600), 127, np.int8))
