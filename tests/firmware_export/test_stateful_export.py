"""Own networks as files with state: equal to engine and whole window; ESPHome's pair as its component runs it."""

from __future__ import annotations

import json
from collections import deque
from pathlib import Path

import numpy as np
import pytest
from stream_support import probabilities

from firmware_export.emulation.steps import StepInterpreter, random_rows, step_of, windows_of
from firmware_export.engine import build
from firmware_export.graphs.graph_writer import GraphWriter
from firmware_export.graphs.random_graphs import SeededChooser, random_model
from firmware_export.graphs.random_streams import random_stream
from firmware_export.graphs.recurrent_models import svdf_model
from firmware_export.operators.registry import operators
from firmware_export.tflm.esphome import OPERATORS, cutoff_of, export_esphome
from firmware_export.tflm.stateful import stateful_file
from firmware_export.tflm.stateful_plan import RULES
from firmware_export.tflm.tflm_export import export_tflm
from kws_tfmot.contract import ModelContract
from kws_tfmot.data import DataSettings
from kws_tfmot.detection.detection_settings import DetectionSettings
from kws_tfmot.detection.posterior import ONE
from kws_tfmot.errors import ModelError, RecipeError
from kws_tfmot.evaluation.streaming.spotter import StreamModel
from kws_tfmot.frontend import Frontend, FrontendSettings
from kws_tfmot.keras import seed_everything
from kws_tfmot.models import ModelSettings, build_model
from kws_tfmot.tflite.convert import convert
from kws_tfmot.tflite.interpreter import open_interpreter, random_inputs
from kws_tfmot.tflite.reader import read_model
from pipelines.experiments.device_bench import sweep
from pipelines.export import command
from tests.pipelines.conftest import run

SCALE = 2.0**-5
NETWORKS = {
    "bc_resnet": ({"blocks": 2}, (40, 16)),
    "ds_cnn": ({"blocks": 2}, (49, 10)),
    "streaming_cnn": ({}, (60, 10)),
    "tc_resnet8": ({"blocks": 2}, (80, 10)),
}
LABELS = ("_unknown_", "nova", "_silence_")


def untrained(name: str, shape: tuple[int, int], classes: int = 3, **settings: object) -> bytes:
    """A network of random weights whose scores change."""
    seed_everything(1)
    network = build_model(ModelSettings(name=name, width=8, time_padding="valid", **settings), shape, classes)
    rng = np.random.default_rng(0)
    for weight in network.weights:
        if "moving" in weight.name:
            weight.assign(rng.uniform(0.01, 0.2, weight.shape))
    examples = rng.integers(-128, 128, (30, *shape, 1), dtype=np.int8) * np.float32(SCALE)
    return convert(network, "int8", examples, input_quantization=(SCALE, 0), exact_linear=True)


@pytest.mark.slow  # test_streaming_families has every family, at steps of its own length
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("longer", [1, 2])
def test_the_file_with_state_is_the_engine_step_by_step(name: str, longer: int) -> None:
    settings, shape = NETWORKS[name]
    model = untrained(name, shape, **settings)
    hop = longer * step_of(build(model, stream=True)).rows
    streamed = StepInterpreter(model, hop=hop)
    step = step_of(streamed.engine)
    state = stateful_file(model, hop)
    rows = random_rows(streamed.engine, (step.warm_up + 12) * step.rows, 0)
    steps = rows.reshape(-1, *read_model(state).tensor(read_model(state).inputs[0]).shape[1:])
    interpreter, again = open_interpreter(state, "tflm"), StepInterpreter(state)
    for _ in range(2):  # and after a reset
        found = interpreter.run_steps(steps).reshape(len(steps), -1)
        wanted = streamed.run_steps(steps)
        assert len(np.unique(wanted, axis=0)) > 4 and len(wanted) == 12
        np.testing.assert_array_equal(found[step.warm_up :], wanted)
        np.testing.assert_array_equal(again.run_steps(steps), found)
        for each in (interpreter, again, streamed):
            each.reset()


KINDS = (4, 5, 9, 11, 41, 42, 45, 2054)  # flat, one-dimensional, constants of all rows, MixConv, pools, slices, PAD


