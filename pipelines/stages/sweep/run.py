"""A whole sweep: what is over is left alone, what is not runs on Ray, and the files say what came out."""

from __future__ import annotations

import functools
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kws_tfmot.data.prepare import recording_folders, with_folder
from kws_tfmot.errors import RecipeError
from kws_tfmot.files import user_path
from kws_tfmot.jobs import Job, Watch, keep_traces
from kws_tfmot.runs import working_in
from pipelines.stages.comparison_cell import (
    CHECKED,
    CellBuild,
    Stage,
    check_cells,
    run_cell,
    train_parent,
)
from pipelines.stages.epochs import epochs_drawn
from pipelines.stages.sweep.cluster import cluster, require_ray
from pipelines.stages.sweep.halving import Halving, group_of, scheduler_of
from pipelines.stages.sweep.nodes import local_paths, require_shared
from pipelines.stages.sweep.ray_jobs import run_ray_jobs
from pipelines.stages.sweep.sweep_folder import PLAN, SweepFolder
from pipelines.stages.sweep.sweep_settings import Sweep, Trials
from pipelines.stages.sweep.trial import Work
from pipelines.stages.sweep.tuning import Tuning, tune_trials

CHECK = "check"


@dataclass(frozen=True)
class Where:
    """Where a sweep runs.

    Attributes:
        address: Of a cluster's head; empty for this computer.
        workers: At once on this computer; a cluster has as many as fit.
        cores: Cores, and threads of TensorFlow, of each.
    """

    address: str = ""
    workers: int = 1
    cores: int = 1


@dataclass(frozen=True)
class SweepPlan:
    """A sweep ready to run.

    Attributes:
        sweep: Its settings.
        trials: Its trials.
        source: As for :class:`~pipelines.stages.build.Build`; a path that every node can read.
        folder: Where everything is kept; on storage that all nodes share.
        epochs: Where augmented epochs are kept; ``None`` keeps none.
        stages: Further stages of each trial.
        work: Does a trial: builds the cell and returns its row.
    """

    sweep: Sweep
    trials: Trials
    source: str
    folder: Path
    epochs: Path | None = None
    stages: tuple[Stage, ...] = ()
    work: Work = run_cell

    def builds(self) -> dict[str, CellBuild]:
        """What every trial builds, by its name; of those with the same sparse training, all but one come last."""
        builds = [
            CellBuild(cell, self.source, self.folder, self.epochs, stages=self.stages) for cell in self.trials.cells
        ]
        seen: Counter[str] = Counter()
        order = []
        for place, build in enumerate(builds):
            order.append((seen[build.sparse_key] if build.sparse_key else 0, place))
            seen[build.sparse_key] += 1
        return {builds[place].cell.name: builds[place] for _, place in sorted(order)}

    def preparation(self, builds: Sequence[CellBuild]) -> list[Job]:
        """What is done before the trials ``builds``: a check of them all, and the dense models they share."""
        parents = {build.parent: build for build in builds} if self.dense_first else {}
        trained = [Job(name, train_parent, (build,), needs=(CHECK,)) for name, build in parents.items()]
        return [Job(CHECK, check_cells, (list(builds),)), *trained]

    @property
    def dense_first(self) -> bool:
        """Whether dense models are trained before the trials, each once."""
        if self.sweep.dense_first is not None:
            return self.sweep.dense_first
        builds = self.builds()
        return len({build.parent for build in builds.values()}) < len(builds)

    def record(self) -> dict[str, Any]:
        """What must be the same for a sweep to go on."""
        digests = {
            cell.name: hashlib.sha256(cell.recipe.model_dump_json(exclude_defaults=True).encode()).hexdigest()[:16]
            for cell in self.trials.cells
        }
        stopping = self.sweep.early_stopping
        return {
            "name": self.sweep.name,
            "data": self.source,
            "early_stopping": stopping.model_dump(mode="json") if stopping else None,
            "dense_first": self.dense_first,
            "stages": [stage.__name__ for stage in self.stages],
            "trials": digests,
        }


