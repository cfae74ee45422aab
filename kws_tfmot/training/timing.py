"""How long a training step takes."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kws_tfmot.keras import keras


@dataclass(frozen=True)
class StepTime:
    """Seconds of one training step: on the clock, and of the processor (which other programs hardly change)."""

    wall: float
    cpu: float


def _now() -> npt.NDArray[np.float64]:
    return np.array([time.perf_counter(), time.process_time()])


class StepTimer(keras.callbacks.Callback):
    """Takes the time of the steps and of what a method does between the epochs.

    The first step of an epoch waits for its features, so the others count for it; validation does not count. With S
    steps an epoch, t1 its second step's begin and t2 its end, e the time from the end of the validation to the next
    epoch's first step, a step takes ``(t2 - t1) / (S - 1) + e / S``. It must be the first of the callbacks.

    Args:
        steps: Steps of an epoch, S.
    """

    def __init__(self, steps: int) -> None:
        super().__init__()
        self._steps = steps
        self._second: npt.NDArray[np.float64] | None = None
        self._end: npt.NDArray[np.float64] | None = None
        self._in_steps: list[npt.NDArray[np.float64]] = []
        self._between: list[npt.NDArray[np.float64]] = []

    def on_train_batch_begin(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Note when the first two steps of an epoch begin."""
        if batch == 0 and self._end is not None:
            self._between.append(_now() - self._end)
        elif batch == 1:
            self._second = _now()

    def on_test_begin(self, logs: dict[str, float] | None = None) -> None:
        """The steps of the epoch are over."""
        if self._second is not None:
            self._in_steps.append((_now() - self._second) / (self._steps - 1))

    def on_test_end(self, logs: dict[str, float] | None = None) -> None:
        """The validation is over."""
        self._end = _now()

    @property
    def median(self) -> StepTime | None:
        """The medians over the epochs without the first; ``None`` after fewer than two."""
        if len(self._in_steps) < 2:
            return None
        wall, cpu = np.median(self._in_steps[1:], axis=0)
        if self._between:
            wall, cpu = (wall, cpu) + np.median(self._between, axis=0) / self._steps
        return StepTime(float(wall), float(cpu))
