"""Vector kernels (MVE) on the emulated Cortex-M55: the same bytes as TFLM's, whatever the shape, limits and shifts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from many_models import assert_on_board, expected_of

from firmware_export.boards import BOARDS
from firmware_export.emulation.emulator import EmulationReport, emulate, run_engine, run_firmware
from firmware_export.emulation.firmware_build import build_firmware
from firmware_export.engine import build, runtime_files
from firmware_export.graphs.graph_writer import GraphWriter
from kws_tfmot.tflite.interpreter import random_inputs
from kws_tfmot.tflite.reader import read_model

BOARD = "mps3-an547"

# height, width, channels in and out, kernel, stride, padding
CONVOLUTIONS = [
    (8, 4, 6, 5, (1, 1), 1, "SAME"),  # less than sixteen weights, a last row without another
    (4, 4, 35, 4, (1, 1), 1, "SAME"),  # sixteens and a rest
    (25, 5, 64, 64, (1, 1), 1, "SAME"),  # a last block of twelve pixels
    (2, 2, 1, 1, (1, 1), 1, "SAME"),
    (12, 7, 1, 6, (10, 4), 2, "SAME"),
    (9, 6, 3, 5, (3, 3), 1, "VALID"),
    (6, 5, 7, 4, (3, 5), 1, "SAME"),
    (5, 3, 16, 3, (5, 3), 1, "VALID"),  # one output pixel
    (9, 6, 4, 2, (1, 1), 2, "SAME"),
    (100, 90, 2, 2, (3, 3), 4, "SAME"),  # a large plane
]


def convolution(shape: tuple, activation: str = "NONE", weight_scale: float = 0.01) -> bytes:
    height, width, inputs, outputs, (rows, columns), stride, padding = shape
    rng = np.random.default_rng(sum(shape[:4]))
    w = GraphWriter()
    x = w.activation((1, height, width, inputs), 0.5, 3)
    weights = rng.integers(-127, 128, (outputs, rows, columns, inputs)).astype(np.int8)
    scales = (rng.uniform(0.5, 1.5, outputs) * weight_scale).astype(np.float32)
    bias = rng.integers(-3000, 3000, outputs)
    out = (-(-height // stride), -(-width // stride)) if padding == "SAME" else (height - rows + 1, width - columns + 1)
    y = w.activation((1, *out, outputs), 0.2 * np.sqrt(rows * columns * inputs), -5)
    given = [x, w.weights(weights, scales, 0), w.biases(bias, scales * np.float32(0.5))]
    options: dict[str, Any] = {"padding": padding, "stride_h": stride, "stride_w": stride}
    w.operator("CONV_2D", given, [y], fused_activation_function=activation, **options)
    return w.finish([x], [y])


def exact(model: bytes, **options: Any) -> EmulationReport:
    report = emulate(model, BOARD, random=3, **options)
    assert report.bit_exact
    return report


def all_exact(models: dict[str, bytes], folder: Path, kernel: str = "", **options: Any) -> None:
    """Every model's bytes are TFLM's, in one firmware; ``kernel`` is in each."""
    core = BOARDS[BOARD].core
    engines = {name: build(model, name=f"m{n}", core=core, **options) for n, (name, model) in enumerate(models.items())}
    for name, engine in engines.items():
        assert not kernel or kernel in {call.functions[0] for call in engine.calls}, name
    assert_on_board(BOARD, engines, expected_of(models), folder)


@pytest.mark.device
def test_dense_convolutions(tmp_path: Path) -> None:
    all_exact({str(shape): convolution(shape) for shape in CONVOLUTIONS}, tmp_path)


@pytest.mark.device
@pytest.mark.parametrize(("activation", "weight_scale"), [("RELU", 0.01), ("RELU6", 0.05), ("NONE", 60.0)])
def test_limits_and_shifts_to_the_left(activation: str, weight_scale: float) -> None:
    exact(convolution((8, 4, 20, 5, (1, 1), 1, "SAME"), activation, weight_scale))


# Requantises random sums with random constants, by vectors and by the scalar code, and compares.
REQUANTIZE = """
#include "board.h"
#include "kws_mve.h"
#include "kws_requantize.h"
static uint32_t state = 1;
static uint32_t next(void) {
    state = state * 1664525u + 1013904223u;
    return state ^ (state >> 15);
}
static int channels_differ(void) {
    int32_t bias[4], multiplier[4], sum[4];
    int8_t shift[4], got[4];
    for (uint32_t i = 0; i < 4; i++) {
        bias[i] = (int32_t)next() >> next() % 31u;
        multiplier[i] = (int32_t)((next() >> 1) | (1u << 30));
        shift[i] = (int8_t)((int32_t)(next() % 40u) - 31);
        sum[i] = (int32_t)next() >> next() % 31u;
    }
    kws_requant q = {bias, multiplier, shift, (int16_t)((int32_t)(next() % 256u) - 128), -128, 127, 0};
    q.minimum = next() % 3u == 0 ? q.zero_point : -128;
    const uint32_t count = 1u + next() % 4u;
    kws_mve_put_channels(&q, 4u - count, sum, count, got);
    for (uint32_t i = 0; i < count; i++) {
        const kws_scale scale = kws_scale_of(&q, 4u - count + i);
        if (got[i] != (int8_t)kws_requantize_any(sum[i], &scale, &q)) {
            return 1;
        }
    }
    return 0;
}
int main(void) {
    static const int32_t ends[] = {INT32_MIN, INT32_MIN + 1, -1, 0, 1, INT32_MAX - 1, INT32_MAX};
    for (uint32_t turn = 0; turn < 60000; turn++) {
        int32_t bias = (int32_t)next() >> next() % 31u, multiplier = (int32_t)((next() >> 1) | (1u << 30));
        int8_t shift = (int8_t)((int32_t)(next() % 40u) - 31);
        kws_requant q = {&bias, &multiplier, &shift, (int16_t)((int32_t)(next() % 256u) - 128), -128, 127, 0};
        q.minimum = turn % 3u == 0 ? q.zero_point : -128;
        q.maximum = turn % 5u == 0 ? (int16_t)(q.minimum + (int32_t)(next() % (128u - (uint32_t)q.minimum))) : 127;
        int32_t sum[16];
        int8_t got[16];
        const kws_scale scale = kws_scale_of(&q, 0);
        for (uint32_t i = 0; i < 16; i++) {
            const uint32_t one = next();
            sum[i] = (int32_t)one >> next() % 31u;
            if (one % 11u == 0) { /* so that the product ends in a tie or near it */
                sum[i] = (int32_t)((1u << next() % 31u) + next() % 3u - 1u) * (one & 256u ? 1 : -1);
                sum[i] = (int32_t)((uint32_t)sum[i] - (uint32_t)bias);
            } else if (one % 13u == 0) {
                sum[i] = ends[one / 13u % 7u];
            }
        }
        const uint32_t count = 1u + turn % 16u;
        kws_mve_put(&q, 0, sum, count, got);
        for (uint32_t i = 0; i < count; i++) {
            if (got[i] != (int8_t)kws_requantize_any(sum[i], &scale, &q)) {
                return 1;
            }
        }
        if (channels_differ()) {
            return 2;
        }
    }
    return 0;
}
"""


@pytest.mark.device
def test_requantising_by_vectors_is_requantising(tmp_path: Any) -> None:
    names = ("kws_requantize_any", "kws_mve_every_row", "kws_mve_put_any", "kws_mve_put_channels")
    files = {path.name: path.read_text(encoding="utf-8") for path in runtime_files(names)}
    elf = build_firmware(BOARDS[BOARD], files | {"requantize.c": REQUANTIZE}, "requantize.c", tmp_path)
    run_firmware(BOARDS[BOARD], elf)


# height, width, channels, multiplier, kernel, strides, padding
DEPTHWISE = [
    (25, 5, 9, 1, (3, 3), (1, 1), "SAME"),  # a window in one piece
    (12, 10, 4, 1, (3, 3), (1, 1), "SAME"),  # in two, lines in two parts
    (9, 21, 3, 1, (5, 3), (1, 1), "SAME"),  # line by line, parts that go beyond the line
    (9, 7, 3, 2, (5, 5), (2, 2), "SAME"),
    (8, 30, 2, 1, (3, 19), (1, 2), "VALID"),  # two pieces a line
    (40, 1, 5, 1, (9, 1), (1, 1), "SAME"),  # one column
    (31, 1, 3, 1, (7, 1), (2, 1), "VALID"),
    (5, 150, 2, 1, (3, 3), (2, 1), "SAME"),  # more outputs in a line than sums are collected
    (9, 9, 2, 1, (3, 3), (1, 3), "SAME"),  # left to the scalar kernels
    (2, 2, 3, 1, (3, 3), (1, 1), "SAME"),  # as well, for its scratch is small
    (4, 1, 6, 1, (7, 7), (2, 2), "SAME"),  # lines of the window that are longer than those of the plane
    (20, 8, 1, 8, (10, 8), (2, 2), "SAME"),
]


def depthwise(shape: tuple, activation: str) -> bytes:
    height, width, channels, multiplier, kernel, strides, padding = shape
    rng = np.random.default_rng(height * width)
    w = GraphWriter()
    x = w.activation((1, height, width, channels), 0.5, -9)
    outputs = channels * multiplier
    weights = rng.integers(-127, 128, (1, *kernel, outputs)).astype(np.int8)
    scales = rng.uniform(0.005, 0.015, outputs).astype(np.float32)
    sizes = [
        -(-n // s) if padding == "SAME" else (n - k) // s + 1
        for n, k, s in zip((height, width), kernel, strides, strict=True)
    ]
    y = w.activation((1, *sizes, outputs), 0.25 * float(np.sqrt(np.prod(kernel))), 4)
    bias = w.biases(rng.integers(-2000, 2000, outputs), scales * np.float32(0.5))
    options: dict[str, Any] = {"padding": padding, "stride_h": strides[0], "stride_w": strides[1]}
    options |= {"depth_multiplier": multiplier, "fused_activation_function": activation}
    w.operator("DEPTHWISE_CONV_2D", [x, w.weights(weights, scales, 3), bias], [y], **options)
    return w.finish([x], [y])


@pytest.mark.device
@pytest.mark.parametrize("activation", ["NONE", "RELU6"])
def test_depthwise_convolutions(activation: str, tmp_path: Path) -> None:
    all_exact({str(shape): depthwise(shape, activation) for shape in DEPTHWISE}, tmp_path)


def sparse(shape: tuple, activation: str = "NONE", weight_scale: float = 0.01) -> bytes:
    """A convolution of which three quarters of the weights are zero, two in eight along the channels left."""
    height, width, inputs, outputs, kernel = shape
    rng = np.random.default_rng(inputs + outputs)
    w = GraphWriter()
    x = w.activation((1, height, width, inputs), 0.5, 3)
    weights = rng.integers(-127, 128, (outputs, *kernel, inputs)).astype(np.int8)
    weights[..., np.arange(inputs) % 8 > 1] = 0
    weights[0] = 0
    scales = (rng.uniform(0.5, 1.5, outputs) * weight_scale).astype(np.float32)
    y = w.activation((1, height, width, outputs), 0.1 * np.sqrt(np.prod(kernel) * inputs), -5)
    bias = w.biases(rng.integers(-3000, 3000, outputs), scales * np.float32(0.5))
    options: dict[str, Any] = {"padding": "SAME", "stride_h": 1, "stride_w": 1, "fused_activation_function": activation}
    w.operator("CONV_2D", [x, w.weights(weights, scales, 0), bias], [y], **options)
    return w.finish([x], [y])


@pytest.mark.device
@pytest.mark.parametrize("encoding", ["bitmap", "delta4", "index", "block", "nm"])
def test_sparse_convolutions(encoding: str, tmp_path: Path) -> None:
    models = {
        "pointwise": sparse((9, 5, 64, 7, (1, 1))),
        "window": sparse((4, 3, 16, 6, (3, 3)), "RELU6", 0.05),
        "shifts to the left": sparse((5, 1, 8, 3, (2, 1)), "NONE", 60.0),
    }
    all_exact(models, tmp_path, f"kws_conv_{encoding}", encodings=(encoding,))


@pytest.mark.device
def test_sparse_rows_over_a_large_plane() -> None:
    exact(sparse((94, 88, 2, 2, (3, 3))), encodings=("index",))


@pytest.mark.device
@pytest.mark.parametrize("weight_scale", [0.01, 60.0])  # shifts to the right, and to the left
@pytest.mark.parametrize(("inputs", "outputs"), [(64, 12), (5, 4), (35, 7), (16, 1)])
def test_fully_connected(inputs: int, outputs: int, weight_scale: float) -> None:
    rng = np.random.default_rng(inputs)
    w = GraphWriter()
    x, y = w.activation((1, inputs), 0.5, 3), w.activation((1, outputs), 0.2 * np.sqrt(inputs), -5)
    weights = rng.integers(-127, 128, (outputs, inputs)).astype(np.int8)
    scales = (rng.uniform(0.5, 1.5, outputs) * weight_scale).astype(np.float32)
    bias = w.biases(rng.integers(-3000, 3000, outputs), scales * np.float32(0.5))
    w.operator("FULLY_CONNECTED", [x, w.weights(weights, scales, 0), bias], [y])
    exact(w.finish([x], [y]), encodings=("dense",))


def sparse_matrix(inputs: int, density: float) -> tuple[bytes, int]:
    """A matrix of twenty rows times a vector, one row without weights, and how many are not zero."""
    rng = np.random.default_rng(inputs)
    w = GraphWriter()
    x, y = w.activation((1, inputs), 0.5, 3), w.activation((1, 20), 0.2 * np.sqrt(inputs), -5)
    weights = np.where(rng.random((20, inputs)) < density, rng.integers(-127, 128, (20, inputs)), 0).astype(np.int8)
    weights[3] = 0
    scales = rng.uniform(0.005, 0.015, 20).astype(np.float32)
    bias = w.biases(rng.integers(-3000, 3000, 20), scales * np.float32(0.5))
    w.operator("FULLY_CONNECTED", [x, w.weights(weights, scales, 0), bias], [y])
    return w.finish([x], [y]), int(np.count_nonzero(weights))


@pytest.mark.device
@pytest.mark.parametrize(("encoding", "most"), [("index", 2), ("nm", 7), ("delta4", 5), ("block", 4), ("bitmap", 5)])
@pytest.mark.parametrize(("inputs", "density"), [(256, 0.5), (40, 0.3)])
def test_sparse_rows_times_a_vector(inputs: int, density: float, encoding: str, most: float) -> None:
    """``most``: instructions a weight where there are many, half of what the scalar kernels take."""
    model, weights = sparse_matrix(inputs, density)
    report = exact(model, encodings=(encoding,))
    assert report.layers[-1]["kernel"] == f"kws_fc_{encoding}"
    if density == 0.5:
        assert report.layers[-1]["instructions"] < most * weights


@pytest.mark.device
@pytest.mark.parametrize(("stride", "window", "padding"), [(1, 3, "SAME"), (2, 2, "VALID")])
def test_largest_of_eight_channels_at_once(stride: int, window: int, padding: str) -> None:
    w = GraphWriter()
    sizes = [-(-n // stride) if padding == "SAME" else (n - window) // stride + 1 for n in (9, 7)]
    x, y = w.activation((1, 9, 7, 13), 0.05, -9), w.activation((1, *sizes, 13), 0.05, -9)
    options: dict[str, Any] = {"padding": padding, "stride_h": stride, "stride_w": stride}
    options |= {"filter_height": window, "filter_width": window, "fused_activation_function": "RELU6"}
    w.operator("MAX_POOL_2D", [x], [y], **options)
    exact(w.finish([x], [y]))


@pytest.mark.device
@pytest.mark.parametrize("code", ["AVERAGE_POOL_2D", "MAX_POOL_2D"])
@pytest.mark.parametrize(("height", "width", "window"), [(25, 5, (25, 5)), (9, 21, (2, 3)), (9, 21, (3, 21))], ids=str)
def test_pools(code: str, height: int, width: int, window: tuple[int, int]) -> None:
    w = GraphWriter()
    rows, columns = height // window[0], width // window[1]
    x, y = w.activation((1, height, width, 5), 0.5, 3), w.activation((1, rows, columns, 5), 0.5, 3)
    options: dict[str, Any] = {"padding": "VALID", "stride_h": window[0], "stride_w": window[1]}
    w.operator(code, [x], [y], filter_height=window[0], filter_width=window[1], **options)
    exact(w.finish([x], [y]))


@pytest.mark.device
def test_a_core_without_vectors_takes_the_scalar_path() -> None:
    """The same C for Cortex-M55 with and without MVE: the same bytes, more instructions."""
    board = BOARDS[BOARD]
    without = replace(board, flags=("-mcpu=cortex-m55+nomve", "-mfloat-abi=hard"))
    model = convolution(CONVOLUTIONS[2])
    raw = random_inputs(read_model(model), 2, 0)
    (_, fast, _, outputs), (_, slow, _, others) = (run_engine(each, build(model), raw) for each in (board, without))
    assert np.array_equal(outputs, others)
    assert slow.spent().instructions.max() > 3 * fast.spent().instructions.max()


def few_bits(depth: int, outputs: int, levels: list[int]) -> bytes:
    """A pointwise convolution whose weights have few values."""
    rng = np.random.default_rng(depth)
    w = GraphWriter()
    x, y = w.activation((1, 9, 4, depth), 0.5, 3), w.activation((1, 9, 4, outputs), 0.3 * np.sqrt(depth), -5)
    weights = rng.choice(np.array(levels, np.int8), (outputs, 1, 1, depth))
    scales = rng.uniform(0.005, 0.015, outputs).astype(np.float32)
    bias = w.biases(rng.integers(-3000, 3000, outputs), scales * np.float32(0.5))
    options: dict[str, Any] = {"padding": "SAME", "stride_h": 1, "stride_w": 1}
    w.operator("CONV_2D", [x, w.weights(weights, scales, 0), bias], [y], **options)
    return w.finish([x], [y])


@pytest.mark.device
@pytest.mark.parametrize(
    "depth", [pytest.param(5, marks=pytest.mark.slow), 30, pytest.param(64, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize(
    ("encoding", "levels"),
    [
        ("planes", [-64, 64]),
        ("planes", [-96, -32, 32, 96]),
        ("planes", [-105, -75, -45, -15, 15, 45, 75, 105]),
        ("packed", [-1, 0]),
        ("packed", [-4, -3, -1, 0, 2, 3]),
        ("packed", list(range(-60, 60))),
        ("table", [-90, 0, 90]),
        ("table", [-90, -40, -20, 0, 20, 41, 90, 111, 4]),
        ("row_tables", [-90, -40, 0, 90]),
    ],
    ids=str,
)
def test_convolutions_of_few_bits(encoding: str, levels: list[int], depth: int) -> None:
    report = exact(few_bits(depth, 5, levels), encodings=(encoding,))
    kernel = "planes" if encoding == "planes" else "lowbit"
    assert any(row["kernel"] == f"kws_conv_{kernel}" for row in report.layers)


@pytest.mark.device
@pytest.mark.parametrize("activation", ["NONE", "RELU6"])
@pytest.mark.parametrize("scales", [(0.5, 0.3, 0.7), (0.2, 0.2, 0.4), (0.01, 1.0, 1.0)], ids=str)
def test_additions(scales: tuple[float, float, float], activation: str) -> None:
    w = GraphWriter()
    shape = (1, 7, 5, 3)
    x = w.activation(shape, scales[0], 3)
    moved, y = w.activation(shape, scales[1], -40), w.activation(shape, scales[2], -7)
    w.operator("QUANTIZE", [x], [moved])
    w.operator("ADD", [x, moved], [y], fused_activation_function=activation)
    report = exact(w.finish([x], [y]))
    assert any(row["kernel"] == "kws_add" for row in report.layers)
