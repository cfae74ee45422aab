"""Models that take int16 and give int16 or int32 numbers, as TFLM's keyword example does."""

from __future__ import annotations

import numpy as np
import pytest

from firmware_export.emulation.emulator import emulate
from firmware_export.emulation.host import EngineInterpreter
from firmware_export.engine import build
from firmware_export.graphs.graph_writer import GraphWriter
from firmware_export.graphs.wide_model import wide_model
from kws_tfmot.errors import ModelError
from kws_tfmot.tflite.interpreter import open_interpreter, random_inputs
from kws_tfmot.tflite.reader import read_model


@pytest.mark.parametrize("output", ["int16", "int32"])
@pytest.mark.parametrize("seed", [0, 3])
def test_numbers_are_tflm_s(seed: int, output: str) -> None:
    data = wide_model(seed, output)
    inputs = random_inputs(read_model(data), 400, seed)
    inputs[::2] //= 16  # near the zero point, where rounding shows
    wanted, found = open_interpreter(data, "tflm").run(inputs), EngineInterpreter(data).run(inputs)
    assert str(found.dtype) == output
    assert np.array_equal(found, wanted.reshape(found.shape))
    assert len(np.unique(wanted)) > 50


@pytest.mark.device
def test_a_board_gives_them_too() -> None:
    assert emulate(wide_model(1), "mps2-an386", random=8).bit_exact


def test_the_header_says_so_and_labels_are_counted_by_numbers() -> None:
    engine = build(wide_model(0), labels=("a", "b", "c", "d", "e"))
    assert "The input's bytes are int16_t numbers" in engine.files["model.h"]
    assert "#define MODEL_OUTPUT_BYTES 20" in engine.files["model.h"]


def test_int16_inside_a_model_is_refused() -> None:
    with pytest.raises(ModelError, match="can become int8"):
        build(wide_model(0, inner="int16"))


@pytest.mark.parametrize("wide", ["int16", "int32"])
def test_int8_does_not_become_wide(wide: str) -> None:
    graph = GraphWriter()
    ends = graph.activation((1, 4), 0.1, 0), graph.activation((1, 4), 0.001, 0, wide)
    graph.operator("QUANTIZE", [ends[0]], [ends[1]])
    with pytest.raises(ModelError, match=f"int8 or uint8. Received: {wide}"):
        build(graph.finish([ends[0]], [ends[1]]))
