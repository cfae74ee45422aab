"""Early stopping: who competes with whom, and that a sweep that goes on decides as if it had never stopped."""

from __future__ import annotations

import pytest

from pipelines.stages.sweep.halving import Halving
from pipelines.stages.sweep.sweep_settings import EarlyStopping

pytestmark = pytest.mark.usefixtures("ray_installed")
NAMES = [f"{group}{number}" for group in "ab" for number in range(6)]
GROUPS = {name: name[0] for name in NAMES}


def halving(first: int = 2, epochs: int = 9) -> Halving:
    return Halving(EarlyStopping(first=first, factor=2), GROUPS, dict.fromkeys(NAMES, epochs))


def test_the_worse_ones_of_a_group_are_stopped_at_the_rungs() -> None:
    judge = halving()
    assert not judge.stops("a0", 1, 0.9)  # before the first rung
    assert not judge.stops("a0", 2, 0.9)  # the first to come there
    assert not judge.stops("a1", 1, 0.1)
    assert judge.stops("a1", 2, 0.1)
    assert not judge.stops("a2", 2, 0.95)
    assert not judge.stops("a2", 3, 0.0)  # between two rungs
    assert not judge.stops("a0", 4, 0.9)
    assert judge.stops("a2", 4, 0.5)


def test_other_groups_do_not_count() -> None:
    judge = halving()
    for number in range(3):
        assert not judge.stops(f"a{number}", 2, 0.9)
    assert not judge.stops("b0", 2, 0.1)
    assert judge.stops("b1", 2, 0.05)


def test_the_last_epoch_stops_nothing() -> None:
    judge = halving(first=8, epochs=8)
    assert not judge.stops("a0", 8, 0.9)
    assert not judge.stops("a1", 8, 0.1)


def test_what_was_reached_before_an_interruption_still_counts() -> None:
    before = {"a0": [0.5, 0.9, 0.9], "a1": [0.4, 0.3]}
    straight, resumed = halving(), halving()
    for name, accuracies in before.items():
        for epoch, accuracy in enumerate(accuracies, 1):
            straight.stops(name, epoch, accuracy)
    resumed.replay(before)
    for judge in (straight, resumed):
        assert not judge.stops("a0", 4, 0.9)
        assert judge.stops("a2", 2, 0.5)
        assert not judge.stops("a3", 2, 0.91)
