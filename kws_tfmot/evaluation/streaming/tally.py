"""Detections at many thresholds at once, counted by whose recording they fall into; in constant memory."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from kws_tfmot.detection.detector import NEVER, DetectorPlan
from kws_tfmot.detection.rearming import Rearming, detections

_AT_ONCE = 60_000


class Tally:
    """Counts of the detections of every keyword at every threshold.

    Recordings come one after the other; between two the detector forgets, since zeros as long as its refractory time
    come between them.

    Args:
        plan: The detector; its own thresholds are the first operating point.
        thresholds: Q15; one operating point each, the same threshold for every keyword.
        owners: Whose recordings there are: files, or speakers.

    Attributes:
        counts: Detections ``[owners, 1 + thresholds, keywords]``; complete after :meth:`finish`.
    """

    def __init__(self, plan: DetectorPlan, thresholds: Iterable[int], owners: int) -> None:
        plans = [plan, *(plan.with_threshold(threshold) for threshold in thresholds)]
        chosen = [k for k, level in enumerate(plan.thresholds) if level != NEVER]
        self._levels = [(np.array(each.thresholds)[chosen], np.array(each.releases)[chosen]) for each in plans]
        self._refractory = plan.refractory
        self._states = [Rearming(len(chosen)) for _ in plans]
        self._gap = np.zeros((plan.refractory, len(chosen)), np.uint16)
        self._held = 0
        self._rows: list[npt.NDArray[np.uint16]] = []
        self._owners: list[int] = []
        self.counts = np.zeros((owners, len(plans), len(chosen)), np.int32)

    def add(self, owner: int, pieces: Iterable[npt.NDArray[np.uint16]]) -> None:
        """Take a whole recording's smoothed posteriors ``[n, keywords]``, in pieces."""
        for rows in pieces:
            self._take(owner, rows)
        self._take(owner, self._gap)

    def finish(self) -> npt.NDArray[np.int32]:
        """Count what is left; return :attr:`counts`."""
        self._flush()
        return self.counts

    def _take(self, owner: int, rows: npt.NDArray[np.uint16]) -> None:
        if len(rows):
            self._rows.append(rows)
            self._owners.append(owner)
            self._held += len(rows)
        if self._held >= _AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        if not self._rows:
            return
        scores = np.concatenate(self._rows).astype(np.int32)
        owners = np.repeat(self._owners, [len(rows) for rows in self._rows])
        for place, ((thresholds, releases), state) in enumerate(zip(self._levels, self._states, strict=True)):
            first = state.inference
            for found in detections(scores, thresholds, releases, self._refractory, state):
                self.counts[owners[found.inference - first], place, found.label] += 1
        self._rows, self._owners, self._held = [], [], 0
