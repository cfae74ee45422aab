"""A model that listens, counts its scores and keeps the sound of triggers and near misses, as its firmware does."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kws_tfmot.detection.counters import Statistics
from kws_tfmot.detection.monitor import MonitorPlan
from kws_tfmot.detection.posterior import ONE
from kws_tfmot.detection.rearming import Rearming
from kws_tfmot.detection.recorder import Recorder, Take
from kws_tfmot.evaluation.streaming.spotter import Heard, ScoreStream, StreamModel


class Collector:
    """The firmware's spotter with counters and a recorder: give it samples as they come.

    Attributes:
        model: The model.
        statistics: What was counted.
        recorder: What is kept; ``None`` where the plan keeps no takes.
        new_takes: Takes since somebody emptied this list, none of which gives way.
        best: The highest smoothed posterior so far of each class, Q15.
    """

    def __init__(self, model: StreamModel, monitor: MonitorPlan) -> None:
        self.model = model
        self.statistics = Statistics(model.plan, monitor.near)
        self.recorder = Recorder(monitor.takes, monitor.take_samples, monitor.after_samples) if monitor.takes else None
        self.new_takes: list[Take] = []
        self._stream = ScoreStream(model)
        self._state = Rearming(len(model.plan.labels))
        self._rest = np.zeros(0, np.int16)
        self._scores = np.zeros(len(model.plan.labels), np.int64)
        self.best = self._scores

    @property
    def scores(self) -> npt.NDArray[np.float64]:
        """Smoothed posteriors ``[classes]``, 0 to 1, after the last inference."""
        return self._scores / ONE

    @property
    def inferences(self) -> int:
        """Inferences so far."""
        return self._state.inference

    def push(self, samples: npt.NDArray[np.int16]) -> list[Heard]:
        """Take int16 samples in any number, hop by hop; return what they made heard. A part of a hop waits."""
        hop = self.model.contract.frontend.hop_samples
        whole = np.concatenate([self._rest, samples])
        end = len(whole) // hop * hop
        self._rest = whole[end:]
        return [heard for first in range(0, end, hop) for heard in self._hop(whole[first : first + hop])]

    def _hop(self, samples: npt.NDArray[np.int16]) -> list[Heard]:
        if self.recorder:
            self.new_takes += self.recorder.push(samples)
        heard = []
        for scores in self._stream.push(samples):
            self._scores, self.best = scores, np.maximum(self.best, scores)
            frame = self.model.frame_of(self._state.inference)
            found = self.model.plan.decide(scores[None], self._state)
            event = self.statistics.step(scores, found[0] if found else None)
            if event and self.recorder:
                self.recorder.mark(event, frame)
            heard += [self.model.heard(one) for one in found]
        return heard
