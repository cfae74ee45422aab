"""`kws train`: the dense float model of a recipe."""

from __future__ import annotations

from typing import Any

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
    line(f"{build.run.path(FLOAT_MODEL)}: {summary(figures)}")


def summary(figures: dict[str, Any]) -> str:
    """Size, validation and epoch of a training, on single clips or on streams."""
    size = f"{figures['parameters']:,} parameters, {figures['macs']:,} MACs"
    if "validation_missed" in figures:
        found = f"{100 * figures['validation_missed']:.1f} % missed of {figures['validation_keywords']:,} keywords in "
        found += f"{figures['validation_hours']:.1f} h of validation streams, threshold {figures['threshold']:.3f}"
    elif "validation_accuracy" in figures:
        found = f"validation {100 * figures['validation_accuracy']:.2f} %"
    else:
        return f"{size}, not trained"
    return f"{size}, {found} (epoch {figures['selected_epoch']})"


command = recipe_command(work)

if __name__ == "__main__":
    typer.run(command)
