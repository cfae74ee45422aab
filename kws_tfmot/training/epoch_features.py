"""What the training loop needs of its data: features that are drawn anew, reproducibly, for every epoch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from kws_tfmot.data.large_arrays import Rows


class EpochSource(Protocol):
    """A source of training data; epoch ``i`` depends on the source's seed and on ``i`` alone."""

    @property
    def clips_per_epoch(self) -> int:
        """Rows N of every epoch, known before any is made."""

    def epoch_features(self, epoch: int) -> tuple[Rows, Rows]:
        """Return the features of an epoch, float32 [N, frames, coefficients, 1], and targets float32 [N, classes]."""


@dataclass(frozen=True)
class ArraySource:
    """The same arrays in every epoch, shuffled by (seed, epoch): for tests and for data without augmentation."""

    features: np.ndarray
    targets: np.ndarray
    seed: int = 0

    @property
    def clips_per_epoch(self) -> int:
        """Rows of the arrays."""
        return len(self.features)

    def epoch_features(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Return all rows in the epoch's own order."""
        order = np.random.default_rng([self.seed, epoch]).permutation(len(self.features))
        return self.features[order], self.targets[order]


def batches_from(
    source: EpochSource, epochs: range, batch_size: int, steps: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield ``steps`` full batches of each of the ``epochs``; no epoch but these is asked for.

    Batches are always full, so that every step costs the same and batch norm sees the same number of clips.
    """
    for epoch in epochs:
        features, targets = source.epoch_features(epoch)
        for step in range(steps):
            rows = slice(step * batch_size, (step + 1) * batch_size)
            yield features[rows], targets[rows]