def check_random(seed: int, decisions: int = 20) -> bool:
    """Whether scores vary; the file's steps decide as TFLM does on whole windows, and keep what the engine keeps."""
    model = random_stream(SeededChooser(seed))
    engine = build(model, stream=True)
    step = step_of(engine)
    if seed % 3 == 0 and 2 * step.rows <= step.window:
        engine = build(model, stream=True, hop=2 * step.rows)
        step = step_of(engine)
    state = stateful_file(model, step.rows)
    graph, rows = read_model(state), random_rows(engine, (step.warm_up + decisions) * step.rows, seed)
    shapes = [each.tensor(each.inputs[0]).shape[1:] for each in (graph, read_model(model))]
    found = open_interpreter(state, "tflm").run_steps(rows.reshape(-1, *shapes[0]))[step.warm_up :]
    wanted = open_interpreter(model, "tflm").run(windows_of(rows, step).reshape(-1, *shapes[1]))
    np.testing.assert_array_equal(found.reshape(wanted.shape), wanted, err_msg=f"seed {seed}")
    kept = sum(int(np.prod(variable.shape)) for variable in graph.variables)
    assert kept <= engine.plan.state_bytes, f"seed {seed}"
    return len(np.unique(wanted.reshape(decisions, -1), axis=0)) > 4


@pytest.mark.parametrize("seed", KINDS)
def test_what_the_engine_streams_has_a_file_with_state(seed: int) -> None:
    assert check_random(seed)


def test_a_split_is_one_that_esphome_has() -> None:
    w = GraphWriter()
    x = w.activation((1, 20, 1, 4), 0.02, 0)
    halves = [w.activation((1, 20, 1, 2), 0.02, 0) for _ in range(2)]
    w.operator("SPLIT", [w.constant(np.array(-1, np.int32)), x], halves, num_splits=2)
    joined, mean = w.activation((1, 20, 1, 4), 0.02, 0), w.activation((1, 1, 1, 4), 0.01, 0)
    w.operator("CONCATENATION", halves[::-1], [joined], axis=3)
    w.operator("MEAN", [joined, w.constant(np.array([1, 2], np.int32))], [mean], keep_dims=True)
    model = w.finish([x], [mean])
    state = stateful_file(model)
    assert {operator.code for operator in read_model(state).operators} <= OPERATORS
    rows = np.random.default_rng(0).integers(-128, 128, (25, 1, 1, 1, 4)).astype(np.int8)
    found = [open_interpreter(model, "tflm").run(rows[at : at + 20].reshape(1, 20, 1, 4)) for at in range(6)]
    steps = open_interpreter(state, "tflm").run_steps(rows.reshape(25, 1, 1, 4))
    np.testing.assert_array_equal(steps[19:].reshape(6, -1), np.reshape(found, (6, -1)))


@pytest.mark.slow
def test_many_random_models_have_files_with_state() -> None:
    assert sum(check_random(seed) for seed in range(2000, 2150)) > 75


def test_every_operator_that_streams_has_a_rule() -> None:
    of_their_own_state = {"ASSIGN_VARIABLE", "CALL_ONCE", "READ_VARIABLE", "VAR_HANDLE"}
    assert set(operators()) - set(RULES) == {*of_their_own_state, "SVDF", "UNIDIRECTIONAL_SEQUENCE_LSTM"}


def test_what_cannot_be_stepped_is_refused() -> None:
    with pytest.raises(ModelError, match="pads time"):
        stateful_file(untrained_same())
    with pytest.raises(ModelError, match="keeps a state already"):
        stateful_file(svdf_model(0))


def untrained_same() -> bytes:
    network = build_model(ModelSettings(width=8, blocks=1), (49, 10), 3)
    examples = np.zeros((2, 49, 10, 1), np.float32)
    return convert(network, "int8", examples, input_quantization=(SCALE, 0))


