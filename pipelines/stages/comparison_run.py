"""A comparison run: every cell built in a folder of its own, dense parents trained once, the rows gathered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kws_tfmot.errors import RecipeError
from kws_tfmot.jobs import Job, Watch, keep_traces, run_jobs
from kws_tfmot.runs import working_in
from pipelines.stages.comparison import ComparisonCell
from pipelines.stages.comparison_cell import (
    CHECKED,
    CellBuild,
    Stage,
    check_cells,
    draw_features,
    run_cell,
    train_parent,
)
from pipelines.stages.epochs import epochs_drawn

CHECK = "check"


@dataclass(frozen=True)
class ComparisonRun:
    """What came out.

    Attributes:
        rows: A row for each cell that was built, in the order of the cells.
        failures: ``{name: why}`` of the others, and of dense parents.
        trace_folder: Where the traces of unexpected errors lie.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    trace_folder: Path = Path()


def plan_jobs(
    cells: Sequence[ComparisonCell],
    source: str,
    folder: Path,
    epochs: Path | None = None,
    stages: tuple[Stage, ...] = (),
) -> list[Job]:
    """The jobs of a comparison: one check, then for each seed the epochs, the dense parents and the cells.

    Of several cells with the same sparse training, the first does it and the others wait for that cell.
    """
    builds: list[CellBuild] = []
    first: dict[str, str] = {}
    for cell in cells:
        build = CellBuild(cell, source, folder, epochs, stages=stages)
        if build.sparse_key:
            earlier = first.setdefault(build.sparse_key, cell.name)
            build = CellBuild(cell, source, folder, epochs, earlier if earlier != cell.name else "", stages)
        builds.append(build)
    jobs = [Job(CHECK, check_cells, (builds,))]
    named = {CHECK}
    for build in builds:
        if epochs is not None and build.drawing not in named:
            named.add(build.drawing)
            counts = _most_epochs([other.cell for other in builds if other.drawing == build.drawing])
            jobs.append(Job(build.drawing, draw_features, (build, counts), needs=(CHECK,)))
        drawn = (build.drawing,) if epochs is not None else ()
        if build.parent not in named:
            named.add(build.parent)
            jobs.append(Job(build.parent, train_parent, (build,), needs=(CHECK,), after=drawn))
        after = (build.shares_with,) if build.shares_with else ()
        jobs.append(Job(build.cell.name, run_cell, (build,), needs=(build.parent,), after=after))
    return jobs


def _most_epochs(cells: Sequence[ComparisonCell]) -> dict[int, int]:
    counts: dict[int, int] = {}
    for cell in cells:
        for offset, count in epochs_drawn(cell.recipe).items():
            counts[offset] = max(count, counts.get(offset, 0))
    return counts


def run_comparison(
    cells: Sequence[ComparisonCell], jobs: Sequence[Job], folder: Path, watch: Watch, workers: int = 1, threads: int = 0
) -> ComparisonRun:
    """Do the ``jobs`` of :func:`plan_jobs`; what an earlier run has finished is not done again.

    Args:
        cells: The cells.
        jobs: Their jobs.
        folder: The folder of the comparison.
        watch: Is informed how it goes.
        workers: Processes at once; 1 stays in this process.
        threads: TensorFlow's threads in each of several processes.

    Raises:
        RecipeError: If the check refuses a cell or the data; nothing is trained then.
    """
    with working_in(folder, (CHECKED,)):
        outcomes = run_jobs(jobs, workers, threads, watch)
        if (check := outcomes[CHECK]).error and not check.trace:
            raise RecipeError(check.error)
    traces = folder / "errors"
    failures = {name: outcome.error for name, outcome in outcomes.items() if outcome.error}
    keep_traces(outcomes, traces)
    if error := outcomes[CHECK].error:
        raise RecipeError(error)
    rows = [outcomes[cell.name].result for cell in cells if cell.name not in failures]
    return ComparisonRun(rows, failures, traces)
