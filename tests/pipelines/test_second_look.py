"""`kws export|stream|det|emulate MODEL --verifier MODEL`: two files that carry their settings."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from firmware_export.emulation.cascade_firmware import open_pair
from kws_tfmot.tflite.metadata import write_settings
from pipelines.cascade_options import pair_of
from pipelines.experiments.device_bench import sweep
from tests.firmware_export.test_cascade import CONTRACTS, MODELS
from tests.pipelines.conftest import run

LOOK = ("--look-before", 200, "--look-after", 200)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A small model and its verifier."""
    folder = tmp_path_factory.mktemp("two")
    for name, model, contract in zip(("first", "second"), MODELS, CONTRACTS, strict=True):
        (folder / f"{name}.tflite").write_bytes(write_settings(model, contract.to_settings()))
    return folder / "first.tflite", folder / "second.tflite"


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sound") / "sweep.wav"
    soundfile.write(path, sweep(6), 16000)
    return path


def test_stream_says_what_both_hear(files: tuple[Path, Path], sound: Path) -> None:
    result = run("stream", sound, files[0], "--verifier", files[1], *LOOK, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    pair = pair_of(*files, {"before_ms": 200, "after_ms": 200})
    models = files[0].read_bytes(), files[1].read_bytes()
    expected = open_pair(pair, models).spot(sweep(6))
    assert [each["frame"] for each in found["detections"]] == [each.frame for each in expected] != []
    assert len(found["wakes"]) > len(expected)


def test_sensitivity_moves_the_thresholds(files: tuple[Path, Path], sound: Path) -> None:
    lowest = []
    for sensitivity in (-60, 0, 60):
        result = run("stream", sound, files[0], "--sensitivity", sensitivity, "--json")
        assert result.exit_code == 0, result.output
        found = json.loads(result.stdout)
        lowest.append(min(each["score"] for each in found["detections"]))
        threshold = {-60: 0.45 + 0.55 * 0.6, 0: 0.45, 60: 0.45 * 0.7}[sensitivity]
        assert found["best"]["high"]["threshold"] == pytest.approx(threshold, abs=1e-4)
        assert lowest[-1] >= threshold - 1e-4
    assert lowest[2] < 0.45 <= lowest[1] < 0.78 <= lowest[0]
    assert run("stream", sound, files[0], "--sensitivity", 101).exit_code == 2


def test_det_judges_two_models_as_one(files: tuple[Path, Path], tmp_path: Path) -> None:
    for number, name in enumerate(("said", "said", "talk")):
        (tmp_path / name).mkdir(exist_ok=True)
        soundfile.write(tmp_path / name / f"{number}.wav", np.roll(sweep(3), 16000 * number), 16000)
    given = ("--positives", f"high={tmp_path / 'said'}", "--negatives", tmp_path / "talk", "--json",
             "--interpreter", "engine")  # fmt: skip
    result = run("det", files[0], "--verifier", files[1], *LOOK, *given)
    assert result.exit_code == 0, result.output
    both = json.loads(result.stdout)
    assert both["words"]["high"]["n"] == 2 and both["wakes_per_hour"] > 0
    alone = json.loads(run("det", files[0], *given).stdout)
    assert "wakes_per_hour" not in alone
    # The first alone accepts whatever wakes the second.
    accepts = alone["total"]["false_accepts"]
    assert both["wakes_per_hour"] * both["hours"] == pytest.approx(accepts, abs=1) and accepts > 0
    assert both["total"]["false_accepts"] < accepts


def test_a_firmware_of_both_is_written(files: tuple[Path, Path], tmp_path: Path) -> None:
    result = run("export", files[0], "--verifier", files[1], *LOOK, "--target", "firmware", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    header = (tmp_path / "out/verifier_constants.h").read_text()
    assert "#define VERIFIER_BEFORE 10 " in header  # of 20 ms
    assert {"model.c", "verifier.c", "spotter.c", "main.c"} <= {path.name for path in (tmp_path / "out").iterdir()}


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("export", "FIRST", "--verifier", "SECOND", "--target", "engine", "--out", "out"), "--target firmware"),
        (("export", "FIRST", "--verifier", "SECOND", "--target", "firmware", "--keep-takes", 2, "--out", "out"),
         "no --keep-takes"),
        (("export", "FIRST", "--look-after", 100, "--target", "firmware", "--out", "out"), "need --verifier"),
        (("export", "SECOND", "--verifier", "FIRST", "--target", "firmware", "--out", "out"), "does not know 'middle'"),
        (("export", "FIRST", "--keep-takes", 2, "--target", "engine", "--out", "out"), "no detector"),
        (("export", "FIRST", "--core", "cortex-m3", "--out", "out"), "tflm keeps weights as the model has"),
        (("export", "FIRST", "--optimise", "size", "--target", "esphome", "--out", "out"), "--optimise size"),
        (("export", "FIRST", "--decode", "--target", "engine", "--out", "out"), "for TFLite Micro's DECODE"),
        (("export", "FIRST", "--near", 0.5, "--target", "firmware", "--out", "out"), "--count-scores"),
        (("det", "FIRST", "--verifier", "SECOND", "--recordings", "x.wav"), "--positives"),
        (("stream", "x.wav", "FIRST", "--verifier", "alexa"), "one front end"),
    ],
)  # fmt: skip
def test_what_does_not_fit_ends_with_two(
    files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    names = {"FIRST": files[0], "SECOND": files[1]}
    result = run(command[0], *(names.get(part, part) for part in command[1:]))
    assert result.exit_code == 2 and said in " ".join(result.output.split()), result.output
    assert not list(tmp_path.iterdir())


@pytest.mark.device
def test_the_cost_of_an_hour(files: tuple[Path, Path]) -> None:
    """Counts times how often: the look is of so many inferences, and the first decides 25 times a second."""
    costs = [
        json.loads(run("emulate", files[0], "--verifier", files[1], *LOOK, "--wakes-per-hour", wakes, "--json").stdout)
        for wakes in (10, 30)
    ]
    ten, thirty = costs
    assert thirty["second"][0] == pytest.approx(3 * ten["second"][0]) and ten["second"][0] == 10 * ten["look"][0]
    assert ten["first"] == thirty["first"] and ten["awake_share"] == pytest.approx(10 * 11 * 0.02 / 3600)
    inference = ten["second_alone"][0] / (25 * 3600)
    assert ten["look"][0] == pytest.approx(inference * 11)  # every 40 ms from 200 ms before to 200 ms after
