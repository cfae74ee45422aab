"""ESPHome's manifest: read beside a model, and a detector that decides as ESPHome does."""

from __future__ import annotations

import functools
import json
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from firmware_export.graphs.wake_words import WakeWordShape, wake_word_model
from kws_tfmot.contract import ModelContract
from kws_tfmot.detection.detector import Detector
from kws_tfmot.errors import ModelError
from kws_tfmot.evaluation.streaming.spotter import Spotter, StreamModel
from kws_tfmot.frontend import Frontend
from kws_tfmot.manifest import Manifest, manifest_of
from kws_tfmot.recipe import Recipe
from kws_tfmot.tflite.interpreter import open_interpreter
from tests.pipelines.conftest import run

MICRO = {"probability_cutoff": 0.6, "sliding_window_size": 3, "feature_step_size": 10, "tensor_arena_size": 1}
opener = functools.partial(open_interpreter, kind="tflm")


@pytest.fixture
def spotter(tmp_path: Path) -> Path:
    """A network with state of random weights, and a manifest beside it."""
    path = tmp_path / "word.tflite"
    path.write_bytes(wake_word_model(WakeWordShape(), seed=3))
    text = manifest_of("Hey You", path.name, MICRO, author="", website="", languages=["en"])
    path.with_suffix(".json").write_text(json.dumps(text))
    return path


def test_the_manifest_beside_a_model_says_how_it_listens(spotter: Path) -> None:
    contract = ModelContract.of_model(spotter)
    assert contract.labels == ("Hey You",)
    assert contract.frontend.kind == "microfrontend"
    assert contract.frontend.feature_shape == (3, 40)
    assert (contract.detection.stride_ms, contract.detection.smoothing_ms) == (30, 90)
    with pytest.raises(ModelError, match=r"suffix \.json, beside it"):
        ModelContract.of_model(spotter.read_bytes())


def test_a_recipe_serves_a_file_with_state_in_place_of_a_manifest(spotter: Path) -> None:
    recipe = {"name": "you", "data": {"keywords": ["hey you"]}, "frontend": {"kind": "microfrontend", "clip_ms": 1200}}
    given = Recipe.parse(recipe | {"detection": {"smoothing_ms": 90}}, "recipe").contract()
    contract, beside = ModelContract.of_model(spotter, given), ModelContract.of_model(spotter)
    assert contract.labels == ("hey you",)
    assert contract.frontend == beside.frontend and contract.frontend.feature_shape == (3, 40)
    assert contract.detection == given.detection
    two = Recipe.parse(recipe | {"data": {"keywords": ["hey", "you"]}}, "recipe").contract()
    with pytest.raises(ModelError, match=r"1 outputs for 4 labels: hey, you"):
        ModelContract.of_model(spotter, two)


def test_benchmark_lists_the_engine_beside_interpreters_of_a_file_with_state(spotter: Path) -> None:
    result = run("benchmark", spotter, "--rounds", 1, "--threads", "1", "--json")
    assert result.exit_code == 0, result.output
    rows = {row["kind"]: row for row in json.loads(result.stdout)["latency"]}
    assert "3 rows a step" in rows["engine"]["interpreter"] and rows["engine"]["p50_us"] > 0


def test_what_is_no_manifest_is_not_taken_for_one(spotter: Path) -> None:
    beside = spotter.with_suffix(".json")
    for text in ("{", "[]", '{"type": "other"}', '{"type": "micro", "wake_word": "a", "wake_word": "b"}'):
        beside.write_text(text)
        assert Manifest.beside(spotter) is None
        with pytest.raises(ModelError, match=r"'word\.json' beside it is no manifest"):
            ModelContract.of_model(spotter)
    beside.unlink()
    assert Manifest.beside(spotter) is None
    os.mkfifo(beside)  # which a reader would wait at
    assert Manifest.beside(spotter) is None
    with pytest.raises(ModelError, match="it is no file"):
        Manifest.read(beside)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"probability_cutoff": 1.5}, "micro.probability_cutoff"),
        ({"sliding_window_size": 0}, "micro.sliding_window_size"),
        ({"feature_step_size": 31}, "micro.feature_step_size"),
        ({"sliding_window_size": True}, "micro.sliding_window_size.* Received: true"),
    ],
)
def test_a_wrong_manifest_is_refused_by_the_key(spotter: Path, changes: dict, message: str) -> None:
    beside = spotter.with_suffix(".json")
    text = json.loads(beside.read_text())
    text["micro"] |= changes
    beside.write_text(json.dumps(text))
    with pytest.raises(ModelError, match=message):
        ModelContract.of_model(spotter)


