"""Preparing a large data set with many workers: clips decoded in shards, augmented epochs drawn in advance."""

from __future__ import annotations

from pathlib import Path

from kws_tfmot.data.shards import RunJobs, decode_in_shards
from kws_tfmot.errors import DataError
from kws_tfmot.files import user_path
from kws_tfmot.jobs import Job, keep_traces
from kws_tfmot.progress import Reporter
from kws_tfmot.recipe import Recipe
from kws_tfmot.runs import Run
from pipelines.stages.build import Build
from pipelines.stages.epochs import draw_epochs, epochs_drawn

SHARDS = "shards"
_EPOCHS_A_JOB = 5


def decode_clips(build: Build, run: RunJobs) -> bool:
    """Decode the clips of a ``folder:`` source with many workers; return whether the source is one.

    Raises:
        DataError: As :func:`kws_tfmot.data.shards.decode_in_shards`.
    """
    kind, _, path = build.source.partition(":")
    if kind != "folder" or not path:
        return False
    root = user_path(path)
    shards = build.run.path(SHARDS).resolve()
    decode_in_shards(root, build.recipe.clips, build.cache / "audio", shards, run)
    return True


def draw_all_epochs(build: Build, folder: Path, run: RunJobs) -> int:
    """Compute every augmented epoch of the recipe's trainings into ``folder``; return how many there are.

    Epochs that are there are left alone.

    Raises:
        DataError: If some could not be computed.
    """
    jobs = []
    for offset, count in epochs_drawn(build.recipe).items():
        for first in range(0, count, _EPOCHS_A_JOB):
            numbers = range(first, min(first + _EPOCHS_A_JOB, count))
            arguments = (build.recipe, build.source, build.run.directory.resolve(), folder.resolve(), offset, numbers)
            jobs.append(Job(f"epochs {offset}/{first}", draw_some, arguments))
    outcomes = run(jobs) if jobs else {}
    fault = keep_traces(outcomes, build.run.path("errors"))
    failed = {name: outcome.error for name, outcome in outcomes.items() if outcome.error}
    if failed:
        name, error = next(iter(failed.items()))
        raise DataError(
            f"{len(failed)} of {len(jobs)} jobs failed; {name}: {error}", f"{fault} The same command goes on.".strip()
        )
    return sum(epochs_drawn(build.recipe).values())


def draw_some(
    recipe: Recipe, source: str, directory: Path, folder: Path, offset: int, numbers: range, reporter: Reporter
) -> None:
    """Compute some epochs of one stage, in a worker."""
    draw_epochs(Build(recipe, source, Run(directory), reporter, epochs=folder), {offset: numbers}, required=True)
