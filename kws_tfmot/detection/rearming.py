"""When a score is one more detection: levels to reach and to fall below, and which of several words is meant.

A comparator with hysteresis (the Schmitt trigger, 1938): a keyword is detected where its smoothed posterior reaches
its threshold, and not again before the posterior has fallen below a lower level, the release, so that an utterance is
one detection however long the window holds it. Of the keywords that reach their thresholds in one inference only the
highest counts, whether or not it may be detected: the echo of a word that was just detected hides weaker ones, its
refractory time hides none that is stronger. The rule of choice and its integer form are our own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Int = npt.NDArray[np.integer]


class Detection(NamedTuple):
    """One decision: number of the inference, number of the class, and its smoothed posterior in Q15."""

    inference: int
    label: int
    score: int


@dataclass
class Rearming:
    """What is remembered from one piece of a stream to the next.

    Attributes:
        classes: Number of classes.
        inference: Number of the next inference.
        ready: By class, number of the inference from which on its refractory time is over.
        held: By class, whether its score has not fallen below the release since it was detected.
    """

    classes: int
    inference: int = 0
    ready: npt.NDArray[np.int64] = field(init=False)
    held: npt.NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        self.ready = np.zeros(self.classes, np.int64)
        self.held = np.zeros(self.classes, bool)


def leaders(scores: Int, thresholds: Int) -> npt.NDArray[np.int64]:
    """The class ``[N]`` with the highest of the scores ``[N, classes]`` that reach their thresholds; -1 for none.

    The first of equals.

    >>> leaders(np.array([[3, 4], [5, 5], [1, 9]]), np.array([3, 5])).tolist()
    [0, 0, 1]
    >>> leaders(np.array([[3, 0]]), np.array([5, 0])).tolist()
    [1]
    """
    reached = scores >= thresholds
    best = np.where(reached, scores, -1).argmax(axis=1)
    return np.where(reached.any(axis=1), best, -1)


def detections(scores: Int, thresholds: Int, releases: Int, refractory: int, state: Rearming) -> list[Detection]:
    """Detections in the next piece of a stream; ``state`` is taken on.

    Args:
        scores: Smoothed posteriors ``[N, classes]``.
        thresholds: Of each class; one that no score reaches for a class that is never detected.
        releases: Of each class, at most its threshold.
        refractory: Inferences from a detection to the next that is possible of the same class, at least 1.
        state: What the piece before left; ``Rearming(classes)`` at the begin of a stream.

    >>> held = np.array([[0], [9], [9], [4], [9], [2], [9]])
    >>> found = detections(held, np.array([8]), np.array([3]), 1, Rearming(1))
    >>> [each.inference for each in found]
    [1, 6]
    """
    first = state.inference
    leader = leaders(scores, thresholds)
    found: list[Detection] = []
    for word in range(scores.shape[1]):
        leads = np.flatnonzero(leader == word)
        if len(leads) or state.held[word]:
            below = np.flatnonzero(scores[:, word] < releases[word])
            for at in _detected(word, leads, below, refractory, state):
                found.append(Detection(first + at, word, int(scores[at, word])))
    state.inference = first + len(scores)
    return sorted(found)


def _detected(word: int, leads: Int, below: Int, refractory: int, state: Rearming) -> list[int]:
    """Places of the detections of one class, which leads at ``leads`` and is below its release at ``below``."""
    found: list[int] = []
    at = 0
    while True:
        if state.held[word]:
            place = int(np.searchsorted(below, at))
            if place == len(below):
                return found
            at = int(below[place])
            state.held[word] = False
        place = int(np.searchsorted(leads, max(at, int(state.ready[word]) - state.inference)))
        if place == len(leads):
            return found
        found.append(int(leads[place]))
        state.held[word] = True
        state.ready[word] = state.inference + found[-1] + refractory
        at = found[-1] + 1
