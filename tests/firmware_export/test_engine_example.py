"""The whole chain on the boards: the front end's features and the example's labels equal the host's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from firmware_export.boards import BOARDS
from firmware_export.emulation.example import emulate_frontend, example_files, export_example, run_example
from firmware_export.engine import build
from firmware_export.graphs.graph_writer import GraphWriter
from kws_tfmot.contract import ModelContract
from kws_tfmot.data import DataSettings
from kws_tfmot.detection.detection_settings import DetectionSettings
from kws_tfmot.detection.detector import DetectorPlan
from kws_tfmot.errors import ModelError
from kws_tfmot.frontend.frontend_settings import FrontendSettings
from kws_tfmot.tflite.reader import read_model
from pipelines.experiments.device_bench import sweep

SETTINGS = FrontendSettings(clip_ms=300)
LABELS = ("_silence_", "low", 'hé"llo', "high")
# Heard as soon as the score rises again: several detections a second. The detector alone: test_detector.py.
EAGER = DetectionSettings(threshold=0.3, release=1.0, smoothing_ms=100, refractory_ms=0)
CONTRACT = ModelContract(LABELS, SETTINGS, DataSettings(clip_ms=300), EAGER)


def listener(softmax: bool = False) -> bytes:
    """A matrix over 14 x 10 features whose answer changes with what is heard."""
    rng = np.random.default_rng(3)
    frames, features = SETTINGS.feature_shape
    w = GraphWriter()
    x = w.activation((1, frames, features, 1), SETTINGS.scale, SETTINGS.zero_point)
    flat = w.activation((1, frames * features), SETTINGS.scale, SETTINGS.zero_point)
    shape = np.array([1, frames * features], np.int32)
    w.operator("RESHAPE", [x, w.constant(shape)], [flat], new_shape=shape)
    logits = w.activation((1, 4), 0.1, 0)
    weights = rng.integers(-127, 128, (4, frames * features))
    w.operator("FULLY_CONNECTED", [flat, w.weights(weights, np.array([0.002], np.float32), 0), -1], [logits])
    if not softmax:
        return w.finish([x], [logits])
    scores = w.activation((1, 4), 1 / 256, -128)
    w.operator("SOFTMAX", [logits], [scores], beta=1.0)
    return w.finish([x], [scores])


@pytest.mark.device
@pytest.mark.parametrize("board", sorted(BOARDS))
def test_the_example_hears_on_every_board_what_the_host_hears(board: str) -> None:
    report = run_example(listener(), sweep(3), CONTRACT, board)
    assert report.same_as_host
    assert report.inferences == (149 - 14) // 5 + 1
    assert len(report.heard) > report.inferences // 5
    assert {heard.word for heard in report.heard} == set(LABELS[1:])


@pytest.mark.device
@pytest.mark.parametrize("softmax", [False, True])
def test_smoothing_and_refractory_time_on_the_board(softmax: bool) -> None:
    patient = DetectionSettings(threshold=0.45, thresholds={"low": 0.4}, smoothing_ms=200, refractory_ms=300)
    report = run_example(listener(softmax), sweep(6), replace(CONTRACT, detection=patient))
    assert report.same_as_host
    assert 3 <= len(report.heard) < report.inferences // 3


@pytest.mark.slow
@pytest.mark.device
@pytest.mark.recordings
@pytest.mark.parametrize("board", sorted(BOARDS))
def test_the_front_end_on_500_recordings(board: str, recordings: Path) -> None:
    paths = sorted(recordings.glob("[a-z]*/*.flac"))
    chosen = [paths[i] for i in np.random.default_rng(0).permutation(len(paths))[:500]]
    clips = [soundfile.read(path, dtype="int16")[0] for path in chosen]
    samples = np.concatenate([np.pad(clip, (0, max(0, 16_000 - len(clip))))[:16_000] for clip in clips])
    report = emulate_frontend(FrontendSettings(), samples, board)
    assert report.bit_exact and report.frames == 24_999


@pytest.mark.device
@pytest.mark.parametrize("board", sorted(BOARDS))
def test_the_front_end_on_every_board(board: str) -> None:
    report = emulate_frontend(FrontendSettings(), sweep(1), board)
    assert report.bit_exact and report.frames == 49
    assert report.to_dict()["instructions"] > 1000


def test_the_example_is_exported_whole(tmp_path: Path) -> None:
    names = export_example(listener(), tmp_path, CONTRACT, "mps2-an386")
    assert sorted(p.name for p in tmp_path.iterdir()) == names
    assert {"main.c", "spotter.c", "microphone.h", "model.c", "kws_detector_step.c", "start.c", "board.ld"} <= set(
        names
    )


def test_a_model_that_does_not_fit_the_front_end_is_refused() -> None:
    engine = build(listener(), labels=LABELS)
    plan = DetectorPlan.of(read_model(listener()), LABELS, SETTINGS, EAGER)
    with pytest.raises(ModelError, match="the front end gives 49 x 10"):
        example_files(engine, replace(CONTRACT, frontend=FrontendSettings()), plan)
    with pytest.raises(ModelError, match=r"needs an engine called .model. with labels"):
        example_files(build(listener()), CONTRACT, plan)
