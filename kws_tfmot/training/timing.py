"""How long a training step takes."""

from __future__ import annotations

import time

import numpy as np

from kws_tfmot.keras import keras


class StepTimer(keras.callbacks.Callback):
    """Takes the time of whole epochs: a hook at every step would itself cost time.

    Everything that a method does in an epoch or between two counts, validation does not. It must be the first of the
    callbacks.

    Args:
        steps: Steps of an epoch.
    """

    def __init__(self, steps: int) -> None:
        super().__init__()
        self._steps = steps
        self._began = self._test_began = self._testing = 0.0
        self._epochs: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """The last epoch is over, and what followed it."""
        if self._began:
            self._note()
        self._began, self._testing = time.perf_counter(), 0.0

    def on_test_begin(self, logs: dict[str, float] | None = None) -> None:
        """Stop the watch."""
        self._test_began = time.perf_counter()

    def on_test_end(self, logs: dict[str, float] | None = None) -> None:
        """Start it again."""
        self._testing += time.perf_counter() - self._test_began

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        """The last epoch is over."""
        self._note()

    def _note(self) -> None:
        self._epochs.append((time.perf_counter() - self._began - self._testing) / self._steps)

    @property
    def median(self) -> float | None:
        """Seconds a step, the median over the epochs without the first; ``None`` after fewer than two."""
        return float(np.median(self._epochs[1:])) if len(self._epochs) > 1 else None
