"""The detector: posteriors, moving average, thresholds, refractory time. Integers only; its C twin is in the runtime.

Smoothing posteriors and comparing them with a threshold is the scheme of Chen, Parada, Heigold (ICASSP 2014, "Small-
footprint keyword spotting using deep neural networks"). Posteriors rather than logits are averaged because they are
bounded: one loud window cannot outweigh the rest. The Q15 table, the rounding and the rule of choice are our own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kws_tfmot.data.labels import SILENCE, UNKNOWN
from kws_tfmot.detection.posterior import (
    ONE,
    exponential_table,
    probability_posteriors,
    softmax_posteriors,
)
from kws_tfmot.detection.settings import DetectionSettings
from kws_tfmot.errors import ModelError, RecipeError, did_you_mean
from kws_tfmot.frontend.settings import FrontendSettings
from kws_tfmot.tflite.graph import Graph

NEVER = 0xFFFF
"""Threshold of a class that is never detected: no posterior reaches it."""


class Detection(NamedTuple):
    """One decision: number of the inference, number of the class, and its smoothed posterior in Q15."""

    inference: int
    label: int
    score: int


@dataclass(frozen=True)
class DetectorPlan:
    """The detector of one model in whole numbers: what Python, the desktop's C and the firmware all go by.

    Attributes:
        labels: The classes.
        stride: Frames from one inference to the next.
        window: Inferences under the moving average; before the stream's begin posteriors count as 0.
        refractory: Inferences from a detection to the next that is possible; at least 1.
        thresholds: Q15, one a class; :data:`NEVER` for ``_unknown_`` and ``_silence_``.
        table: Q15 exponentials for a model that ends at logits; empty for one that ends in a softmax.
    """

    labels: tuple[str, ...]
    stride: int
    window: int
    refractory: int
    thresholds: tuple[int, ...]
    table: tuple[int, ...]

    @classmethod
    def of(
        cls, graph: Graph, labels: tuple[str, ...], frontend: FrontendSettings, settings: DetectionSettings
    ) -> DetectorPlan:
        """The plan for a model.

        Raises:
            ModelError: If its outputs are not int8 logits or probabilities.
            RecipeError: If ``settings`` name a keyword that the model does not have.
        """
        keywords = [label for label in labels if label not in (UNKNOWN, SILENCE)]
        for word in settings.thresholds:
            if word not in keywords:
                raise RecipeError(
                    f"detection.thresholds names {word!r}, which is no keyword.{did_you_mean(word, keywords)} "
                    f"Keywords: {', '.join(keywords)}."
                )
        step_ms = frontend.hop_ms * (stride := max(1, _rounded(settings.stride_ms, frontend.hop_ms)))
        return cls(
            labels=tuple(labels),
            stride=stride,
            window=max(1, _rounded(settings.smoothing_ms, step_ms)),
            refractory=max(1, -(-settings.refractory_ms // step_ms)),
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

    def smooth(self, outputs: npt.NDArray[np.int8]) -> npt.NDArray[np.int64]:
        """Smoothed posteriors, Q15 ``[N, classes]``, of a whole stream's outputs int8 ``[N, classes]``.

        ``floor(sum of the last `window` posteriors / window)``.
        """
        if outputs.dtype != np.int8 or outputs.ndim != 2 or outputs.shape[1] != len(self.labels):
            raise ModelError(
                f"expected int8 outputs [N, {len(self.labels)}]. Received: {outputs.dtype}{list(outputs.shape)}"
            )
        posteriors = softmax_posteriors(outputs, self.table) if self.table else probability_posteriors(outputs)
        total = np.concatenate([np.zeros((self.window, len(self.labels)), np.int64), np.cumsum(posteriors, axis=0)])
        return (total[self.window :] - total[: -self.window]) // self.window

    def decide(self, smoothed: npt.NDArray[np.int64]) -> list[Detection]:
        """Detections in smoothed posteriors: where a class reaches its threshold, the highest (the first of equals).

        After a detection the next is possible ``refractory`` inferences later.
        """
        reached = smoothed >= np.array(self.thresholds)
        candidates = np.flatnonzero(reached.any(axis=1))
        best = np.where(reached[candidates], smoothed[candidates], -1).argmax(axis=1)
        found: list[Detection] = []
        at = 0
        while at < len(candidates):
            inference, label = int(candidates[at]), int(best[at])
            found.append(Detection(inference, label, int(smoothed[inference, label])))
            at = int(np.searchsorted(candidates, inference + self.refractory))
        return found


class Detector:
    """The plan applied to a stream, one inference at a time: what ``kws_detector_step`` does on the device."""

    def __init__(self, plan: DetectorPlan) -> None:
        self.plan = plan
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._recent = np.zeros((self.plan.window, len(self.plan.labels)), np.int64)
        self._wait = 0
        self.inferences = 0
        self.scores = np.zeros(len(self.plan.labels), np.int64)

    def step(self, outputs: npt.NDArray[np.int8]) -> Detection | None:
        """Take one inference's outputs int8 ``[classes]``; afterwards ``scores`` holds the smoothed posteriors."""
        plan, number = self.plan, self.inferences
        row = outputs[None]
        posteriors = softmax_posteriors(row, plan.table) if plan.table else probability_posteriors(row)
        self._recent[number % plan.window] = posteriors[0]
        self.scores = self._recent.sum(axis=0) // plan.window
        self.inferences += 1
        if self._wait:
            self._wait -= 1
            return None
        reached = self.scores >= np.array(plan.thresholds)
        if not reached.any():
            return None
        self._wait = plan.refractory - 1
        label = int(np.where(reached, self.scores, -1).argmax())
        return Detection(number, label, int(self.scores[label]))


def to_q15(threshold: float) -> int:
    """A threshold of 0 to 1 in Q15, at least 1.

    >>> to_q15(0.5), to_q15(1e-9)
    (16384, 1)
    """
    return max(1, round(threshold * ONE))


def _rounded(a: int, b: int) -> int:
    return (2 * a + b) // (2 * b)


def _table_of(graph: Graph) -> tuple[int, ...]:
    output = graph.tensor(graph.outputs[0])
    if output.dtype != "int8" or output.quantization is None:
        raise ModelError(
            f"the detector needs a model with int8 outputs. Received: {output.dtype}.",
            "Use model_int8.tflite, which `kws build` writes.",
        )
    scale, zero_point = output.quantization.scales[0], output.quantization.zero_points[0]
    makers = [operator.code for operator in graph.operators if output.index in operator.outputs]
    if makers != ["SOFTMAX"]:
        return exponential_table(scale)
    if (scale, zero_point) != (1 / 256, -128):
        raise ModelError(f"expected a softmax with scale 1/256 and zero point -128. Received: {scale}, {zero_point}")
    return ()
