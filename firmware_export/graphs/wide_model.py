"""A small model whose ends are int16 and int32, as those of TFLM's keyword example are."""

from __future__ import annotations

import numpy as np

from firmware_export.graphs.graph_writer import GraphWriter


def wide_model(seed: int, output: str = "int32", inner: str = "int8") -> bytes:
    """int16 [1, 3, 2, 4] to int8, a convolution to five logits, int16 probabilities and what ``output`` asks for."""
    rng = np.random.default_rng(seed)
    graph = GraphWriter()
    first = graph.activation((1, 3, 2, 4), 0.001 * (seed + 1), 0, "int16")
    source = graph.activation((1, 3, 2, 4), 0.1, -7, inner)
    graph.operator("QUANTIZE", [first], [source])
    weights = rng.integers(-127, 128, (5, 3, 2, 4)).astype(np.int8)
    scales = np.full(5, 0.01, np.float32)
    bias = graph.biases(rng.integers(-2000, 2000, 5), scales * np.float32(0.1))
    logits = graph.activation((1, 1, 1, 5), 0.1, 10)
    operands = [source, graph.weights(weights, scales, 0), bias]
    graph.operator("CONV_2D", operands, [logits], padding="VALID", stride_h=1, stride_w=1)
    flat = graph.activation((1, 5), 0.1, 10)
    shape = np.array([1, 5], np.int32)
    graph.operator("RESHAPE", [logits, graph.constant(shape)], [flat], new_shape=shape)
    last = graph.activation((1, 5), 1 / 65536, -32768, "int16")
    graph.operator("SOFTMAX", [flat], [last], beta=1.0)
    if output == "int32":
        wide = graph.activation((1, 5), 1 / 32768, 0, "int32")
        graph.operator("QUANTIZE", [last], [wide])
        last = wide
    return graph.finish([first], [last])