def test_tflm_gets_the_file_with_state(tmp_path: Path) -> None:
    model = untrained("ds_cnn", (49, 10), blocks=1)
    path = tmp_path / "model.tflite"
    path.write_bytes(model)
    result = run("export", path, "--stream", "--hop", 4, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    written = (tmp_path / "out" / "kws_model.tflite").read_bytes()
    assert read_model(written).stateful and read_model(written).tensor(0).shape[0] == 1
    assert "AddAssignVariable" in "".join(p.read_text() for p in (tmp_path / "out").glob("*.h"))
    assert export_tflm(model, tmp_path / "whole").operators  # as before
    assert command.__doc__


@pytest.fixture(scope="module")
def contract() -> ModelContract:
    frontend = FrontendSettings(kind="microfrontend", clip_ms=700)
    detection = DetectionSettings(threshold=0.3, smoothing_ms=90, refractory_ms=0, release=1.0)
    return ModelContract(LABELS, frontend, DataSettings(keywords=("nova",), clip_ms=700), detection)


class Component:
    """What ESPHome's micro_wake_word does with a pair: rows in, one probability a step, a mean against the cutoff."""

    def __init__(self, folder: Path) -> None:
        self.manifest = json.loads(next(folder.glob("*.json")).read_text())
        data = (folder / self.manifest["model"]).read_bytes()
        self.interpreter, graph = open_interpreter(data, "tflm"), read_model(data)
        shape, output = graph.tensor(graph.inputs[0]).shape, graph.tensor(graph.outputs[0])
        assert (len(shape), shape[0], shape[2], graph.tensor(graph.inputs[0]).dtype) == (3, 1, 40, "int8")
        assert (output.shape, output.dtype) == ((1, 1), "uint8")
        assert {operator.code for operator in graph.operators} <= OPERATORS
        self.stride, micro = shape[1], self.manifest["micro"]
        self.recent = deque([0] * micro["sliding_window_size"], micro["sliding_window_size"])
        self.cutoff = int(255 * micro["probability_cutoff"])

    def hear(self, features: np.ndarray) -> tuple[list[int], list[bool]]:
        """Outputs and decisions of every step."""
        steps = features[: len(features) // self.stride * self.stride].reshape(-1, self.stride, 40)
        outputs = self.interpreter.run_steps(steps).reshape(-1).tolist()
        decided = []
        for output in outputs:
            self.recent.append(output)
            decided.append(sum(self.recent) > self.cutoff * len(self.recent))
        return outputs, decided


@pytest.mark.parametrize("classes", [2, 3])
def test_the_pair_decides_in_esphome_as_the_network_says(tmp_path: Path, contract: ModelContract, classes: int) -> None:
    labels = LABELS[:classes]
    model = untrained("streaming_cnn", contract.frontend.feature_shape, classes, blocks=2)
    own = ModelContract(labels, contract.frontend, contract.data, contract.detection)
    report = export_esphome(model, tmp_path, own, author="us", languages=("en",))
    assert report.files == ("nova.json", "nova.tflite") and report.rows == 3
    assert report.manifest["micro"]["sliding_window_size"] == 3 and report.manifest["version"] == 2
    features = Frontend(contract.frontend).features(sweep(3))
    outputs, decided = Component(tmp_path).hear(features)
    logits = StepInterpreter(model)
    scores = logits.run_steps(features[: len(features) // 3 * 3].reshape(-1, 3, 40))
    wanted = probabilities(model, scores, 1)
    got = np.array(outputs[-len(wanted) :]) / 256
    assert np.abs(got - wanted).max() < 0.01 and got.std() > 0.02
    anew = export_esphome(tmp_path / "nova.tflite", tmp_path / "again", own, author="us", languages=("en",))
    assert anew.manifest == report.manifest
    assert (tmp_path / "again" / "nova.tflite").read_bytes() == (tmp_path / "nova.tflite").read_bytes()
    again = StreamModel.open(tmp_path / "nova.tflite", lambda data: open_interpreter(data, "tflm"))
    smoothed = again.plan.smooth(again.outputs(sweep(3)))[:, 0]
    assert (smoothed >= again.plan.thresholds[0]).tolist() == decided
    assert True in decided and False in decided


def test_esphome_refuses_what_it_cannot_hear(tmp_path: Path, contract: ModelContract) -> None:
    model = untrained("streaming_cnn", contract.frontend.feature_shape, blocks=2)
    other = ModelContract(LABELS, FrontendSettings(), contract.data, contract.detection)
    with pytest.raises(RecipeError, match="features of kind microfrontend"):
        export_esphome(model, tmp_path, other)
    words = DataSettings(keywords=("nova", "stop"), clip_ms=700)
    two = ModelContract(("nova", "stop", "_silence_"), contract.frontend, words, contract.detection)
    with pytest.raises(RecipeError, match=r"one wake word. Received: nova, stop"):
        export_esphome(model, tmp_path, two)
    with pytest.raises(ModelError, match=r"keeps a state already.*Received: int8 .* and int8"):
        export_esphome(svdf_model(0), tmp_path, contract)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("threshold", [0.1, 0.5, 0.8, 0.97])
def test_the_cutoff_lies_below_the_first_output_that_counts(threshold: float) -> None:
    first = -(-round(threshold * ONE) * 256 // ONE)
    level = int(255 * cutoff_of(round(threshold * ONE)))
    assert level < first <= level + 1


def test_a_slice_that_drops_the_axis_of_time_is_kept() -> None:
    model = random_model(SeededChooser(49))
    graph = read_model(model)
    assert any(operator.options.get("shrink_axis_mask") == 2 for operator in graph.operators)
    stepped = open_interpreter(stateful_file(model), "tflm")
    x = random_inputs(graph, 1, seed=3)
    outputs = [stepped.run(x[:, row : row + 1]) for row in range(x.shape[1])]
    np.testing.assert_array_equal(outputs[-1], open_interpreter(model, "tflm").run(x))