def test_the_first_version_steps_by_20_ms_and_names_its_window_otherwise() -> None:
    micro = {"probability_cutoff": 0.5, "sliding_window_average_size": 10}
    manifest = Manifest.model_validate({"type": "micro", "wake_word": "alexa", "version": 1, "micro": micro})
    assert (manifest.step_ms, manifest.micro.sliding_window_size) == (20, 10)
    assert manifest.frontend(1).feature_shape == (1, 40)


@pytest.mark.parametrize("cutoff", [0.02, 0.5, 0.6, 0.9, 0.97, 0.996])
@pytest.mark.parametrize("width", [1, 3, 5, 10, 127])
def test_the_detector_is_esphomes(spotter: Path, cutoff: float, width: int) -> None:
    """ESPHome: the sum of the last outputs of 0 to 255 above floor(255 cutoff) times their number."""
    beside = spotter.with_suffix(".json")
    text = json.loads(beside.read_text())
    text["micro"] |= {"probability_cutoff": cutoff, "sliding_window_size": width}
    beside.write_text(json.dumps(text))
    model = StreamModel.open(spotter, opener)
    rng = np.random.default_rng(width)
    level = int(255 * cutoff)
    outputs = np.clip(level + rng.integers(-2, 3, 600), 0, 255).astype(np.uint8)
    detector, recent, quiet, ours, theirs = Detector(model.plan), [0] * width, 0, [], []
    for number, output in enumerate(outputs):
        recent = [*recent[1:], int(output)]
        if quiet:
            quiet -= 1
        elif sum(recent) > level * width:
            theirs.append(number)
            quiet = model.plan.refractory - 1
        if detector.step(np.array([output ^ 0x80], np.uint8).view(np.int8)):
            ours.append(number)
    assert theirs
    assert ours[0] == theirs[0]
    # Later ones may differ: here a word must end before it is heard again, there a second of silence is enough
    smoothed = model.plan.smooth((outputs ^ 0x80).view(np.int8)[:, None])[:, 0]
    sums = np.convolve(outputs.astype(int), np.ones(width, int))[: len(outputs)]
    np.testing.assert_array_equal(smoothed >= model.plan.thresholds[0], sums > level * width)


def test_a_stream_runs_the_model_step_by_step_and_from_its_beginning(spotter: Path) -> None:
    model = StreamModel.open(spotter, opener)
    samples = np.random.default_rng(0).normal(0, 3000, 40_000).astype(np.int16)
    frames = Frontend(model.contract.frontend).features(samples)
    steps = frames[: len(frames) // 3 * 3].reshape(-1, 3, 40)
    wanted = open_interpreter(spotter, "tflm").run_steps(steps).reshape(-1, 1)
    assert len(np.unique(wanted)) > 20
    for _ in range(2):  # the second time from the beginning again
        np.testing.assert_array_equal((model.outputs(samples) ^ -128).view(np.uint8), wanted)
    heard = model.with_threshold(0.55).spot(samples)
    assert heard
    listener = Spotter(model.with_threshold(0.55))
    pieces = [listener.push(samples[first : first + 777]) for first in range(0, len(samples), 777)]
    assert [each for piece in pieces for each in piece] == heard


def test_people_saying_alexa_are_heard(public_models: Path, wake_words: Path) -> None:
    """A published model and real recordings: nine of ten at the least, and nothing in noise."""
    model = StreamModel.open(public_models / "mww_v2_alexa.tflite", opener)
    quiet = (np.random.default_rng(0).standard_normal(16000) * 8).astype(np.int16)
    files = sorted((wake_words / "alexa").iterdir())[:20]
    heard = [bool(model.spot(np.concatenate([quiet, soundfile.read(f, dtype="int16")[0], quiet]))) for f in files]
    assert sum(heard) >= 18
    noise = np.random.default_rng(1).normal(0, 1000, 160_000).astype(np.int16)
    assert model.spot(noise) == []


@pytest.mark.parametrize(
    ("changed", "reported"),
    [
        ({"wake_word": "a/b"}, "wake_word"),
        ({"wake_word": ".."}, "wake_word"),
        ({"wake_word": "_silence_"}, "wake_word"),
        ({"wake_word": "a\0b"}, "wake_word"),
        ({"wake_word": "x" * 300}, "wake_word"),
        ({"micro": MICRO | {"sliding_window_size": 127, "feature_step_size": 30}}, "smoothing_ms"),
    ],
)
def test_a_manifest_that_cannot_be_used_is_refused(spotter: Path, changed: dict, reported: str) -> None:
    """Also where it is of the right form: its word names folders, and the detector has bounds."""
    beside = spotter.with_suffix(".json")
    beside.write_text(json.dumps(json.loads(beside.read_text()) | changed))
    with pytest.raises(ModelError, match=reported):
        ModelContract.of_model(spotter)
