"""3x3 depthwise kernels over planes of five columns: TFLM's bytes on every core, for any height and padding."""

from __future__ import annotations

import numpy as np
import pytest

from firmware_export.emulation.emulator import emulate
from firmware_export.graphs.graph_writer import GraphWriter

KERNEL = "kws_depthwise_five"
M4 = "mps2-an386"


def layer(height: int, channels: int = 3, sides_alone: bool = False, levels: tuple[int, ...] = ()) -> bytes:
    """A layer of padding all around, or at the sides alone; weights of ``levels``, or any."""
    rng = np.random.default_rng(height)
    w = GraphWriter()
    given = w.activation((1, height, 5, channels), 0.5, -9)
    x, out = given, height
    if sides_alone:  # as PAD at the sides of frequency and a VALID window
        x = w.activation((1, height, 7, channels), 0.5, -9)
        w.operator("PAD", [given, w.constant(np.array([[0, 0], [0, 0], [1, 1], [0, 0]], np.int32))], [x])
        out = height - 2
    choices = np.array(levels or range(-127, 128), np.int8)
    weights = rng.choice(choices, (1, 3, 3, channels))
    scales = rng.uniform(0.5, 1.5, channels).astype(np.float32) * np.float32(0.008)
    bias = w.biases(rng.integers(-2000, 2000, channels), scales * np.float32(0.5))
    y = w.activation((1, out, 5, channels), 0.6, 4)
    options = {"stride_h": 1, "stride_w": 1, "depth_multiplier": 1}
    options["padding"] = "VALID" if sides_alone else "SAME"
    w.operator("DEPTHWISE_CONV_2D", [x, w.weights(weights, scales, 3), bias], [y], **options)
    return w.finish([given], [y])


def kernels(model: bytes, board: str, **options: object) -> list[str]:
    report = emulate(model, board, random=3, **options)
    assert report.bit_exact
    return [row["kernel"] for row in report.layers]


@pytest.mark.device
@pytest.mark.parametrize(
    ("board", "height"), [(M4, 2), (M4, 3), (M4, 25), ("mps2-an385", 7), ("mps3-an547", 2), ("microbit", 4)]
)
def test_every_byte_is_tflm_s(board: str, height: int) -> None:
    assert KERNEL in kernels(layer(height), board)


@pytest.mark.device
@pytest.mark.parametrize("board", [M4, "mps2-an385"])
def test_a_window_without_padding_above_and_below(board: str) -> None:
    assert KERNEL in kernels(layer(9, sides_alone=True), board)


@pytest.mark.device
def test_taps_of_few_bits() -> None:
    assert KERNEL in kernels(layer(6, 80, levels=(-90, 0, 90)), M4, encodings=("table",))


@pytest.mark.device
def test_a_plane_of_the_benchmark_takes_a_fifth_less_than_the_general_kernel() -> None:
    """206,334 cycles at the least for 64 channels of 25 x 5 by ``kws_depthwise_3x3``."""
    report = emulate(layer(25, 64), M4, random=1)
    assert next(row["cycles"] for row in report.layers if row["kernel"] == KERNEL) < 0.8 * 206_334
