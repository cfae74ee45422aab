"""Early stopping of trials: Ray's ASHA among those that compete, fed with what earlier runs of the sweep have seen."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pipelines.stages.comparison import ComparisonCell
from pipelines.stages.sweep.sweep_settings import EarlyStopping, value_at

EPOCH, ACCURACY, TRIAL = "epoch", "accuracy", "trial"


def group_of(cell: ComparisonCell, within: tuple[str, ...]) -> str:
    """The same for trials that compete.

    >>> from kws_tfmot.recipe import Recipe
    >>> group_of(ComparisonCell("a", 0.9, 1, Recipe(sparsity={"target": 0.9})), ("sparsity.target", "seed"))
    '[0.9, 1]'
    """
    return json.dumps([value_at(cell.recipe, key) for key in within])


@dataclass(frozen=True)
class _Named:
    """A trial as ASHA sees it; its name is the same in every run of the sweep."""

    trial_id: str


class Halving:
    """ASHA among the trials of each group. Needs Ray.

    Args:
        settings: First epoch and factor.
        groups: The group of every trial of the sweep, by name.
        epochs: Epochs that every trial trains if it is not stopped, by name; the last one stops nothing.
    """

    def __init__(self, settings: EarlyStopping, groups: Mapping[str, str], epochs: Mapping[str, int]) -> None:
        from ray.tune.schedulers import ASHAScheduler

        self._rungs: dict[str, Any] = {}
        for group in dict.fromkeys(groups.values()):
            own = [name for name in groups if groups[name] == group]
            last = max(epochs[name] for name in own) - 1
            if last < settings.first:
                continue
            asha: Any = ASHAScheduler(
                time_attr=EPOCH,
                metric=ACCURACY,
                mode="max",
                max_t=last,
                grace_period=settings.first,
                reduction_factor=settings.factor,
                stop_last_trials=False,
            )
            for name in own:
                asha.on_trial_add(None, _Named(name))
                self._rungs[name] = asha

    def stops(self, trial: str, epoch: int, accuracy: float) -> bool:
        """Whether ``trial`` ends here, with this accuracy after its ``epoch``, from 1; asked in order of the epochs."""
        from ray.tune.schedulers import TrialScheduler

        asha = self._rungs.get(trial)
        result = {EPOCH: epoch, ACCURACY: accuracy}
        return asha is not None and asha.on_trial_result(None, _Named(trial), result) == TrialScheduler.STOP

    def replay(self, epochs: Mapping[str, list[float]]) -> None:
        """Take up what trials have reached before: accuracy after each epoch, by name."""
        for name, accuracies in epochs.items():
            for epoch, accuracy in enumerate(accuracies, 1):
                self.stops(name, epoch, accuracy)


def scheduler_of(halving: Halving | None, on_stop: Callable[[str, int, float], None]) -> Any:
    """Ray Tune's scheduler: trials in order; ``on_stop`` hears of those that ``halving`` stops before they end."""
    from ray.tune.schedulers import FIFOScheduler, TrialScheduler

    class _Scheduler(FIFOScheduler):
        """Ray's first-in-first-out scheduler that also stops the worst trials of a rung."""

        def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
            """Stop a trial that its rung leaves behind; let every other go on."""
            if halving is None or EPOCH not in result:
                return TrialScheduler.CONTINUE
            name, epoch, accuracy = trial.config[TRIAL], result[EPOCH], result[ACCURACY]
            if not halving.stops(name, epoch, accuracy):
                return TrialScheduler.CONTINUE
            on_stop(name, epoch, accuracy)
            return TrialScheduler.STOP

    return _Scheduler()
