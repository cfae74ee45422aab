"""`kws prepare`: read and check the clips of a recipe, and show what the data set is."""

from __future__ import annotations

import typer

from kws_tfmot.stages.build import Build
from kws_tfmot.stages.prepare import prepare_data
from pipelines.console import line, table
from pipelines.options import recipe_command


def work(build: Build) -> None:
    """Read, check and split the clips; nothing is trained."""
    prepare_data(build)
    splits = build.run.figures("prepare")["splits"]
    rows = [[label, *(str(split["clips"][label]) for split in splits.values())] for label in build.index.labels]
    table("clips", ["class", *splits], rows)
    line(f"written to {build.run.path('data.json')}")


command = recipe_command(work)

if __name__ == "__main__":
    typer.run(command)
