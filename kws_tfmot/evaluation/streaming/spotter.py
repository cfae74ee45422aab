"""A model over a stream of samples: front end, sliding window, inference, detector; whole or piece by piece."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from kws_tfmot.contract import ModelContract
from kws_tfmot.detection.detector import Detection, DetectorPlan, Smoother, to_q15
from kws_tfmot.detection.posterior import ONE
from kws_tfmot.detection.rearming import Rearming
from kws_tfmot.errors import DataError
from kws_tfmot.evaluation.model_scores import Runnable, model_input_of
from kws_tfmot.files import sha256_bytes
from kws_tfmot.frontend import Frontend
from kws_tfmot.progress import SILENT, Reporter
from kws_tfmot.recipe import Recipe
from kws_tfmot.tflite.document import read_source
from kws_tfmot.tflite.graph import Graph
from kws_tfmot.tflite.interpreter import TensorSpec, input_spec
from kws_tfmot.tflite.reader import read_model

Opener = Callable[[bytes], Runnable]
_AT_ONCE = 500


@runtime_checkable
class Stepper(Protocol):
    """An opened model that keeps its state from one input to the next."""

    def run_steps(self, steps: np.ndarray) -> np.ndarray:
        """Outputs [N, ...] of inputs [N, ...], one after another."""

    def reset(self) -> None:
        """Back to the initial state."""


class Steps(NamedTuple):
    """How an opened model takes a stream in steps: ``rows`` new frames each, the first decision after ``first``."""

    rows: int
    first: int


@runtime_checkable
class Streaming(Protocol):
    """An opened model that computes each frame once: ``input`` is that of a step, ``steps`` says how it is stepped.

    Its ``run_steps`` gives fewer outputs than it is given steps while the first window is not full.
    """

    input: TensorSpec
    steps: Steps


class Heard(NamedTuple):
    """A detection as a person reads it.

    ``seconds`` is when its last sample had come, ``frame`` the number of frames until then, ``score`` the smoothed
    posterior from 0 to 1 (a multiple of 2^-15).
    """

    seconds: float
    word: str
    score: float
    frame: int


@dataclass(frozen=True)
class StreamModel:
    """An opened model with everything that a stream needs; made by :meth:`open`.

    Attributes:
        contract: What the model promises.
        plan: Its detector.
        runner: The opened model.
        input: What the runner takes: a window, or a step.
        sha256: Of the file.
        stateful: Whether the file itself keeps a state.
        steps: How the runner takes a stream in steps; ``None`` where it runs whole windows.
    """

    contract: ModelContract
    plan: DetectorPlan
    runner: Runnable
    input: TensorSpec
    sha256: str
    stateful: bool = False
    steps: Steps | None = None

    @classmethod
    def open(
        cls, model: str | Path | bytes, opener: Opener, recipe: Recipe | None = None, threshold: float | None = None
    ) -> StreamModel:
        """Open ``model`` with ``opener`` and the settings that it carries.

        Args:
            model: Path or bytes of an int8 ``.tflite``.
            opener: How: ``open_interpreter`` with a kind, or the device engine's host build.
            recipe: Settings for a model that carries none.
            threshold: One threshold for all keywords in place of the model's own.

        Raises:
            ModelError: If the model is corrupt, does not fit its settings, or has no int8 outputs.
            DataError: For a threshold outside 0 to 1.
        """
        data = read_source(model)
        contract = ModelContract.of_model(model, recipe.contract() if recipe else None)
        graph = read_model(data)
        if threshold is not None:
            if not 0 < threshold <= 1:
                raise DataError(f"expected a threshold above 0 and up to 1. Received: {threshold}")
            detection = contract.detection.model_copy(update={"threshold": threshold, "thresholds": {}})
            contract = replace(contract, detection=detection)
        return cls.of(contract, graph, opener(data), sha256_bytes(data))

    @classmethod
    def of(cls, contract: ModelContract, graph: Graph, runner: Runnable, sha256: str) -> StreamModel:
        """An opened model; one that is stepped decides at every step.

        Raises:
            ModelError: If it has no int8 outputs.
        """
        steps = runner.steps if isinstance(runner, Streaming) else None
        if steps is None and graph.stateful:
            steps = Steps(contract.frontend.frames, contract.frontend.frames)
        rows = steps.rows if steps else None
        plan = DetectorPlan.of(graph, contract.labels, contract.frontend, contract.detection, rows)
        spec = runner.input if isinstance(runner, Streaming) else input_spec(graph)
        return cls(contract, plan, runner, spec, sha256, graph.stateful, steps)

    @property
    def piece(self) -> int:
        """Frames that the runner takes at once: a window, or a step."""
        return self.steps.rows if self.steps else self.contract.frontend.frames

    def with_threshold(self, threshold: float) -> StreamModel:
        """The same model with one threshold for all keywords."""
        return replace(self, plan=self.plan.with_threshold(to_q15(threshold)))

    def with_sensitivity(self, sensitivity: int) -> StreamModel:
        """The same model as its firmware decides once that sensitivity is set.

        Raises:
            RecipeError: If it is outside -100 to 100.
        """
        return replace(self, plan=self.plan.with_sensitivity(sensitivity))

    def outputs(self, samples: npt.NDArray[np.int16], reporter: Reporter = SILENT) -> npt.NDArray[np.int8]:
        """Outputs int8 ``[inferences, classes]`` over a whole stream: every ``plan.stride`` frames, from the first
        full window on; at every step of a model that is stepped."""
        settings = self.contract.frontend
        if len(samples) < settings.clip_samples:
            return np.zeros((0, len(self.plan.labels)), np.int8)
        self.reset()
        frames = Frontend(settings).features(np.ascontiguousarray(samples))
        windows = np.lib.stride_tricks.sliding_window_view(frames, self.piece, axis=0)[:: self.plan.stride]
        windows = windows.transpose(0, 2, 1)
        found = [np.zeros((0, len(self.plan.labels)), np.int8)]
        with reporter.task("inference", len(windows)) as task:
            for first in range(0, len(windows), _AT_ONCE):
                batch = windows[first : first + _AT_ONCE]
                found.append(self.infer(batch))
                task.advance(len(batch))
        return np.concatenate(found)

    def infer(self, windows: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
        """Outputs int8 ``[N, classes]`` of features int8 ``[N, frames, coefficients]``.

        A model that is stepped goes on from the last piece that it was given, and gives fewer outputs than pieces while
        its first window is not full; uint8 probabilities come less 128.
        """
        inputs = model_input_of(self.input, np.ascontiguousarray(windows), self.contract.frontend.scale)
        run = self.runner.run_steps if isinstance(self.runner, Stepper) and self.steps else self.runner.run
        found = run(inputs).reshape(-1, len(self.plan.labels))
        return (found ^ 0x80).view(np.int8) if found.dtype == np.uint8 else found

    def reset(self) -> None:
        """Bring a model that is stepped back to its beginning."""
        if self.steps and isinstance(self.runner, Stepper):
            self.runner.reset()

    def frame_of(self, inference: int) -> int:
        """Frames that had come at the inference of that number."""
        first = self.steps.first if self.steps else self.contract.frontend.frames
        return first + inference * self.plan.stride

    def seconds_of(self, inference: int) -> float:
        """When the last sample under that inference's window had come, in seconds of the stream."""
        settings = self.contract.frontend
        last = (self.frame_of(inference) - 1) * settings.hop_samples + settings.window_samples
        return last / settings.sample_rate

    def heard(self, detection: Detection) -> Heard:
        """The detection with word, score and time."""
        return Heard(
            seconds=self.seconds_of(detection.inference),
            word=self.plan.labels[detection.label],
            score=detection.score / ONE,
            frame=self.frame_of(detection.inference),
        )

    def spot(self, samples: npt.NDArray[np.int16], reporter: Reporter = SILENT) -> list[Heard]:
        """Every detection in a whole stream."""
        return [self.heard(found) for found in self.plan.decide(self.plan.smooth(self.outputs(samples, reporter)))]


