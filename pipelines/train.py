"""`kws train`: the dense float model of a recipe."""

from __future__ import annotations

import typer

from kws_tfmot.stages.build import Build
from kws_tfmot.stages.prepare import prepare_data
from kws_tfmot.stages.train import FLOAT_MODEL, train_dense
from pipelines.console import line
from pipelines.options import recipe_command


def work(build: Build) -> None:
    """Train the dense float model of a recipe."""
    prepare_data(build)
    train_dense(build)
    figures = build.run.figures("train")
    line(
        f"{build.run.path(FLOAT_MODEL)}: {figures['parameters']:,} parameters, {figures['macs']:,} MACs, "
        f"validation {100 * figures['validation_accuracy']:.2f} % (epoch {figures['selected_epoch']})"
    )


command = recipe_command(work)

if __name__ == "__main__":
    typer.run(command)
