"""Files with state in the engine: step by step equal to TFLM, after a reset too, on this computer and on boards."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from firmware_export.emulation.example import run_example
from firmware_export.emulation.host import EngineInterpreter
from firmware_export.emulation.steps import StepInterpreter, StepLibrary, open_engine
from firmware_export.emulation.stream_report import emulate_stream
from firmware_export.engine import build
from firmware_export.graphs.graph_writer import GraphWriter
from firmware_export.graphs.wake_words import WakeWordShape, wake_word_model
from firmware_export.operators.kernels.append import Append
from firmware_export.operators.kernels.reshape_tensor import Reshape
from kws_tfmot.contract import ModelContract
from kws_tfmot.detection.detection_settings import DetectionSettings
from kws_tfmot.errors import ModelError, RecipeError
from kws_tfmot.manifest import Manifest
from kws_tfmot.tflite.interpreter import open_interpreter, random_inputs
from kws_tfmot.tflite.reader import read_model
from pipelines.experiments.device_bench import sweep

SHAPES = (
    WakeWordShape(),
    WakeWordShape(rows=1, first_generation=True, ending=20),
    WakeWordShape(rows=2, channels=24, kernels=((9,), (3, 5, 8), (4, 13)), ending=2),
    WakeWordShape(channels=12, kernels=((7,),), initial=20),
)


def compare(model: bytes, count: int, seed: int = 0) -> int:
    """Demand equal bytes in ``count`` steps and again after a reset; return how many different outputs there were."""
    interpreter = open_interpreter(model, "tflm")
    library = StepLibrary(build(model, name="stateful"))
    steps = random_inputs(interpreter.graph, count, seed)
    steps[count // 2 :] = np.sort(steps[count // 2 :].reshape(-1)).reshape(steps[count // 2 :].shape)  # slowly rising
    wanted = interpreter.run_steps(steps).reshape(count, -1)
    np.testing.assert_array_equal(library.run(steps).view(wanted.dtype), wanted)
    interpreter.reset()
    again = interpreter.run_steps(steps[::-1][:40]).reshape(-1, wanted.shape[1])
    np.testing.assert_array_equal(library.run(steps[::-1][:40]).view(wanted.dtype), again)
    return len(np.unique(wanted))


@pytest.mark.parametrize("shape", SHAPES, ids=["mixconv", "first generation", "three kernels", "initial value"])
def test_steps_are_tflms(shape: WakeWordShape) -> None:
    assert compare(wake_word_model(shape, seed=5), 1000) > 10


def test_newest_rows_move_on_in_place() -> None:
    """A variable that is read, joined, cut and assigned costs one step, and no copy."""
    program = build(wake_word_model(SHAPES[0])).program
    kinds = [type(layer.operation) for layer in program.layers]
    assert kinds.count(Append) == 4
    assert len(program.states) == 4
    assert program.step is not None
    assert (program.step.rows, program.step.warm_up) == (3, 0)


def test_one_row_of_output_takes_the_kernels_for_it() -> None:
    """Depthwise convolutions along time are products of vectors, from the state as it is."""
    for shape in SHAPES:
        engine = build(wake_word_model(shape))
        kernels = {call.functions[0] for call in engine.calls if "DEPTHWISE" in call.label}
        assert kernels == {"kws_depthwise_column"}
        assert "kws_conv_dense" not in {call.functions[0] for call in engine.calls}


def test_the_engine_is_an_interpreter_of_files_with_state() -> None:
    model = wake_word_model(SHAPES[0], seed=8)
    reference, engine = open_interpreter(model, "tflm"), open_engine(model)
    assert isinstance(engine, StepInterpreter)
    steps = random_inputs(reference.graph, 30, seed=1)
    for _ in range(2):
        np.testing.assert_array_equal(engine.run_steps(steps).reshape(-1), reference.run_steps(steps).reshape(-1))
    np.testing.assert_array_equal(engine.run(steps).reshape(-1), reference.run(steps).reshape(-1))


def test_whole_windows_of_a_file_with_state_are_refused() -> None:
    with pytest.raises(ModelError, match="one that keeps a state from step to step") as refused:
        EngineInterpreter(wake_word_model(SHAPES[0], seed=8))
    assert "open_engine" in str(refused.value)


def other_uses(writer: GraphWriter) -> tuple[int, int]:
    """A variable that is an average of what came, read twice: nothing like the newest rows."""
    source = writer.activation((1, 6), 0.1, 3)
    writer.initial("mean", np.arange(6, dtype=np.int8).reshape(1, 6), 0.1, 3)
    handle = writer.handle("mean")
    before, moved, after, result = (writer.activation((1, 6), 0.1, 3) for _ in range(4))
    writer.operator("READ_VARIABLE", [handle], [before])
    scaled = writer.activation((1, 6), 0.2, 3)
    writer.operator("ADD", [before, source], [scaled])
    half = writer.constant(np.full((1, 6), 5, np.int8), 0.1, 0)
    writer.operator("MUL", [scaled, half], [moved])
    writer.operator("ASSIGN_VARIABLE", [handle, moved], [])
    writer.operator("READ_VARIABLE", [handle], [after])
    writer.operator("ADD", [before, after], [result])
    return source, result


def test_a_variable_may_be_anything() -> None:
    writer = GraphWriter()
    source, result = other_uses(writer)
    model = writer.finish([source], [result])
    assert compare(model, 300) > 20
    kinds = [type(layer.operation) for layer in build(model).program.layers]
    assert Append not in kinds
    assert kinds.count(Reshape) == 3


def test_a_hop_is_the_models_own() -> None:
    model = wake_word_model(SHAPES[0])
    assert build(model, stream=True, hop=3).program.step is not None
    with pytest.raises(RecipeError, match="takes 3 rows a step"):
        build(model, stream=True, hop=2)


def test_every_published_file_with_state_is_tflms(public_models: Path) -> None:
    """microWakeWord's of both generations, SVDF with int16 in and int32 out, LSTM: whatever the folder holds."""
    seen = 0
    for path in sorted(public_models.glob("*.tflite")):
        if read_model(path).stateful:
            assert compare(path.read_bytes(), 1000) > 1, path.name
            seen += 1
    if not seen:
        pytest.skip(f"no model in {public_models} keeps a state")


@pytest.mark.device
@pytest.mark.parametrize("board", ["mps2-an386", "microbit"])
def test_boards_step_as_tflm_does(board: str) -> None:
    report = emulate_stream(wake_word_model(SHAPES[0], seed=2), board, steps=25)
    assert report.bit_exact
    assert report.steps == 25
    assert report.ram_bytes >= report.state_bytes > 0


@pytest.mark.device
def test_a_firmware_of_a_file_with_state_decides_as_the_desktop_does() -> None:
    """uint8 probabilities of a microWakeWord model at every step of its own, behind its front end."""
    model = wake_word_model(SHAPES[0], seed=5)
    manifest = {"type": "micro", "wake_word": "nova", "micro": {"probability_cutoff": 0.5, "sliding_window_size": 3}}
    contract = ModelContract.of_manifest(Manifest.model_validate(manifest), read_model(model))
    eager = DetectionSettings(threshold=0.5, release=1.0, smoothing_ms=60, refractory_ms=0)
    report = run_example(model, sweep(2), replace(contract, detection=eager))
    assert report.same_as_host
    assert report.inferences == 198 // 3 and 3 < len(report.heard) < 40
