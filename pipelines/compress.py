"""`kws compress`: sparse training and quantisation-aware training of a recipe."""

from __future__ import annotations

import typer

from pipelines.console import line, table
from pipelines.options import recipe_command
from pipelines.stages.build import Build
from pipelines.stages.compress import compress
from pipelines.stages.prepare import prepare_data
from pipelines.stages.rehearsal import check_network
from pipelines.stages.train import train_dense


def work(build: Build) -> None:
    """Make weights zero and the network ready for int8, as the recipe says."""
    prepare_data(build)
    check_network(build)
    train_dense(build)
    compress(build)
    show_sparsity(build)
    if build.recipe.quantization.mode == "qat":
        figures = build.run.figures("quantize")
        line(f"QAT keeps: {figures['preserve']}; validation {100 * figures['validation_accuracy']:.2f} %")


def show_sparsity(build: Build) -> None:
    """Zeros of every kernel, and why a layer was left dense."""
    figures = build.run.figures("sparsify")
    if build.recipe.sparsity and figures:
        rows = [
            [
                name,
                f"{row['weights']:,}",
                f"{100 * row['zeros'] / row['weights']:.1f} %",
                f"left dense, {row['not_pruned']}" if row["not_pruned"] else row["note"] or "",
            ]
            for name, row in figures["layers"].items()
        ]
        title = (
            f"zeros in the float model: {100 * figures['pruned_sparsity']:.1f} % of the pruned kernels' weights, "
            f"{100 * figures['sparsity']:.1f} % of all weights"
        )
        table(title, ["layer", "weights", "zeros", "note"], rows)
    if shrunk := figures.get("shrunk"):
        rows = [[row["layer"], row["units"], row["weights"], row["stays"]] for row in shrunk["layers"]]
        table("automatic model size: units that died are gone", ["layer", "units", "weights", "what stays"], rows)


command = recipe_command(work)

if __name__ == "__main__":
    typer.run(command)
