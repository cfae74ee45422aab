"""Counters of what a detector's scores did where it is used; the same numbers as ``kws_statistics.h`` on the device.

An excursion of a keyword begins when its smoothed posterior reaches the near level (a share of its threshold) and ends
when it falls below half of that level. Its best score is counted in one of :data:`BINS` bins. It is a near miss where
nothing was detected in it and its best score stayed below the threshold.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from kws_tfmot.detection.detector import NEVER, DetectorPlan
from kws_tfmot.detection.posterior import ONE
from kws_tfmot.detection.rearming import Detection

BINS = 16
TRIGGER: Literal[1] = 1
NEAR_MISS: Literal[2] = 2


class Event(NamedTuple):
    """A trigger or a near miss: its kind, the class, and the smoothed posterior in Q15 (the best of a near miss)."""

    kind: int
    label: int
    score: int


@dataclass
class WordStatistics:
    """What was counted of one keyword.

    Attributes:
        triggers: Detections.
        near_misses: Excursions that came near and no further.
        best: Excursions by best score, in bins of a sixteenth.
    """

    triggers: int = 0
    near_misses: int = 0
    best: list[int] = field(default_factory=lambda: [0] * BINS)


class Statistics:
    """The counters, fed inference by inference after the detector.

    Attributes:
        plan: The detector; another one where the sensitivity has been moved.
        words: What was counted, by class.
        inferences: How many there were.
    """

    def __init__(self, plan: DetectorPlan, near: int) -> None:
        """``near`` is the near level's Q15 share of the threshold."""
        self.plan, self._near = plan, near
        self.words = [WordStatistics() for _ in plan.labels]
        self.inferences = 0
        self._peak = [0] * len(plan.labels)
        self._triggered = [False] * len(plan.labels)

    def step(self, scores: npt.NDArray[np.integer], detection: Detection | None) -> Event | None:
        """Count one inference's smoothed posteriors ``[classes]`` and what the detector found in it.

        Of several events the trigger is returned, else the near miss with the best score; all are counted.
        """
        self.inferences += 1
        event = None
        for c, threshold in enumerate(self.plan.thresholds):
            if threshold == NEVER:
                continue
            near = max(1, threshold * self._near >> 15)
            best = self._follow(c, int(scores[c]), near)
            if best and self._count(c, best, threshold) and (event is None or best > event.score):
                event = Event(NEAR_MISS, c, best)
        if detection is None:
            return event
        self._triggered[detection.label] = True
        self.words[detection.label].triggers += 1
        return Event(TRIGGER, detection.label, detection.score)

    def _follow(self, c: int, score: int, near: int) -> int:
        """Take the score of a class; the best score of the excursion that ended with it, or 0."""
        best = self._peak[c]
        if score > best if best else score >= near:
            self._peak[c] = score
        elif best and score < near - near // 2:
            self._peak[c] = 0
            return best
        return 0

    def _count(self, c: int, best: int, threshold: int) -> bool:
        """Count an excursion that ended; whether it was a near miss."""
        missed = not self._triggered[c] and best < threshold
        self.words[c].best[min(best * BINS // ONE, BINS - 1)] += 1
        self.words[c].near_misses += missed
        self._triggered[c] = False
        return missed
