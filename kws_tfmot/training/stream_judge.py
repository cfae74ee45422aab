"""Misses at a target of false accepts an hour, over stretches whose every decision has a known class."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kws_tfmot.data.labels import NOT_KEYWORDS

_APART_S, _AWAY_S = 1.0, 0.75
_TAIL, _LEAST_TAIL = 40, 5
_BOUNDS = (0.2, 0.995)


class StreamScore(NamedTuple):
    """Share of keywords missed, at the lowest threshold (0 to 1) with at most so many false accepts an hour."""

    missed: float
    threshold: float
    hours: float
    keywords: int


def judge_stretches(
    posteriors: npt.NDArray[np.floating], targets: npt.NDArray[np.integer], smoothing: int, step_s: float,
    per_hour: float,
) -> StreamScore:  # fmt: skip
    """Judge posteriors ``[N, decisions, classes]`` against classes ``[N, decisions]`` (-1: left open).

    A keyword is found if the mean of ``smoothing`` posteriors of its class reaches the threshold while the window
    holds it or in the open decisions around. False accepts are peaks in the decisions that hold none and are more than
    0.75 s away from any that does, at most one a second and keyword: one word taken for another misses that one and is
    no false accept, as in :class:`~kws_tfmot.evaluation.streaming.judging.Judge`.

    >>> p = np.zeros((1, 40, 3)); p[0, 5:10, 0] = 0.9; p[0, 30, 0] = 0.4
    >>> t = np.ones((1, 40), int); t[0, 5:10] = 0
    >>> judge_stretches(p, t, 1, 0.03, 1.0).missed
    0.0
    """
    keywords = posteriors.shape[2] - NOT_KEYWORDS
    smooth = _moving_mean(posteriors[..., :keywords], smoothing)
    hits: list[float] = []
    alarms: list[float] = []
    apart = max(1, round(_APART_S / step_s))
    for scores, classes in zip(smooth, targets, strict=True):
        free = _away_from_keywords(classes, keywords, round(_AWAY_S / step_s))
        for word in range(keywords):
            hits += [float(scores[first:last, word].max()) for first, last in _spans(classes, word)]
            alarms += _peaks(np.where(free, scores[:, word], 0.0), apart)
    hours = targets.size * step_s / 3600
    ranked = np.sort(np.array(alarms))[::-1]
    allowed = int(per_hour * hours)
    threshold = float(ranked[allowed]) + 1e-4 if allowed < len(ranked) else 0.5
    threshold = min(max(threshold, 0.05), 0.999)
    missed = float(np.mean(np.array(hits) < threshold)) if hits else 0.0
    return StreamScore(missed, threshold, hours, len(hits))


def threshold_for(
    posteriors: npt.NDArray[np.floating], targets: npt.NDArray[np.integer], smoothing: int, step_s: float,
    per_hour: float,
) -> float:  # fmt: skip
    """The threshold at which decisions that hold no keyword are accepted ``per_hour`` times, keywords not asked.

    Above the ``k`` highest peaks, the rate of peaks over a logit ``x`` is taken as
    ``k / hours * exp(-(x - x_k) / b)``, ``b`` the mean excess over ``x_k`` (peaks over threshold with an exponential
    tail), so that a few hours tell of rates below one in all of them.
    """
    keywords = posteriors.shape[2] - NOT_KEYWORDS
    smooth = _moving_mean(posteriors[..., :keywords], smoothing)
    apart = max(1, round(_APART_S / step_s))
    alarms: list[float] = []
    for scores, classes in zip(smooth, targets, strict=True):
        for word in range(keywords):
            alarms += _peaks(np.where((classes >= 0) & (classes != word), scores[:, word], 0.0), apart)
    highest = np.sort(np.array(alarms))[::-1]
    tail = min(_TAIL, len(highest) - 1)
    if tail < _LEAST_TAIL:
        return _BOUNDS[0]
    logits = np.log(highest) - np.log1p(-np.minimum(highest, 1 - 1e-6))
    excess = max(float(np.mean(logits[:tail] - logits[tail])), 0.05)
    hours = targets.size * step_s / 3600
    if (allowed := int(per_hour * hours)) >= tail:  # seen often enough to be counted
        return float(np.clip(highest[min(allowed, len(highest) - 1)], *_BOUNDS))
    logit = float(logits[tail]) + excess * np.log(tail / hours / per_hour)
    return float(np.clip(1 / (1 + np.exp(-logit)), *_BOUNDS))


def _moving_mean(values: npt.NDArray[np.floating], length: int) -> npt.NDArray[np.floating]:
    total = np.cumsum(values, axis=1)
    total[:, length:] = total[:, length:] - total[:, :-length].copy()
    return total / length


def _away_from_keywords(
    classes: npt.NDArray[np.integer], keywords: int, distance: int
) -> npt.NDArray[np.bool_]:  # fmt: skip
    """Decisions that hold no keyword, are not open, and have none that does within ``distance``."""
    holds = ((classes >= 0) & (classes < keywords)).astype(np.int64)
    within = np.convolve(holds, np.ones(2 * distance + 1, np.int64))[distance : distance + len(classes)]
    return (classes >= keywords) & (within == 0)


def _spans(classes: npt.NDArray[np.integer], word: int) -> list[tuple[int, int]]:
    """Decisions that hold ``word``, with the open ones around them; not of a word that the stretch holds in part."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], (classes == word).astype(np.int8), [0]))))
    spans = []
    for first, last in edges.reshape(-1, 2).tolist():
        while last < len(classes) and classes[last] == -1:
            last += 1
        while first and classes[first - 1] == -1:
            first -= 1
        if first > 0 and last < len(classes):
            spans.append((first, last))
    return spans


def _peaks(scores: npt.NDArray[np.floating], apart: int) -> list[float]:
    found = []
    left = scores.copy()
    while (top := float(left.max())) > 0.05:
        at = int(left.argmax())
        found.append(top)
        left[max(0, at - apart) : at + apart] = 0.0
    return found
