"""The time of a step: neither validation nor waiting for features counts, what a method does between epochs does."""

from __future__ import annotations

import numpy as np
import pytest

from kws_tfmot.training import timing


def test_a_step_is_timed_without_waiting_and_validation(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(timing, "_now", lambda: np.array([clock[0], clock[0] / 2]))
    timer = timing.StepTimer(steps=4)
    for epoch in range(4):
        if epoch:
            clock[0] += 8.0  # the method's own work between two epochs, 2 a step
        for batch in range(4):
            timer.on_train_batch_begin(batch)
            clock[0] += 100.0 if epoch == 0 else 10.0  # the first epoch is slow: graphs are traced
            clock[0] += 500.0 if batch == 0 else 0.0  # waiting for features
        timer.on_test_begin()
        clock[0] += 3000.0
        timer.on_test_end()
        if epoch == 0:
            assert timer.median is None
    assert timer.median == timing.StepTime(wall=12.0, cpu=6.0)


def test_epochs_of_a_single_step_have_no_time() -> None:
    timer = timing.StepTimer(steps=1)
    for _ in range(3):
        timer.on_train_batch_begin(0)
        timer.on_test_begin()
        timer.on_test_end()
    assert timer.median is None
