"""3x3 depthwise kernels over the last, small maps of a network: TFLM's bytes, and no slower than CMSIS-NN's kernels."""

from __future__ import annotations

import numpy as np
import pytest

from firmware_export.emulation.emulator import emulate
from firmware_export.engine import build
from firmware_export.graphs.graph_writer import GraphWriter
from firmware_export.operators.kernels.depthwise import Depthwise


def layers(seed: int, *shapes: tuple[int, int, int, int, str]) -> bytes:
    """Depthwise layers one after the other; height, width and channels of the first, stride and padding of each."""
    rng = np.random.default_rng(seed)
    writer = GraphWriter()
    height, width, channels, _, _ = shapes[0]
    first = last = writer.activation((1, height, width, channels), 0.5, -9)
    for _, _, _, stride, padding in shapes:
        sizes = (height, width) if padding == "SAME" else (height - 2, width - 2)
        height, width = (-(-size // stride) for size in sizes)
        weights = rng.integers(-127, 128, (1, 3, 3, channels)).astype(np.int8)
        scales = rng.uniform(0.5, 1.5, channels).astype(np.float32) * np.float32(0.004)
        bias = writer.biases(rng.integers(-2000, 2000, channels), scales * np.float32(0.5))
        out = writer.activation((1, height, width, channels), 0.5, int(rng.integers(-128, 128)))
        options = {"padding": padding, "stride_h": stride, "stride_w": stride, "depth_multiplier": 1}
        writer.operator("DEPTHWISE_CONV_2D", [last, writer.weights(weights, scales, 3), bias], [out], **options)
        last = out
    return writer.finish([first], [last])


CHAINS = [
    [(9, 7, 3, 2, "VALID"), (0, 0, 0, 1, "SAME"), (0, 0, 0, 2, "SAME"), (0, 0, 0, 1, "SAME")],
    [(6, 6, 5, 2, "SAME"), (0, 0, 0, 1, "SAME"), (0, 0, 0, 2, "SAME"), (0, 0, 0, 1, "SAME")],
    [(11, 2, 4, 1, "SAME"), (0, 0, 0, 1, "SAME")],
    [(8, 5, 4, 1, "VALID"), (0, 0, 0, 2, "SAME"), (0, 0, 0, 1, "SAME")],
]


@pytest.mark.device
@pytest.mark.parametrize("shapes", CHAINS, ids=lambda shapes: "x".join(map(str, shapes[0][:4])))
def test_every_byte_is_tflm_s(shapes: list[tuple[int, int, int, int, str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Depthwise, "direct", False)  # which is cheaper with many channels and few outputs
    report = emulate(layers(1, *shapes), "mps2-an386", random=4)
    assert report.bit_exact
    kernels = [row["kernel"] for row in report.layers if "depthwise" in row["kernel"]]
    assert kernels == ["kws_depthwise_small"] * len(shapes)


@pytest.mark.device
@pytest.mark.parametrize(("shape", "cmsis_nn"), [((6, 6, 128, 2, "SAME"), 91_007), ((3, 3, 256, 1, "SAME"), 166_931)])
def test_maps_of_nine_outputs_take_fewer_cycles_than_cmsis_nn(
    shape: tuple[int, int, int, int, str], cmsis_nn: int
) -> None:
    report = emulate(layers(2, shape), "mps2-an386", random=1)
    cycles = next(row["cycles"] for row in report.layers if row["kernel"] == "kws_depthwise_small")
    assert report.bit_exact and cycles < 0.9 * cmsis_nn


def test_four_outputs_of_a_line_take_another_kernel() -> None:
    engine = build(layers(3, (5, 4, 3, 1, "SAME"), (0, 0, 0, 2, "SAME")))
    assert [call for call in engine.files["model.c"].split() if call.startswith("kws_depthwise_small(")] == [
        "kws_depthwise_small(&layer_2,"
    ]
