"""Detection error trade-off: false accepts an hour against false rejects over all thresholds, with intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kws_tfmot.detection.posterior import ONE
from kws_tfmot.evaluation.streaming.judging import Judge
from kws_tfmot.progress import SILENT, Reporter

LEAST_SPEAKERS = 5
"""Fewer speakers than this give no interval."""

Float64 = npt.NDArray[np.float64]


def threshold_grid(count: int = 120) -> list[int]:
    """Thresholds in Q15, evenly spaced in log-odds from 0.02 to 1 - 2^-15, then 1.

    >>> grid = threshold_grid()
    >>> grid[0], grid[-1], len(grid) > 100
    (650, 32768, True)
    """
    odds = np.linspace(-3.9, math.log(ONE - 1), count)
    return sorted({round(ONE / (1 + math.exp(-x))) for x in odds} | {ONE})


@dataclass(frozen=True, eq=False)
class DetCurve:
    """False accepts and rejects of every threshold.

    Attributes:
        thresholds: Q15, rising.
        false_accepts: Counts ``[thresholds, speakers]``; column 0 is the background.
        false_rejects: The same of keywords not detected.
        events: Keywords said ``[speakers]``.
        hours: Hours without keywords ``[speakers]``.
    """

    thresholds: tuple[int, ...]
    false_accepts: Float64
    false_rejects: Float64
    events: Float64
    hours: Float64

    @classmethod
    def of(cls, judge: Judge, reporter: Reporter = SILENT) -> DetCurve:
        """Judge every threshold of :func:`threshold_grid`."""
        thresholds = threshold_grid()
        accepts, rejects, events = [], [], np.zeros(len(judge.speakers))
        with reporter.task("thresholds", len(thresholds)) as task:
            for threshold in thresholds:
                outcome = judge.at(judge.plan.with_threshold(threshold))
                accepts.append(outcome.false_accepts.sum(axis=1))
                rejects.append(outcome.false_rejects.sum(axis=1))
                events = (outcome.hits + outcome.false_rejects).sum(axis=1)
                task.advance()
        return cls(
            tuple(thresholds), np.array(accepts, float), np.array(rejects, float), events.astype(float), judge.hours
        )

    @property
    def accepts_per_hour(self) -> Float64:
        """False accepts an hour ``[thresholds]``; NaN where there is no time without keywords."""
        return self.false_accepts.sum(axis=1) / (self.hours.sum() or math.nan)

    @property
    def reject_rate(self) -> Float64:
        """Share of keywords not detected ``[thresholds]``; NaN where none was said."""
        return self.false_rejects.sum(axis=1) / (self.events.sum() or math.nan)

    def threshold_for(self, per_hour: float) -> int | None:
        """The lowest threshold from which on no higher one has more than ``per_hour`` false accepts an hour.

        ``None`` where even the highest has more.
        """
        over = np.flatnonzero(self.accepts_per_hour > per_hour)
        place = int(over[-1]) + 1 if len(over) else 0
        return self.thresholds[place] if place < len(self.thresholds) else None

    def missed_at(self, per_hour: float) -> float | None:
        """Share of keywords not detected at :meth:`threshold_for`; ``None`` where there is none."""
        threshold = self.threshold_for(per_hour)
        return None if threshold is None else finite(self.reject_rate[self.at(threshold)])

    def missed_without_one_voice(self, per_hour: float) -> float | None:
        """:meth:`missed_at` without the one speaker whose absence lowers it most.

        A clip of another word that a model takes for a keyword is heard again and again in a composed stream, and sets
        the threshold by itself: a large step from :meth:`missed_at` says that one voice decided.
        """
        found = [self._without(speaker).missed_at(per_hour) for speaker in np.flatnonzero(self.false_accepts.any(0))]
        return min((share for share in [self.missed_at(per_hour), *found] if share is not None), default=None)

    def _without(self, speaker: int) -> DetCurve:
        counts = [self.false_accepts, self.false_rejects, self.events, self.hours]
        return DetCurve(self.thresholds, *(np.delete(array, speaker, axis=-1) for array in counts))

    def at(self, threshold: int) -> int:
        """Place of the lowest threshold of the curve that is at least ``threshold``."""
        return min(int(np.searchsorted(self.thresholds, threshold)), len(self.thresholds) - 1)

    def points(self) -> list[dict[str, float | None]]:
        """JSON-able: the curve."""
        return [
            {"threshold": threshold / ONE, "false_accepts_per_hour": finite(accepts), "false_reject_rate": finite(rate)}
            for threshold, accepts, rate in zip(self.thresholds, self.accepts_per_hour, self.reject_rate, strict=True)
        ]


def bootstrap_weights(speakers: int, draws: int = 2000, seed: int = 0) -> Float64:
    """How often each speaker is drawn ``[draws, speakers]`` when as many are drawn with replacement as there are.

    Column 0, the background, is no speaker and always counts once. Speakers rather than clips are drawn, since the
    clips of one voice are right or wrong together (the cluster bootstrap; Efron and Tibshirani 1993, ch. 8).
    """
    rng = np.random.default_rng(seed)
    others = speakers - 1
    drawn = rng.multinomial(others, np.full(others, 1 / others), draws) if others else np.zeros((draws, 0))
    return np.concatenate([np.ones((draws, 1)), drawn], axis=1).astype(float)


def ratio_interval(counts: Float64, base: Float64) -> tuple[float, float] | None:
    """95 % bootstrap interval of ``sum(counts) / sum(base)`` over speakers (column 0: background).

    ``None`` for fewer than :data:`LEAST_SPEAKERS` speakers with anything to count. Where nothing at all was counted
    the bootstrap knows no spread; the upper end is then 3.0 / sum(base), the rule of three.

    >>> ratio_interval(np.array([0.0, 0, 0, 0, 0, 0]), np.array([1.0, 1, 1, 1, 1, 1]))
    (0.0, 0.5)
    """
    if np.count_nonzero(base[1:]) < LEAST_SPEAKERS:
        return None
    if not counts.sum():
        return 0.0, 3.0 / float(base.sum())
    weights = bootstrap_weights(len(base))
    below = weights @ base
    ratios = (weights @ counts)[below > 0] / below[below > 0]
    low, high = np.percentile(ratios, [2.5, 97.5])
    return float(low), float(high)


def finite(value: float) -> float | None:
    """JSON form of a number that may be NaN."""
    return None if math.isnan(value) else float(value)


def as_list(interval: tuple[float, float] | None) -> list[Any] | None:
    """JSON form of an interval."""
    return None if interval is None else list(interval)
