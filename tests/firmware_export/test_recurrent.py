"""SVDF and LSTM in the engine: step by step equal to TFLM, and again after a reset."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from firmware_export.emulation.steps import StepInterpreter
from firmware_export.emulation.stream_report import emulate_stream
from firmware_export.engine import build
from firmware_export.graphs.recurrent_models import lstm_model, svdf_model
from firmware_export.operators.unidirectional_sequence_lstm import sigmoid_table
from kws_tfmot.errors import ModelError
from kws_tfmot.tflite.inspect import inspect
from kws_tfmot.tflite.interpreter import open_interpreter, random_inputs

OTHERS = Path(__file__).resolve().parents[3] / "shared" / "models"


def compare(model: bytes, count: int, seed: int = 0) -> int:
    """Demand equal bytes in ``count`` steps and in some after a reset; how many different outputs there were."""
    reference, engine = open_interpreter(model, "tflm"), StepInterpreter(model)
    steps = random_inputs(reference.graph, count, seed)
    steps[count // 2 :] = np.sort(steps[count // 2 :].reshape(-1)).reshape(steps[count // 2 :].shape)
    wanted = reference.run_steps(steps).reshape(count, -1)
    np.testing.assert_array_equal(engine.run_steps(steps), wanted)
    reference.reset()
    engine.reset()
    again = steps[::-1][:20]
    np.testing.assert_array_equal(engine.run_steps(again), reference.run_steps(again).reshape(len(again), -1))
    np.testing.assert_array_equal(engine.run(steps[:5]), reference.run(steps[:5]).reshape(5, -1))
    return len(np.unique(wanted, axis=0))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("wide", [True, False], ids=["int16 memory", "int8 memory"])
def test_svdf(seed: int, wide: bool) -> None:
    assert compare(svdf_model(seed, wide), 300, seed) > 20


@pytest.mark.parametrize(("steps", "clip", "power"), [(1, 0.0, -12), (7, 2.5, -12), (4, 0.0, -11), (5, 10.0, -13)])
def test_lstm(steps: int, clip: float, power: int) -> None:
    assert compare(lstm_model(steps, steps, clip, power), 200) > 60


def test_tensors_without_numbers_are_no_dynamic_shapes(tmp_path: Path) -> None:
    path = tmp_path / "lstm.tflite"
    path.write_bytes(lstm_model(1, 3))
    state = inspect(path).state
    assert state is not None and [each.dtype for each in state.variables] == ["int8", "int16"]


def test_the_table_is_a_sigmoid() -> None:
    exact = 65536 / (1 + np.exp(-np.arange(256) / 24))
    assert np.abs(np.array(sigmoid_table()) - exact).max() < 1.5


@pytest.mark.device
@pytest.mark.parametrize("board", ["mps2-an386", "microbit"])
def test_on_a_board(board: str) -> None:
    for model in (svdf_model(1), svdf_model(2, wide=False), lstm_model(3, 3)):
        report = emulate_stream(model, board, steps=20)
        assert report.bit_exact and report.steps == 20


def test_what_is_not_supported_is_said() -> None:
    with pytest.raises(ModelError, match="power of two"):
        build(lstm_model(0, 2, 0.0, -30))


@pytest.mark.skipif(not OTHERS.is_dir(), reason="needs the models of others beside the project")
def test_a_published_lstm_is_equal() -> None:
    assert compare((OTHERS / "tflm_mnist_lstm_int8.tflite").read_bytes(), 200) > 20
