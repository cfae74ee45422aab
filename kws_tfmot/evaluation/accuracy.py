"""Accuracy with its interval, per class and as a confusion matrix."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np


def wilson_interval(correct: int, total: int, z: float = 1.959964) -> tuple[float, float]:
    """The Wilson score interval of a proportion, 95 % by default (Wilson 1927).

    ``(p + z^2/2n +- z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n)`` with p = correct / total and n = total.

    >>> tuple(round(x, 3) for x in wilson_interval(90, 100))
    (0.826, 0.945)
    """
    if not total:
        return 0.0, 1.0
    p, z2 = correct / total, z * z
    half = z * math.sqrt(p * (1 - p) / total + z2 / (4 * total * total))
    middle = p + z2 / (2 * total)
    scale = 1 + z2 / total
    # At the ends rounding can leave the exact 0 or 1 outside its own interval.
    return max(0.0, min((middle - half) / scale, p)), min(1.0, max((middle + half) / scale, p))


def confusion_matrix(truth: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Counts [classes, classes]: row = truth, column = prediction.

    >>> confusion_matrix(np.array([0, 1, 1]), np.array([0, 1, 0]), 2).tolist()
    [[1, 0], [1, 1]]
    """
    flat = np.asarray(truth, np.int64) * classes + np.asarray(predicted, np.int64)
    return np.bincount(flat, minlength=classes * classes).reshape(classes, classes)


@dataclass(frozen=True)
class Accuracy:
    """What a set of predictions is worth.

    Attributes:
        labels: The classes.
        confusion: Counts [classes, classes], row = truth.
        by_speaker: The 95 % interval when speakers are drawn instead of clips; ``None`` where none are known.
    """

    labels: tuple[str, ...]
    confusion: np.ndarray
    by_speaker: tuple[float, float] | None = None

    @classmethod
    def of(cls, labels: tuple[str, ...], truth: np.ndarray, scores: np.ndarray) -> Accuracy:
        """From scores [N, classes]; the first of equal scores wins, as it does on the device."""
        return cls(tuple(labels), confusion_matrix(truth, scores.argmax(axis=1), len(labels)))

    @property
    def n(self) -> int:
        """Clips judged."""
        return int(self.confusion.sum())

    @property
    def correct(self) -> int:
        """Clips judged rightly."""
        return int(np.trace(self.confusion))

    @property
    def accuracy(self) -> float:
        """correct / n, 0 to 1."""
        return self.correct / self.n if self.n else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval: Wilson's, and no narrower than that over speakers."""
        low, high = wilson_interval(self.correct, self.n)
        if self.by_speaker is None:
            return low, high
        return min(low, self.by_speaker[0]), max(high, self.by_speaker[1])

    def per_class(self) -> dict[str, dict[str, float | int | None]]:
        """Recall, precision and count of every class; ``None`` where a class has no clip or was never predicted."""
        rows = {}
        for i, label in enumerate(self.labels):
            hits, n, said = (
                int(x) for x in (self.confusion[i, i], self.confusion[i].sum(), self.confusion[:, i].sum())
            )
            rows[label] = {"n": n, "recall": hits / n if n else None, "precision": hits / said if said else None}
        return rows

    def to_dict(self) -> dict[str, Any]:
        """JSON-able: accuracy in 0-1, n, its 95 % interval and what was drawn for it, per class, confusion matrix."""
        return {
            "accuracy": self.accuracy,
            "n": self.n,
            "interval_95": list(self.interval),
            "interval_over": "clips" if self.by_speaker is None else "speakers",
            "per_class": self.per_class(),
            "labels": list(self.labels),
            "confusion": self.confusion.tolist(),
        }
