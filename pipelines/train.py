"""`kws train`: the dense float model of a recipe."""

from __future__ import annotations

import typer

from pipelines.console import line
from pipelines.options import recipe_command
from pipelines.stages.build import Build
from pipelines.stages.prepare import prepare_data
from pipelines.stages.rehearsal import check_network
from pipelines.stages.train import FLOAT_MODEL, train_dense


def work(build: Build) -> None:
    """Train the dense float model of a recipe."""
    prepare_data(build)
    check_network(build)
    train_dense(build)
    figures = build.run.figures("train")
    line(
        f"{build.run.path(FLOAT_MODEL)}: {figures['parameters']:,} parameters, {figures['macs']:,} MACs, "
        f"validation {100 * figures['validation_accuracy']:.2f} % (epoch {figures['selected_epoch']})"
    )


command = recipe_command(work)

if __name__ == "__main__":
    typer.run(command)
