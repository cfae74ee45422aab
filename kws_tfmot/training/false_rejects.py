"""Choosing weights by what a product suffers from: keywords missed at a fixed share of false accepts."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kws_tfmot.data.labels import NOT_KEYWORDS
from kws_tfmot.data.large_arrays import Rows
from kws_tfmot.keras import keras

NAME = "val_false_rejects"
_AT_ONCE = 500  # clips


def false_reject_rate(
    probabilities: npt.NDArray[np.floating], labels: npt.NDArray[np.integer], accepts: float
) -> float:
    """Share of keyword clips not accepted at the lowest threshold that accepts at most ``accepts`` of the others.

    A clip is accepted as its most probable keyword, if that probability is above the threshold ``t``; ``t`` is the
    ``(1 + floor(accepts n))``-th highest such probability among the ``n`` clips that are no keyword (0 without any).
    A keyword's clip accepted as another keyword counts as rejected. This is on single clips, one window each: a
    stand-in for the false rejects of a stream at a number of false accepts an hour.

    Args:
        probabilities: ``[N, classes]``, keywords first, then other words and silence.
        labels: Class of each clip ``[N]``.
        accepts: Share of the other clips, 0 to 1.

    >>> p = np.array([[0.9, 0.0, 0.1, 0], [0.1, 0.6, 0.3, 0], [0.7, 0.0, 0.3, 0], [0.2, 0.0, 0.0, 0.8]])
    >>> false_reject_rate(p, np.array([0, 1, 2, 3]), 0.0), false_reject_rate(p, np.array([0, 1, 2, 3]), 0.5)
    (0.5, 0.0)
    """
    keywords = probabilities.shape[1] - NOT_KEYWORDS
    score, said = probabilities[:, :keywords].max(axis=1), probabilities[:, :keywords].argmax(axis=1)
    spoken = labels < keywords
    others = np.sort(score[~spoken])[::-1]
    place = int(accepts * len(others))
    threshold = others[place] if place < len(others) else 0.0
    accepted = (score > threshold) & (said == labels)
    return float(1.0 - accepted[spoken].mean()) if spoken.any() else 0.0


class FalseRejects(keras.callbacks.Callback):
    """Adds :data:`NAME` to every epoch's figures; must be before whatever reads them."""

    def __init__(self, network: keras.Model, validation: tuple[Rows, Rows], accepts: float) -> None:
        super().__init__()
        self._network, self._accepts = network, accepts
        features, targets = validation
        parts = [targets[first : first + _AT_ONCE] for first in range(0, len(targets), _AT_ONCE)]
        self._features, self._labels = features, np.concatenate([part.argmax(axis=1) for part in parts])

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Judge the network on the development set."""
        if logs is not None:
            rows = (self._features[first : first + _AT_ONCE] for first in range(0, len(self._features), _AT_ONCE))
            probabilities = np.concatenate([self._network(part, training=False).numpy() for part in rows])
            logs[NAME] = false_reject_rate(probabilities, self._labels, self._accepts)
