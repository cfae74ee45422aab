"""Depthwise windows with strides and multipliers, and pools with small windows: a core with SMLAD against TFLM."""

from __future__ import annotations

import numpy as np
import pytest

from firmware_export.emulation.emulator import emulate
from firmware_export.graphs.graph_writer import GraphWriter

# Rows, columns, stride and multiplier of a depthwise window, or rows, columns and stride of a pool.
LAYERS = (
    *(("dw", 3, 3, 2, 2), ("max", 2, 2, 1), ("dw", 4, 3, 1, 1), ("avg", 3, 3, 1), ("dw", 3, 3, 2, 1)),
    *(("max", 3, 6, 1), ("dw", 2, 8, 2, 1), ("avg", 2, 2, 2), ("avg", 1, 5, 1), ("max", 3, 3, 2)),
)


def model(height: int, width: int) -> bytes:
    """Every layer on the input: outputs of all of them joined along the channels of one row."""
    rng = np.random.default_rng(height)
    graph = GraphWriter()
    depth, outputs, elements = 3, [], 0
    first = graph.activation((1, height, width, depth), 0.05, 3)
    for kind, rows, columns, stride, *multiplier in LAYERS:
        out = -(-height // stride), -(-width // stride)
        options = {"padding": "SAME", "stride_h": stride, "stride_w": stride}
        if kind == "dw":
            channels = depth * multiplier[0]
            weights = rng.integers(-127, 128, (1, rows, columns, channels)).astype(np.int8)
            scales = rng.uniform(0.5, 1.5, channels).astype(np.float32) * np.float32(0.01)
            bias = graph.biases(rng.integers(-2000, 2000, channels), scales * np.float32(0.05))
            last = graph.activation((1, *out, channels), 0.05, 3)
            operands = [first, graph.weights(weights, scales, 3), bias]
            graph.operator("DEPTHWISE_CONV_2D", operands, [last], depth_multiplier=multiplier[0], **options)
        else:
            channels, last = depth, graph.activation((1, *out, depth), 0.05, 3)
            code = "MAX_POOL_2D" if kind == "max" else "AVERAGE_POOL_2D"
            graph.operator(code, [first], [last], filter_height=rows, filter_width=columns, **options)
        size = out[0] * out[1] * channels
        flat = graph.activation((1, size), 0.05, 3)
        shape = np.array([1, size], np.int32)
        graph.operator("RESHAPE", [last, graph.constant(shape)], [flat], new_shape=shape)
        outputs.append(flat)
        elements += size
    joined = graph.activation((1, elements), 0.05, 3)
    graph.operator("CONCATENATION", outputs, [joined], axis=-1)
    return graph.finish([first], [joined])


@pytest.mark.device
@pytest.mark.parametrize(("height", "width"), [(11, 4), (5, 9)])
def test_a_board_computes_what_tflm_does(height: int, width: int) -> None:
    report = emulate(model(height, width), "mps2-an386", random=4)
    assert report.bit_exact
    kernels = [row["kernel"] for row in report.layers]
    assert sum(kernels.count(f"kws_depthwise_{kind}") for kind in ("any", "small", "direct")) == 4
    assert kernels.count("kws_max_pool") == kernels.count("kws_average_pool") == 3