@dataclass(frozen=True)
class SweepResult:
    """What came out: ``rows`` of finished trials; ``stopped``, ``failures`` and accuracies of ``epochs`` by name."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    stopped: dict[str, dict[str, Any]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    epochs: dict[str, list[float]] = field(default_factory=dict)


def run_sweep(plan: SweepPlan, where: Where, watch: Watch) -> SweepResult:
    """Run every trial that is not over yet.

    Trials that were interrupted go on from their last saved epoch; those that failed are tried again.

    Raises:
        ToolchainError: If Ray is not installed.
        RecipeError: If the folder holds another sweep, the check refuses a trial, or the cluster cannot be reached.
        DataError: If the clips cannot be used.
    """
    require_ray()
    folder = SweepFolder(plan.folder)
    with working_in(plan.folder, (PLAN, CHECKED)):
        folder.claim(plan.record())
        folder.forget_failures()
        builds = plan.builds()
        open_trials = [name for name in builds if not folder.is_over(name)]
        lost: dict[str, str] = {}
        if open_trials:
            with cluster(where.address, where.workers, where.cores):
                if where.address:
                    require_shared(local_paths(plan.source), _shared(plan))
                lost = _prepare(plan, [builds[name] for name in open_trials], where.cores, watch)
                ready = [name for name in open_trials if name not in lost]
                _tune(plan, builds, ready, where.cores, watch)
        return _gather(list(builds), folder, lost)


def _shared(plan: SweepPlan) -> dict[str, Path]:
    return {"sweep's folder": plan.folder} | ({"folder of epochs": plan.epochs} if plan.epochs else {})


def steps_left(plan: SweepPlan) -> int:
    """How many jobs and trials :func:`run_sweep` would do now."""
    folder = SweepFolder(plan.folder)
    left = [build for name, build in plan.builds().items() if not folder.is_over(name)]
    return len(left) + len(plan.preparation(left)) if left else 0


def _prepare(plan: SweepPlan, builds: Sequence[CellBuild], cores: int, watch: Watch) -> dict[str, str]:
    """Do what comes before the trials; return those that cannot begin, and why."""
    outcomes = run_ray_jobs(plan.preparation(builds), cores, watch)
    keep_traces(outcomes, plan.folder / "errors")
    failed = {name: outcome.error for name, outcome in outcomes.items() if outcome.error}
    if CHECK in failed:
        raise RecipeError(failed[CHECK])
    return {
        build.cell.name: f"its dense model failed: {failed[build.parent]}" for build in builds if build.parent in failed
    }


def _tune(plan: SweepPlan, builds: Mapping[str, CellBuild], names: Sequence[str], cores: int, watch: Watch) -> None:
    if not names:
        return
    folder = SweepFolder(plan.folder)
    epochs = {name: trial_epochs(build, plan.dense_first) for name, build in builds.items()}
    settings = plan.sweep.early_stopping
    halving = None
    if settings is not None:
        groups = {name: group_of(build.cell, settings.within) for name, build in builds.items()}
        halving = Halving(settings, groups, epochs)
        halving.replay({name: [accuracy for *_, accuracy in folder.epochs(name)] for name in builds})
    tuning = Tuning(builds, epochs, plan.folder.resolve(), plan.work, cores)
    tune_trials(names, tuning, scheduler_of(halving, folder.write_stopped), watch)


def trial_epochs(build: CellBuild, dense_first: bool) -> int:
    """Epochs that a trial trains itself if nothing stops it."""
    drawn = epochs_drawn(build.cell.recipe)
    return sum(drawn.values()) - (drawn[0] if dense_first else 0)


def _gather(names: Sequence[str], folder: SweepFolder, lost: dict[str, str]) -> SweepResult:
    """Read what every trial has come to; each is counted once, whatever files it has."""
    result = SweepResult(failures=dict(lost))
    for name in names:
        result.epochs[name] = [accuracy for *_, accuracy in folder.epochs(name)]
        if (row := folder.row(name)) is not None:
            result.rows.append(row)
        elif (stopped := folder.stopped(name)) is not None:
            result.stopped[name] = stopped
        elif name not in lost:
            result.failures[name] = folder.failure(name) or "it left no row"
    return result


def local_source(source: str) -> str:
    """``source`` with the path of a folder made absolute: workers have a working directory of their own.

    >>> local_source("synthetic")
    'synthetic'
    """
    if folders := recording_folders(source):
        return functools.reduce(with_folder, [folder.resolve() for folder in folders], "synthetic")
    kind, separator, path = source.partition(":")
    if separator and kind in ("folder", "tfds-folder"):
        return f"{kind}:{user_path(path).resolve()}"
    return source


def absolute(plan: SweepPlan) -> SweepPlan:
    """``plan`` with paths that mean the same in every process."""
    epochs = plan.epochs.resolve() if plan.epochs else None
    return replace(plan, source=local_source(plan.source), folder=plan.folder.resolve(), epochs=epochs)
