"""A model that listens, counts its scores and keeps the sound of triggers and near misses, as its firmware does."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kws_tfmot.detection.counters import Statistics
from kws_tfmot.detection.monitor import MonitorPlan
from kws_tfmot.detection.recorder import Recorder, Take
from kws_tfmot.evaluation.streaming.spotter import Heard, Spotter, StreamModel


class Collector(Spotter):
    """The firmware's spotter with counters and a recorder: give it samples as they come.

    Attributes:
        statistics: What was counted.
        recorder: What is kept; ``None`` where the plan keeps no takes.
        new_takes: Takes since somebody emptied this list, none of which gives way.
    """

    def __init__(self, model: StreamModel, monitor: MonitorPlan) -> None:
        super().__init__(model)
        self.statistics = Statistics(model.plan, monitor.near)
        self.recorder = Recorder(monitor.takes, monitor.take_samples, monitor.after_samples) if monitor.takes else None
        self.new_takes: list[Take] = []
        self._rest = np.zeros(0, np.int16)

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
