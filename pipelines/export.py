"""`kws export`: a `.tflite` as C code for a firmware."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from firmware_export.tflm_export import ExportReport, export_tflm
from kws_tfmot.errors import RecipeError, did_you_mean
from kws_tfmot.recipe import load_recipe
from pipelines.console import friendly_errors, out
from pipelines.options import ModelArgument, RecipeOption

TARGETS = ("tflm",)


def command(
    model: ModelArgument,
    out_dir: Annotated[Path, typer.Option("--out", help="Where the C files go.")],
    target: Annotated[str, typer.Option(help="tflm: TensorFlow Lite Micro.")] = "tflm",
    decode: Annotated[
        bool, typer.Option(help="tflm: pack sparse weights for TFLM_DECODE where that is smaller.")
    ] = False,
    name: Annotated[str, typer.Option(help="What files and C identifiers begin with.")] = "kws_model",
    recipe: RecipeOption = None,
) -> None:
    """Write the C files that put a .tflite into a firmware."""
    with friendly_errors():
        if target not in TARGETS:
            raise RecipeError(
                f"unknown target {target!r}.{did_you_mean(target, TARGETS)} Allowed: {', '.join(TARGETS)}."
            )
        show(export_tflm(model, out_dir, decode=decode, name=name, **_settings(recipe)), out_dir)


def _settings(recipe: Path | None) -> dict[str, Any]:
    """Labels and front end for a model that carries none."""
    if recipe is None:
        return {}
    from kws_tfmot.evaluation.contract import ModelContract

    contract = ModelContract.of_recipe(load_recipe(recipe))
    return {"labels": list(contract.labels), "frontend": contract.frontend.model_dump(mode="json")}


def show(report: ExportReport, out_dir: Path) -> None:
    """What was written and what it will take on the device."""
    out.print(f"{out_dir}: {', '.join(report.files)}", markup=False)
    out.print(
        f"model {report.model_bytes:,} B (given: {report.source_bytes:,} B), {len(report.operators)} operators, "
        f"arena {report.arena_bytes:,} B as reserved"
    )
    for decision in report.decode:
        out.print(str(decision), markup=False, style="dim")


if __name__ == "__main__":
    typer.run(command)
