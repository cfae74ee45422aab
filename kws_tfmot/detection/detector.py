"""The detector: posteriors, moving average, thresholds, re-arming. Integers only; its C twin is in the runtime.

Smoothing posteriors and comparing them with a threshold is the scheme of Chen, Parada, Heigold (ICASSP 2014, "Small-
footprint keyword spotting using deep neural networks"). Posteriors rather than logits are averaged because they are
bounded: one loud window cannot outweigh the rest. The Q15 table, the rounding and the rule of choice are our own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from kws_tfmot.data.labels import SILENCE, UNKNOWN
from kws_tfmot.detection.detection_settings import DetectionSettings
from kws_tfmot.detection.posterior import (
    ONE,
    exponential_table,
    probability_posteriors,
    softmax_posteriors,
)
from kws_tfmot.detection.rearming import Detection, Rearming, detections
from kws_tfmot.errors import ModelError, RecipeError, did_you_mean
from kws_tfmot.frontend.frontend_settings import FrontendSettings
from kws_tfmot.tflite.graph import Graph

NEVER = 0xFFFF
"""Threshold of a class that is never detected: no posterior reaches it."""


MOST = 100
"""Sensitivity goes from ``-MOST`` to ``MOST``."""


@dataclass(frozen=True)
class DetectorPlan:
    """The detector of one model in whole numbers: what Python, the desktop's C and the firmware all go by.

    Attributes:
        labels: The classes.
        stride: Frames from one inference to the next.
        window: Inferences under the moving average; before the stream's begin posteriors count as 0.
        refractory: Inferences from a detection to the next that is possible of the same class; at least 1.
        release: Q15 share of its threshold that a class must fall below before it is detected again.
        thresholds: Q15, one a class; :data:`NEVER` for ``_unknown_`` and ``_silence_``.
        table: Q15 exponentials for a model that ends at logits; empty for one that ends in a softmax.
    """

    labels: tuple[str, ...]
    stride: int
    window: int
    refractory: int
    release: int
    thresholds: tuple[int, ...]
    table: tuple[int, ...]

    @classmethod
    def of(
        cls,
        graph: Graph,
        labels: tuple[str, ...],
        frontend: FrontendSettings,
        settings: DetectionSettings,
        stride: int | None = None,
    ) -> DetectorPlan:
        """The plan for a model.

        Args:
            graph: The model.
            labels: Its classes.
            frontend: How long a frame is.
            settings: Times in milliseconds, rounded to whole inferences here.
            stride: Frames from one inference to the next where the network itself decides it: one that streams.

        Raises:
            ModelError: If its outputs are not int8 logits or probabilities, or uint8 probabilities.
            RecipeError: If ``settings`` name a keyword that the model does not have.
        """
        keywords = [label for label in labels if label not in (UNKNOWN, SILENCE)]
        for word in settings.thresholds:
            if word not in keywords:
                raise RecipeError(
                    f"detection.thresholds names {word!r}, which is no keyword.{did_you_mean(word, keywords)} "
                    f"Keywords: {', '.join(keywords)}."
                )
        stride = stride or max(1, _rounded(settings.stride_ms, frontend.hop_ms))
        step_ms = frontend.hop_ms * stride
        return cls(
            labels=tuple(labels),
            stride=stride,
            window=max(1, _rounded(settings.smoothing_ms, step_ms)),
            refractory=max(1, -(-settings.refractory_ms // step_ms)),
            release=to_q15(settings.release),
            thresholds=tuple(
                to_q15(settings.thresholds.get(label, settings.threshold)) if label in keywords else NEVER
                for label in labels
            ),
            table=_table_of(graph),
        )

    def with_threshold(self, threshold: int) -> DetectorPlan:
        """The same with one Q15 threshold for every keyword."""
        thresholds = tuple(old if old == NEVER else threshold for old in self.thresholds)
        return replace(self, thresholds=thresholds)

    def with_sensitivity(self, sensitivity: int) -> DetectorPlan:
        """The same with thresholds as :func:`shifted` by ``sensitivity``, -100 to 100: what firmware sets at run time.

        Raises:
            RecipeError: If it is outside that range.
        """
        if not -MOST <= sensitivity <= MOST:
            raise RecipeError(f"expected a sensitivity from {-MOST} to {MOST}. Received: {sensitivity}")
        return replace(self, thresholds=tuple(shifted(threshold, sensitivity) for threshold in self.thresholds))

    @property
    def releases(self) -> tuple[int, ...]:
        """Q15 level of each class that its score must fall below before it is detected again."""
        return tuple(0 if level == NEVER else level * self.release >> 15 for level in self.thresholds)

    @property
    def keywords(self) -> tuple[str, ...]:
        """The classes that can be detected."""
        return tuple(label for label, level in zip(self.labels, self.thresholds, strict=True) if level != NEVER)

    def posteriors(self, outputs: npt.NDArray[np.int8]) -> npt.NDArray[np.int64]:
        """Posteriors, Q15 ``[N, classes]``, of outputs int8 ``[N, classes]``.

        Raises:
            ModelError: For another type or shape.
        """
        if outputs.dtype != np.int8 or outputs.ndim != 2 or outputs.shape[1] != len(self.labels):
            raise ModelError(
                f"expected int8 outputs [N, {len(self.labels)}]. Received: {outputs.dtype}{list(outputs.shape)}"
            )
        return softmax_posteriors(outputs, self.table) if self.table else probability_posteriors(outputs)

    def smooth(self, outputs: npt.NDArray[np.int8]) -> npt.NDArray[np.int64]:
        """Smoothed posteriors of a whole stream's outputs, as :meth:`Smoother.push`."""
        return Smoother(self).push(outputs)

    def decide(self, smoothed: npt.NDArray[np.integer], state: Rearming | None = None) -> list[Detection]:
        """Detections in smoothed posteriors ``[N, classes]`` of a whole stream, or of the next piece of one.

        Args:
            smoothed: What :meth:`smooth` gives.
            state: What the piece before left, taken on; ``None`` for a stream of its own.
        """
        return detections(
            smoothed,
            np.array(self.thresholds),
            np.array(self.releases),
            self.refractory,
            Rearming(len(self.labels)) if state is None else state,
        )


