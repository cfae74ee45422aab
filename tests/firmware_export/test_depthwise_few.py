"""Depthwise kernels over whole rows with a few outputs: TFLM's bytes on every core, and no slower than CMSIS-NN's."""

from __future__ import annotations

import numpy as np
import pytest

from firmware_export.emulation.emulator import emulate
from firmware_export.engine import build
from firmware_export.graphs.graph_writer import GraphWriter

KERNEL = "kws_depthwise_few"
M4 = "mps2-an386"


def layer(
    taps: int,
    outputs: int,
    *,
    channels: int = 5,
    width: int = 1,
    stride: int = 1,
    levels: tuple[int, ...] = (),
    **options: str,
) -> bytes:
    """A window of ``taps`` whole rows without padding; weights of ``levels``, or any."""
    rng = np.random.default_rng(taps)
    w = GraphWriter()
    x = w.activation((1, (outputs - 1) * stride + taps, width, channels), 0.5, -9)
    weights = rng.choice(np.array(levels or range(-127, 128), np.int8), (1, taps, width, channels))
    scales = rng.uniform(0.5, 1.5, channels).astype(np.float32) * np.float32(0.008)
    bias = w.biases(rng.integers(-2000, 2000, channels), scales * np.float32(0.5))
    y = w.activation((1, outputs, 1, channels), 0.6, 4)
    numbers = {"stride_h": stride, "stride_w": 1, "depth_multiplier": 1}
    w.operator(
        "DEPTHWISE_CONV_2D", [x, w.weights(weights, scales, 3), bias], [y], padding="VALID", **numbers, **options
    )
    return w.finish([x], [y])


def cycles(model: bytes, board: str, **options: object) -> float:
    """Of the kernel, which must be the one for few outputs and give TFLM's bytes."""
    report = emulate(model, board, random=3, **options)
    assert report.bit_exact
    return next(row["cycles"] for row in report.layers if row["kernel"] == KERNEL)


@pytest.mark.device
@pytest.mark.parametrize("board", [M4, "mps2-an385", "mps3-an547", "microbit"])
@pytest.mark.parametrize(
    ("taps", "outputs", "stride", "width"), [(1, 3, 2, 1), (3, 8, 1, 1), (4, 2, 2, 3), (13, 3, 1, 1)]
)
def test_every_byte_is_tflm_s(board: str, taps: int, outputs: int, stride: int, width: int) -> None:
    cycles(layer(taps, outputs, stride=stride, width=width), board)


@pytest.mark.device
def test_taps_of_few_bits_and_a_limit() -> None:
    levels = (-90, 0, 90)
    model = layer(9, 4, channels=80, levels=levels, fused_activation_function="RELU6")
    cycles(model, M4, encodings=("table",))


@pytest.mark.device
@pytest.mark.parametrize(("taps", "cmsis_nn"), [(3, 10_701), (5, 13_366), (9, 18_682), (29, 45_263)])
def test_three_outputs_take_fewer_cycles_than_cmsis_nn(taps: int, cmsis_nn: int) -> None:
    """CMSIS-NN's figures are of the same shape, compiler and emulator."""
    assert cycles(layer(taps, 3, channels=40), M4) < 0.9 * cmsis_nn


@pytest.mark.parametrize(("outputs", "kernel"), [(1, "column"), (2, "few"), (8, "few"), (9, "wide")])
def test_one_output_and_many_have_kernels_of_their_own(outputs: int, kernel: str) -> None:
    calls = build(layer(5, outputs)).calls
    assert f"kws_depthwise_{kernel}" in {call.functions[0] for call in calls}
