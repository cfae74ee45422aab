"""Models that take int16 and give int16 or int32 numbers, as TFLM's keyword example does."""

from __future__ import annotations

import numpy as np
import pytest

from firmware_export.emulation.emulator import emulate
from firmware_export.emulation.host import EngineInterpreter
from firmware_export.engine import build
from firmware_export.graphs.graph_writer import GraphWriter
from kws_tfmot.errors import ModelError
from kws_tfmot.tflite.interpreter import open_interpreter, random_inputs
from kws_tfmot.tflite.reader import read_model


def model(seed: int, output: str = "int32", inner: str = "int8") -> bytes:
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


@pytest.mark.parametrize("output", ["int16", "int32"])
@pytest.mark.parametrize("seed", [0, 3])
def test_numbers_are_tflm_s(seed: int, output: str) -> None:
    data = model(seed, output)
    inputs = random_inputs(read_model(data), 400, seed)
    inputs[::2] //= 16  # near the zero point, where rounding shows
    wanted, found = open_interpreter(data, "tflm").run(inputs), EngineInterpreter(data).run(inputs)
    assert str(found.dtype) == output
    assert np.array_equal(found, wanted.reshape(found.shape))
    assert len(np.unique(wanted)) > 50


@pytest.mark.device
def test_a_board_gives_them_too() -> None:
    assert emulate(model(1), "mps2-an386", random=8).bit_exact


def test_the_header_says_so_and_labels_are_counted_by_numbers() -> None:
    engine = build(model(0), labels=("a", "b", "c", "d", "e"))
    assert "The input's bytes are int16_t numbers" in engine.files["model.h"]
    assert "#define MODEL_OUTPUT_BYTES 20" in engine.files["model.h"]


def test_int16_inside_a_model_is_refused() -> None:
    with pytest.raises(ModelError, match="can become int8"):
        build(model(0, inner="int16"))
