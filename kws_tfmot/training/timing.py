"""How long a training step takes."""

from __future__ import annotations

import time

import numpy as np

from kws_tfmot.keras import keras


class StepTimer(keras.callbacks.Callback):
    """Takes the time of the steps and of what a method does between the epochs.

    The first step of an epoch waits for its features, so the others stand for it; validation does not count. With S
    steps an epoch, t1 its second step's begin and t2 its end, e the time from the end of the validation to the next
    epoch's first step, a step takes ``(t2 - t1) / (S - 1) + e / S``. It must be the first of the callbacks.

    Args:
        steps: Steps of an epoch, S.
    """

    def __init__(self, steps: int) -> None:
        super().__init__()
        self._steps = steps
        self._second = self._end = 0.0
        self._in_steps: list[float] = []
        self._between: list[float] = []

    def on_train_batch_begin(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Note when the first two steps of an epoch begin."""
        if batch == 0 and self._end:
            self._between.append(time.perf_counter() - self._end)
        elif batch == 1:
            self._second = time.perf_counter()

    def on_test_begin(self, logs: dict[str, float] | None = None) -> None:
        """The steps of the epoch are over."""
        if self._second:
            self._in_steps.append((time.perf_counter() - self._second) / (self._steps - 1))

    def on_test_end(self, logs: dict[str, float] | None = None) -> None:
        """The validation is over."""
        self._end = time.perf_counter()

    @property
    def median(self) -> float | None:
        """Seconds a step, the medians over the epochs without the first; ``None`` after fewer than two."""
        if len(self._in_steps) < 2:
            return None
        between = float(np.median(self._between)) / self._steps if self._between else 0.0
        return float(np.median(self._in_steps[1:])) + between
