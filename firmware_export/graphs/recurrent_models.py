"""Networks whose operators remember by themselves, SVDF and LSTM, with random weights: for tests."""

from __future__ import annotations

import numpy as np

from firmware_export.graphs.graph_writer import GraphWriter


def variable(writer: GraphWriter, shape: tuple[int, ...], dtype: str, scale: float, zero_point: int) -> int:
    """A variable tensor."""
    index = writer.activation(shape, scale, zero_point, dtype)
    writer.root.subgraphs[0].tensors[index].isVariable = True
    return index


def svdf_model(seed: int, wide: bool = True) -> bytes:
    """Two SVDF layers on int8 ``[1, inputs]``, their memory of int16 where ``wide``, else of int8."""
    rng = np.random.default_rng(seed)
    w = GraphWriter()
    inputs = int(rng.integers(3, 20))
    x = last = w.activation((1, inputs), 0.05, int(rng.integers(-128, 100)))
    scale = 0.05
    for _ in range(2):
        units, rank, memory = (int(n) for n in rng.integers((2, 1, 1), (9, 4, 12)))
        filters, dtype = units * rank, "int16" if wide else "int8"
        feature = w.constant(rng.integers(-128, 128, (filters, inputs)).astype(np.int8), 0.01)
        kept = scale * 0.01 * 90 * inputs**0.5 * (1 / 8000 if wide else 1 / 15)
        limit = 3000 if wide else 128
        time_scale = 1.0 / limit
        time = w.constant(rng.integers(-limit, limit, (filters, memory)).astype(dtype), time_scale)
        bias = w.biases(rng.integers(-1000, 1000, units), np.array([kept * time_scale], np.float32))
        state = variable(w, (1, memory * filters), dtype, kept, 0 if wide else int(rng.integers(-60, 60)))
        out_scale = kept * (9000 if wide else 40) * (memory * rank) ** 0.5 / (60 if wide else 40)
        y = w.activation((1, units), out_scale, int(rng.integers(-128, 50)))
        options = {"rank": rank, "fused_activation_function": "RELU"}
        w.operator("SVDF", [last, feature, time, bias, state], [y], **options)
        last, inputs, scale = y, units, out_scale
    return w.finish([x], [last])


def lstm_model(seed: int, steps: int, clip: float = 0.0, power: int = -12) -> bytes:
    """An LSTM over int8 ``[1, steps, inputs]`` and a dense layer on all it gave."""
    rng = np.random.default_rng(seed)
    inputs, units = (int(n) for n in rng.integers(3, 14, 2))
    w = GraphWriter()
    x = w.activation((1, steps, inputs), 0.02, int(rng.integers(-128, 100)))
    hidden_zero = int(rng.integers(-40, 40))
    operands = [x]
    operands += [w.constant(rng.integers(-128, 128, (units, inputs)).astype(np.int8), 0.012) for _ in range(4)]
    operands += [w.constant(rng.integers(-128, 128, (units, units)).astype(np.int8), 0.01) for _ in range(4)]
    operands += [-1, -1, -1]
    operands += [w.biases(rng.integers(-3000, 3000, units), np.array([0.02 * 0.012], np.float32)) for _ in range(4)]
    operands += [-1, -1, variable(w, (1, units), "int8", 1 / 120, hidden_zero)]
    operands += [variable(w, (1, units), "int16", 2.0**power, 0), -1, -1, -1, -1]
    given = w.activation((1, steps, units), 1 / 120, hidden_zero)
    options = {"fused_activation_function": "TANH", "cell_clip": clip, "proj_clip": 0.0, "time_major": False}
    w.operator("UNIDIRECTIONAL_SEQUENCE_LSTM", operands, [given], **options)
    # Tensors that hold the gates' quantisation alone, of shape [0], as the converter writes them.
    extra = [w.activation((0,), 0.01, 0, "int16") for _ in range(5)]
    w.root.subgraphs[0].operators[-1].intermediates = np.array(extra, np.int32)
    flat = w.activation((1, steps * units), 1 / 120, hidden_zero)
    shape = np.array([1, steps * units], np.int32)
    w.operator("RESHAPE", [given, w.constant(shape)], [flat], new_shape=shape)
    weights = w.weights(rng.integers(-128, 128, (4, steps * units)), np.array([0.01], np.float32), 0)
    y = w.activation((1, 4), 0.01 * (steps * units) ** 0.5 * 1.2, 0)
    w.operator("FULLY_CONNECTED", [flat, weights, -1], [y])
    return w.finish([x], [y])