class Smoother:
    """The moving average over a stream that comes in pieces."""

    def __init__(self, plan: DetectorPlan) -> None:
        self._plan = plan
        self._recent = np.zeros((plan.window, len(plan.labels)), np.int64)

    def push(self, outputs: npt.NDArray[np.int8]) -> npt.NDArray[np.int64]:
        """Smoothed posteriors, Q15 ``[N, classes]``, of the next outputs int8 ``[N, classes]``.

        ``floor(sum of the last `window` posteriors / window)``; before the stream's begin they count as 0.
        """
        window, posteriors = self._plan.window, self._plan.posteriors(outputs)
        rows = np.concatenate([self._recent, posteriors])
        self._recent = rows[len(rows) - window :]
        total = np.concatenate([np.zeros((1, rows.shape[1]), np.int64), np.cumsum(rows, axis=0)])
        return (total[window + 1 :] - total[1:-window]) // window


class Detector:
    """The plan applied to a stream, one inference at a time: what ``kws_detector_step`` does on the device."""

    def __init__(self, plan: DetectorPlan) -> None:
        self.plan = self._own = plan
        self.reset()

    def set_sensitivity(self, sensitivity: int) -> None:
        """Move the thresholds from the next inference on, as ``kws_detector_set_sensitivity``; it outlasts a reset.

        Raises:
            RecipeError: If it is outside -100 to 100.
        """
        self.plan = self._own.with_sensitivity(sensitivity)

    def reset(self) -> None:
        """Forget everything."""
        self._smoother = Smoother(self.plan)
        self._state = Rearming(len(self.plan.labels))
        self.scores = np.zeros(len(self.plan.labels), np.int64)

    @property
    def inferences(self) -> int:
        """Inferences taken so far."""
        return self._state.inference

    def step(self, outputs: npt.NDArray[np.int8]) -> Detection | None:
        """Take one inference's outputs int8 ``[classes]``; afterwards ``scores`` holds the smoothed posteriors."""
        smoothed = self._smoother.push(outputs[None])
        self.scores = smoothed[0]
        found = self.plan.decide(smoothed, self._state)
        return found[0] if found else None


def to_q15(threshold: float) -> int:
    """A threshold of 0 to 1 in Q15, at least 1.

    >>> to_q15(0.5), to_q15(1e-9)
    (16384, 1)
    """
    return max(1, round(threshold * ONE))


def shifted(threshold: int, sensitivity: int) -> int:
    """A Q15 threshold at a sensitivity of -100 (only certainty is heard), 0 (as it is), 100 (half of it is enough).

    ``T + (2^15 - T) |s| / 100`` for ``s < 0``, ``T - T s / 200`` for ``s > 0``, rounded down; at least 1.

    >>> [shifted(16384, s) for s in (-100, -50, 0, 100)], shifted(NEVER, 100) == NEVER
    ([32768, 24576, 16384, 8192], True)
    """
    if threshold == NEVER:
        return NEVER
    if sensitivity < 0:
        return threshold + (ONE - threshold) * -sensitivity // MOST
    return max(1, threshold - threshold * sensitivity // (2 * MOST))


def _rounded(a: int, b: int) -> int:
    return (2 * a + b) // (2 * b)


def _table_of(graph: Graph) -> tuple[int, ...]:
    output = graph.tensor(graph.outputs[0])
    quantization = output.quantization
    if output.dtype == "uint8" and quantization is not None and quantization.scales[0] == 1 / 256:
        return ()  # a probability; less 128 it is an int8 one
    if output.dtype != "int8" or output.quantization is None:
        raise ModelError(
            f"the detector needs a model with int8 outputs. Received: {output.dtype}.",
            "Use model_int8.tflite, which `kws build` writes.",
        )
    scale, zero_point = output.quantization.scales[0], output.quantization.zero_points[0]
    makers = [operator.code for operator in graph.operators if output.index in operator.outputs]
    if makers == ["LOGISTIC"] and (scale, zero_point) == (1 / 256, -128):
        return ()
    if makers != ["SOFTMAX"]:
        return exponential_table(scale)
    if (scale, zero_point) != (1 / 256, -128):
        raise ModelError(f"expected a softmax with scale 1/256 and zero point -128. Received: {scale}, {zero_point}")
    return ()