class ScoreStream:
    """Smoothed posteriors of a stream that comes in pieces; memory does not grow with its length."""

    def __init__(self, model: StreamModel) -> None:
        self.model = model
        model.reset()
        self._stream = Frontend(model.contract.frontend).stream()
        self._smoother = Smoother(model.plan)
        self._frames = np.zeros((0, model.contract.frontend.features_per_frame), np.int8)
        self._skip = 0  # frames to come before the next window begins

    def push(self, samples: npt.NDArray[np.int16]) -> npt.NDArray[np.int64]:
        """Smoothed posteriors, Q15 ``[inferences, classes]``, of the inferences that these samples made due."""
        length, stride = self.model.piece, self.model.plan.stride
        frames = np.concatenate([self._frames, self._stream.push(np.ascontiguousarray(samples))])
        skipped = min(self._skip, len(frames))
        frames, self._skip = frames[skipped:], self._skip - skipped
        count = max(0, (len(frames) - length) // stride + 1)
        outputs = [np.zeros((0, len(self.model.plan.labels)), np.int8)]
        if count:
            windows = np.lib.stride_tricks.sliding_window_view(frames, length, axis=0)[::stride].transpose(0, 2, 1)
            outputs += [self.model.infer(windows[first : first + _AT_ONCE]) for first in range(0, count, _AT_ONCE)]
        used = min(count * stride, len(frames))
        self._frames, self._skip = frames[used:], self._skip + count * stride - used
        return self._smoother.push(np.concatenate(outputs))


class Spotter:
    """A model that listens: give it samples as they come. What it hears equals :meth:`StreamModel.spot`.

    Attributes:
        model: The model.
        best: The highest smoothed posterior so far of each class, Q15.
    """

    def __init__(self, model: StreamModel) -> None:
        self.model = model
        self.best = np.zeros(len(model.plan.labels), np.int64)
        self._scores = np.zeros(len(model.plan.labels), np.int64)
        self._stream = ScoreStream(model)
        self._state = Rearming(len(model.plan.labels))

    @property
    def scores(self) -> npt.NDArray[np.float64]:
        """Smoothed posteriors ``[classes]``, 0 to 1, after the last inference."""
        return self._scores / ONE

    @property
    def inferences(self) -> int:
        """Inferences so far."""
        return self._state.inference

    def push(self, samples: npt.NDArray[np.int16]) -> list[Heard]:
        """Take int16 samples in any number; return what they made heard."""
        smoothed = self._stream.push(samples)
        if not len(smoothed):
            return []
        self._scores = smoothed[-1]
        self.best = np.maximum(self.best, smoothed.max(axis=0))
        return [self.model.heard(found) for found in self.model.plan.decide(smoothed, self._state)]
