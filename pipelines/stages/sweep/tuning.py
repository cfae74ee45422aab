"""The trials on Ray Tune: one worker each, lost ones retried, ASHA between the epochs, progress to a watch."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kws_tfmot.errors import DataError, KwsError
from kws_tfmot.jobs import JobOutcome, Watch
from pipelines.stages.comparison_cell import CellBuild
from pipelines.stages.sweep.cluster import explain
from pipelines.stages.sweep.halving import ACCURACY, EPOCH, TRIAL
from pipelines.stages.sweep.sweep_folder import SweepFolder
from pipelines.stages.sweep.trial import Work, attend

RETRIES = 3
_SEEN_WITHIN = 60.0  # seconds until a file of another node shows on shared storage
_RECORD = "ray"


@dataclass(frozen=True)
class Tuning:
    """What the workers need.

    Attributes:
        builds: What every trial of the sweep builds, by name.
        epochs: Epochs that each trains if it is not stopped, by name.
        folder: The sweep's.
        work: Does a trial.
        cores: Of each worker.
    """

    builds: Mapping[str, CellBuild]
    epochs: Mapping[str, int]
    folder: Path
    work: Work
    cores: int


def tune_trials(names: Sequence[str], tuning: Tuning, scheduler: Any, watch: Watch) -> None:
    """Run the trials ``names`` on the cluster that this process has joined; their files say what they came to."""
    from ray import tune

    record = tuning.folder / _RECORD
    shutil.rmtree(record, ignore_errors=True)  # whatever matters is in the trials' own files
    own = SweepFolder(tuning.folder)
    trainable = tune.with_parameters(
        _attend, builds=tuning.builds, folder=tuning.folder, work=tuning.work, cores=tuning.cores
    )
    tuner = tune.Tuner(
        tune.with_resources(trainable, {"cpu": tuning.cores}),
        param_space={TRIAL: tune.grid_search(list(names))},
        tune_config=tune.TuneConfig(scheduler=scheduler, trial_dirname_creator=lambda trial: trial.trial_id),
        run_config=tune.RunConfig(
            name="tune",
            storage_path=str(record.resolve()),
            failure_config=tune.FailureConfig(max_failures=RETRIES),
            callbacks=[_callback(_View(own, tuning.epochs, watch))],
            verbose=0,
        ),
    )
    for result in _results(tuner, record):
        name = (result.config or {}).get(TRIAL, "")
        if name and not own.is_over(name) and not own.failure(name) and not _appears(own, name, result.error is None):
            own.write_failure(name, _why_lost(result.error))
    shutil.rmtree(record, ignore_errors=True)


def _results(tuner: Any, record: Path) -> list[Any]:
    """Ray's results of all trials.

    Raises:
        DataError: If it could not keep its record of them.
    """
    for part in ("tune", "train"):  # whose tracebacks say what the trials' own files say in a sentence
        logging.getLogger(f"ray.{part}").setLevel(logging.CRITICAL)
    try:
        found = tuner.fit()
        return [found[number] for number in range(len(found))]
    except (OSError, EOFError) as error:
        raise DataError(
            f"Ray could not keep its record in {str(record)!r}: {error}.",
            "Free space and give write permission there; the same command goes on.",
        ) from None


def _why_lost(error: BaseException | None) -> str:
    """One sentence: what the worker itself said, where it said something a person can act on."""
    if error is None:
        return "it left no row"
    cause = getattr(error, "cause", None)
    if isinstance(cause, KwsError):
        return str(cause)
    return f"its worker was lost {RETRIES + 1} times ({explain(error)})"


def _attend(config: dict[str, Any], builds: Any = None, folder: Any = None, work: Any = None, cores: int = 1) -> None:
    from ray import tune

    attend(config, builds=builds, folder=folder, work=work, cores=cores, report=tune.report)


def _appears(folder: SweepFolder, name: str, expected: bool) -> bool:
    """Whether the trial's row, or its failure, shows up; network file systems may take their time."""
    until = time.monotonic() + (_SEEN_WITHIN if expected else 0.0)
    while not folder.is_over(name) and not folder.failure(name):
        if time.monotonic() >= until:
            return False
        time.sleep(0.5)
    return True


class _View:
    """Tells a watch what Tune does."""

    def __init__(self, folder: SweepFolder, epochs: Mapping[str, int], watch: Watch) -> None:
        self._folder, self._epochs, self._watch = folder, epochs, watch
        self._began: dict[str, float] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {}  # Tune keeps a pickle of its callbacks, which nothing here reads; a display cannot be pickled

    def start(self, name: str) -> None:
        """A worker has the trial, perhaps not the first one."""
        if name not in self._began:
            self._began[name] = time.monotonic()
            self._watch.began(name)
        else:
            self._watch.noted(f"{name}: its worker was lost; another goes on with it")

    def epoch(self, name: str, result: dict[str, Any]) -> None:
        """An epoch is over."""
        if EPOCH in result:
            note = f"val {100 * result[ACCURACY]:.2f} %"
            self._watch.progressed(name, str(result.get("stage")), result[EPOCH], self._epochs[name], note)

    def end(self, name: str, error: str = "") -> None:
        """It is finished, was stopped, or has failed."""
        seconds = time.monotonic() - self._began.get(name, time.monotonic())
        row, stopped = self._folder.row(name), self._folder.stopped(name)
        error = "" if row or stopped else self._folder.failure(name) or error
        reported: Any = row
        if row is None and stopped:
            reported = f"stopped at epoch {stopped['epoch']}, {100 * stopped['accuracy']:.2f} % on the validation split"
        self._watch.ended(name, JobOutcome(reported, error, seconds=seconds))


def _callback(view: _View) -> Any:
    from ray import tune

    class _Callback(tune.Callback):
        """Shows what Ray says of the trials."""

        def on_trial_start(self, iteration: int, trials: Any, trial: Any, **_: Any) -> None:
            """Show that a trial runs."""
            view.start(trial.config[TRIAL])

        def on_trial_result(self, iteration: int, trials: Any, trial: Any, result: dict[str, Any], **_: Any) -> None:
            """Show a trial's epoch."""
            view.epoch(trial.config[TRIAL], result)

        def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **_: Any) -> None:
            """Show that a trial has ended."""
            view.end(trial.config[TRIAL])

        def on_trial_error(self, iteration: int, trials: Any, trial: Any, **_: Any) -> None:
            """Show that a trial's workers were lost."""
            view.end(trial.config[TRIAL], "its workers were lost")

    return _Callback()
