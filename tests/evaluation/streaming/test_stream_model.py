"""A model in windows and in steps: the frames that each inference has seen, and how it is run."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tone_words import LABELS, RATE, SETTINGS, ToneRunner, clip, noise, spotter

from kws_tfmot.detection.detection_settings import DetectionSettings
from kws_tfmot.detection.detector import NEVER, DetectorPlan
from kws_tfmot.detection.posterior import ONE
from kws_tfmot.detection.rearming import Detection
from kws_tfmot.errors import RecipeError
from kws_tfmot.evaluation.streaming import spotter as module
from kws_tfmot.evaluation.streaming.spotter import Heard, ScoreStream, Spotter, Steps, StreamModel
from kws_tfmot.files import sha256_bytes
from kws_tfmot.tflite.interpreter import TensorSpec
from kws_tfmot.zoo import shipped_models

FRAMES, MELS = SETTINGS.feature_shape
HOP_S = SETTINGS.hop_ms / 1000


class SteppedTones:
    """The tones' runner given ``rows`` frames at once: an output for each piece once ``FRAMES`` have come."""

    name = "bands of tones, stepped"

    def __init__(self, rows: int) -> None:
        self.rows, self.resets = rows, 0
        self.input = TensorSpec(np.dtype(np.int8), (1, rows, MELS, 1), SETTINGS.scale, 0)
        self.steps = Steps(rows, -(-FRAMES // rows) * rows)
        self._whole = ToneRunner()
        self.reset()

    def run(self, batch: np.ndarray) -> np.ndarray:
        raise AssertionError("a stepped model is not run in windows")

    def reset(self) -> None:
        self._seen, self.resets = np.zeros((0, MELS), np.int8), self.resets + 1

    def run_steps(self, steps: np.ndarray) -> np.ndarray:
        found = []
        for step in steps.reshape(len(steps), self.rows, MELS):
            self._seen = np.concatenate([self._seen, step])
            if len(self._seen) >= self.steps.first:
                found.append(self._whole.run(self._seen[-FRAMES:][None, ..., None])[0])
        return np.array(found, np.int8).reshape(-1, 1, len(LABELS))


def stepped(rows: int = 5) -> StreamModel:
    model, runner = spotter(stride=rows), SteppedTones(rows)
    return replace(model, runner=runner, input=runner.input, steps=runner.steps)


@pytest.fixture(scope="module")
def stream() -> np.ndarray:
    parts = [piece for n, word in enumerate(("low", "other", "high")) for piece in (noise(RATE // 2, n), clip(word, n))]
    return np.concatenate([*parts, noise(RATE // 2, 9)])


def test_windows_end_every_stride_and_steps_every_piece(stream: np.ndarray) -> None:
    whole, steps = spotter(stride=5), stepped(5)
    assert whole.piece == FRAMES and steps.piece == 5
    for number in (0, 1, 7):
        assert whole.frame_of(number) == FRAMES + 5 * number
        assert steps.frame_of(number) == steps.steps.first + 5 * number  # type: ignore[union-attr]
        end = ((FRAMES + 5 * number - 1) * SETTINGS.hop_samples + SETTINGS.window_samples) / SETTINGS.sample_rate
        assert whole.seconds_of(number) == pytest.approx(end)
    assert whole.heard(Detection(3, 1, ONE // 4)) == Heard(whole.seconds_of(3), "high", 0.25, FRAMES + 15)


def test_a_stepped_model_hears_what_it_hears_in_windows(stream: np.ndarray) -> None:
    rows = next(rows for rows in (5, 4, 6, 7) if FRAMES % rows == 0)
    whole, steps = spotter(stride=rows), stepped(rows)
    np.testing.assert_array_equal(steps.outputs(stream), whole.outputs(stream))
    assert steps.spot(stream) == whole.spot(stream) != []
    assert steps.runner.resets == 3  # type: ignore[attr-defined]
    found = ScoreStream(steps)  # begins anew
    scores = [found.push(piece) for piece in np.array_split(stream, 7)]
    np.testing.assert_array_equal(np.concatenate(scores), whole.plan.smooth(whole.outputs(stream)))


def test_the_first_output_needs_a_whole_window_of_samples() -> None:
    assert spotter().outputs(noise(SETTINGS.clip_samples - 1, 0)).shape == (0, 4)
    assert spotter(stride=1).outputs(noise(SETTINGS.clip_samples, 0)).shape == (1, 4)
    assert spotter(stride=1).outputs(noise(SETTINGS.clip_samples + SETTINGS.hop_samples, 0)).shape == (2, 4)


def test_inference_takes_five_hundred_windows_at_once() -> None:
    sizes: list[int] = []

    class Counting(ToneRunner):
        def run(self, batch: np.ndarray) -> np.ndarray:
            sizes.append(len(batch))
            return super().run(batch)

    model = replace(spotter(stride=1), runner=Counting())
    samples = noise(SETTINGS.clip_samples + 1000 * SETTINGS.hop_samples, 0)
    model.outputs(samples)
    ScoreStream(model).push(samples)
    assert sizes == 2 * [500, 500, 1]


@pytest.mark.parametrize("stride", [1, 3, 70, FRAMES])
def test_frames_between_windows_are_skipped_in_pieces_too(stream: np.ndarray, stride: int) -> None:
    model = spotter(stride=stride)
    whole = model.plan.smooth(model.outputs(stream))
    for size in (700, 9000, len(stream)):
        pieces = ScoreStream(model)
        found = [pieces.push(stream[first : first + size]) for first in range(0, len(stream), size)]
        np.testing.assert_array_equal(np.concatenate(found), whole)


def test_what_a_listener_shows_is_the_last_score_and_the_best(stream: np.ndarray) -> None:
    model = spotter()
    scores, listener = model.plan.smooth(model.outputs(stream)), Spotter(model)
    assert listener.inferences == 0 and not listener.scores.any() and not listener.best.any()
    heard, end = [], 0
    for piece in np.array_split(stream, 23):
        heard += listener.push(piece)
        end = listener.inferences
        if end:
            np.testing.assert_array_equal(listener.best, scores[:end].max(axis=0))
            np.testing.assert_array_equal(listener.scores, scores[end - 1] / 32768)
    assert end == len(scores) and heard == model.spot(stream)


def test_unsigned_probabilities_come_less_128() -> None:
    outputs = np.array([[0, 1, 127, 128], [129, 255, 3, 2]], np.uint8)
    runner = SimpleNamespace(run=lambda batch: outputs[:, None])
    found = replace(spotter(), runner=runner).infer(np.zeros((2, FRAMES, MELS), np.int8))
    assert found.dtype == np.int8 and found.tolist() == (outputs.astype(int) - 128).tolist()


def test_thresholds_and_sensitivity_are_those_of_the_plan() -> None:
    model = spotter(0.7)
    assert model.with_threshold(0.25).plan == model.plan.with_threshold(ONE // 4)
    assert model.with_threshold(0.25).plan.thresholds == (ONE // 4, ONE // 4, NEVER, NEVER)
    assert model.with_sensitivity(40).plan == model.plan.with_sensitivity(40) != model.plan
    with pytest.raises(RecipeError, match="-100 to 100"):
        model.with_sensitivity(101)


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What :meth:`StreamModel.of` plans a detector with."""
    found: dict[str, Any] = {}

    def of(*given: Any) -> str:
        found["given"] = given[1:]
        return "plan"

    monkeypatch.setattr(module, "DetectorPlan", SimpleNamespace(of=of))
    monkeypatch.setattr(module, "input_spec", lambda graph: "spec of the file")
    return found


@pytest.mark.parametrize(
    ("runner", "stateful", "steps", "spec"),
    [
        (ToneRunner(), False, None, "spec of the file"),
        (ToneRunner(), True, Steps(FRAMES, FRAMES), "spec of the file"),
        (SteppedTones(5), False, SteppedTones(5).steps, SteppedTones(5).input),
        (SteppedTones(5), True, SteppedTones(5).steps, SteppedTones(5).input),
    ],
)
def test_a_model_is_stepped_if_its_runner_is_or_it_keeps_state(
    planned: dict[str, Any], runner: Any, stateful: bool, steps: Steps | None, spec: object
) -> None:
    contract = spotter().contract
    graph: Any = SimpleNamespace(stateful=stateful)
    model = StreamModel.of(contract, graph, runner, "sha")
    assert planned["given"] == (LABELS, SETTINGS, contract.detection, steps.rows if steps else None)
    assert (model.steps, model.input, model.plan, model.sha256) == (steps, spec, "plan", "sha")
    assert model.stateful == stateful and model.contract is contract and model.runner is runner
    untold = StreamModel(contract, model.plan, runner, model.input, "sha")
    assert (untold.stateful, untold.steps) == (False, None)
    if not isinstance(runner, SteppedTones):
        model.reset()  # nothing to bring back


def test_a_shipped_model_is_opened_with_what_it_carries() -> None:
    (path,) = (each.model for each in shipped_models() if each.name == "tiny")
    opened: list[bytes] = []

    def opener(data: bytes) -> Any:
        opened.append(data)
        return SimpleNamespace(run=None, name="none")

    model = StreamModel.open(path, opener)
    assert opened == [path.read_bytes()] and model.sha256 == sha256_bytes(path.read_bytes())
    assert model.steps is None and not model.stateful
    other = StreamModel.open(path.read_bytes(), opener, threshold=0.25)
    assert other.contract == replace(
        model.contract, detection=model.contract.detection.model_copy(update={"threshold": 0.25, "thresholds": {}})
    )
    assert other.plan == model.plan.with_threshold(ONE // 4) and isinstance(model.plan, DetectorPlan)
    assert isinstance(model.contract.detection, DetectionSettings)
