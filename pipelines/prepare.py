"""`kws prepare`: read and check the clips of a recipe, and show what the data set is; with many workers if asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from kws_tfmot.data.shards import RunJobs
from kws_tfmot.errors import RecipeError
from kws_tfmot.jobs import Job, JobOutcome, run_jobs
from pipelines.console import BarView, friendly_errors, line, table
from pipelines.options import (
    DataOption,
    ForceOption,
    KeywordsOption,
    OutOption,
    RecipeArgument,
    SetOption,
    SpeakerOption,
    open_build,
)
from pipelines.outputs import FolderOption
from pipelines.stages.build import Build
from pipelines.stages.prepare import prepare_data
from pipelines.stages.sharding import decode_clips, draw_all_epochs


def command(
    recipe: RecipeArgument,
    data: DataOption = "synthetic",
    out_dir: OutOption = None,
    overrides: SetOption = [],  # noqa: B006 - typer copies it
    keywords: KeywordsOption = "",
    speaker_pattern: SpeakerOption = "",
    force: ForceOption = False,
    workers: Annotated[int, typer.Option(min=0, help="Processes that compute the epochs of --features.")] = 0,
    address: Annotated[str, typer.Option(help="A Ray cluster instead: HOST:PORT of its head, or auto.")] = "",
    features: Annotated[
        Path | None, FolderOption(help="Also compute the recipe's augmented epochs into this folder.")
    ] = None,
) -> None:
    """Read, check and split the clips; nothing is trained."""
    with friendly_errors():
        if workers and features is None:
            raise RecipeError(
                f"--workers {workers} computes the epochs of --features. Received: no --features.",
                "Clips are decoded by as many threads as there are processors without it; leave it out.",
            )
        build = replace(open_build(recipe, data, out_dir, overrides, keywords, speaker_pattern, force), every_file=True)
        with build.run.locked(), engine(address, workers) as run:
            if address:
                _see_that_all_nodes_share(data, build, features)
            # On one machine the threads of one process decode as fast as it reads: shards would only be written twice.
            if address and not decode_clips(build, run):
                build.reporter.note(f"the clips of {data!r} are read by one process: only a folder: is cut into shards")
            prepare_data(build)
            show(build)
            if features is not None:
                from pipelines.stages.sweep.run import local_source

                count = draw_all_epochs(replace(build, source=local_source(data)), features, run)
                line(f"{count} augmented epochs in {features}")


def _see_that_all_nodes_share(data: str, build: Build, features: Path | None) -> None:
    from pipelines.stages.sweep.nodes import local_paths, require_shared

    written = {"run's folder": build.run.directory} | ({"folder of epochs": features} if features else {})
    require_shared(local_paths(data), written)


@contextmanager
def engine(address: str, workers: int) -> Iterator[RunJobs]:
    """Where jobs are done: on a cluster, in worker processes, or here."""

    def here(jobs: Sequence[Job]) -> dict[str, JobOutcome]:
        """Run jobs in processes of this computer."""
        with BarView("preparing", len(jobs)) as view:
            return run_jobs(jobs, max(1, workers), 1 if workers else 0, view)

    def there(jobs: Sequence[Job]) -> dict[str, JobOutcome]:
        """Run jobs on a Ray cluster."""
        from pipelines.stages.sweep.ray_jobs import run_ray_jobs

        with BarView("preparing", len(jobs)) as view:
            return run_ray_jobs(jobs, 1, view)

    if not address:
        yield here
        return
    from pipelines.stages.sweep.cluster import cluster

    with cluster(address, 1, 1):
        yield there


def show(build: Build) -> None:
    """Clips of each class and split."""
    splits = build.run.figures("prepare")["splits"]
    rows = [[label, *(str(split["clips"][label]) for split in splits.values())] for label in build.index.labels]
    table("clips", ["class", *splits], rows)
    line(f"written to {build.run.path('data.json')}")


if __name__ == "__main__":
    typer.run(command)
