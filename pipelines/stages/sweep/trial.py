"""One trial, in a worker that may be anywhere: its build, an epoch reported after the other, and its row at the end."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from kws_tfmot.errors import KwsError, RecipeError
from kws_tfmot.jobs import limit_threads
from kws_tfmot.progress import SILENT, Reporter
from kws_tfmot.runs import Run, locked
from pipelines.stages.build import OnStageEpoch
from pipelines.stages.comparison_cell import SPARSE_STAGES, CellBuild
from pipelines.stages.sweep.nodes import own_node
from pipelines.stages.sweep.sweep_folder import Epoch, SweepFolder

Work = Callable[[CellBuild, Reporter, OnStageEpoch], dict[str, Any]]
Report = Callable[[dict[str, Any]], None]
_WAIT = 120.0  # seconds for a lost worker to let go of the trial's folder
_TRAINED = ("quantize", "sparsify", "train")  # whose validation accuracy is the trial's: the last stage that ran


class EpochLog:
    """The epochs of a trial, each counted once however often a worker was lost.

    >>> import tempfile
    >>> log = EpochLog(SweepFolder(Path(tempfile.mkdtemp())), "a")
    >>> log.add("train", 0, 0.5), log.add("train", 1, 0.6), log.add("train", 1, 0.6), log.add("quantize", 0, 0.7)
    (1, 2, 2, 3)
    """

    def __init__(self, folder: SweepFolder, trial: str) -> None:
        self._folder, self._trial = folder, trial
        self._epochs = {(stage, epoch): accuracy for stage, epoch, accuracy in folder.epochs(trial)}

    def add(self, stage: str, epoch: int, accuracy: float) -> int:
        """Record an epoch, and return which one of the trial's it is, from 1."""
        self._epochs[stage, epoch] = accuracy
        self._folder.write_epochs(self._trial, [(*key, value) for key, value in self._epochs.items()])
        return list(self._epochs).index((stage, epoch)) + 1

    def take_over(self, epochs: Sequence[Epoch], stages: tuple[str, ...]) -> None:
        """Count the epochs of stages that were not trained here."""
        for stage, epoch, accuracy in epochs:
            if stage.startswith(stages):
                self._epochs.setdefault((stage, epoch), accuracy)


def attend(
    config: dict[str, Any],
    *,
    builds: Mapping[str, CellBuild],
    folder: Path,
    work: Work,
    cores: int,
    report: Report,
) -> None:
    """Do the trial ``config["trial"]`` unless it is over; what goes wrong in it is written down, not raised.

    Args:
        config: Names the trial.
        builds: What every trial builds, by name.
        folder: The sweep's.
        work: Builds it and returns its row.
        cores: Threads of TensorFlow.
        report: Is given ``epoch``, ``accuracy`` and ``stage`` after every epoch, and may never return.

    Raises:
        RecipeError: If the folder cannot be seen from here.
    """
    name = config["trial"]
    own = SweepFolder(folder)
    if not own.is_visible:
        raise RecipeError(own_node(folder))
    if own.is_over(name):
        return
    limit_threads(cores)
    log = EpochLog(own, name)

    def on_epoch(stage: str, epoch: int, figures: dict[str, float]) -> None:
        """Log an epoch and report its validation accuracy to Ray."""
        accuracy = figures["val_accuracy"]
        report({"epoch": log.add(stage, epoch, accuracy), "accuracy": accuracy, "stage": stage})

    try:
        _wait_for(builds[name].run_folder)
        build = _with_shared_training(builds, name, own, log)
        row = work(build, SILENT, on_epoch)
        own.write_row(name, row | _validation(build) | {"epochs": len(own.epochs(name))})
    except KwsError as error:
        own.write_failure(name, str(error))
    except Exception as error:
        own.write_failure(name, f"{type(error).__name__}: {error}", traceback.format_exc())


def _wait_for(run: Path) -> None:
    """Wait until a worker that was taken for lost has really ended."""
    run.mkdir(parents=True, exist_ok=True)
    until = time.monotonic() + _WAIT
    while True:
        try:
            with locked(run):
                return
        except RecipeError:
            if time.monotonic() > until:
                raise
            time.sleep(0.5)


def _with_shared_training(builds: Mapping[str, CellBuild], name: str, folder: SweepFolder, log: EpochLog) -> CellBuild:
    """Take over the sparse training of another trial that has done the same."""
    build = builds[name]
    for other, theirs in builds.items():
        if other != name and build.sparse_key and theirs.sparse_key == build.sparse_key and _has_trained(theirs):
            log.take_over(folder.epochs(other), SPARSE_STAGES)
            return replace(build, shares_with=theirs.cell.name)
    return build


def _has_trained(build: CellBuild) -> bool:
    with suppress(KwsError):
        return build.run_folder.is_dir() and bool(Run(build.run_folder).outputs(SPARSE_STAGES[0]))
    return False


def _validation(build: CellBuild) -> dict[str, Any]:
    run = Run(build.run_folder)
    found = [run.figures(stage).get("validation_accuracy") for stage in _TRAINED]
    return {"validation_accuracy": next((accuracy for accuracy in found if accuracy is not None), None)}
