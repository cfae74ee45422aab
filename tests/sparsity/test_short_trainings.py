"""A sparsity target is reached however short the training is, or the build says by how much it was missed."""

from __future__ import annotations

import pytest

from kws_tfmot.sparsity.schedules import Ramp


@pytest.mark.parametrize("frequency", [1, 20, 100])
@pytest.mark.parametrize("steps", [4, 7, 12, 19, 40, 400])
def test_the_target_is_reached_before_the_last_step(steps: int, frequency: int) -> None:
    ramp = Ramp.of_shares(0.0, 0.6, steps, frequency, 0.5)
    moments = [moment for step in range(steps) if (moment := ramp.at(step))]
    assert moments[-1].sparsity == 0.5
    assert moments[-1].final
    assert ramp.end > ramp.begin, "TFMOT's schedule needs a step between begin and end"


@pytest.mark.parametrize("at", [0.0, 0.6, 0.9, 0.999, 1.0])
@pytest.mark.parametrize("steps", [1, 2, 3, 5, 40, 499])
def test_what_is_pruned_at_once_is_pruned_before_a_step_that_there_is(steps: int, at: float) -> None:
    ramp = Ramp.of_shares(at, at, steps, 20, 0.5)
    moments = [moment for step in range(steps) if (moment := ramp.at(step))]
    assert [(moment.sparsity, moment.final) for moment in moments] == [(0.5, True)]
