"""`kws evaluate`: accuracy of a `.tflite` on a data set, with the settings that the model carries."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from firmware_export.emulation.steps import open_hearing
from kws_tfmot.evaluation.model_accuracy import ModelAccuracy, evaluate_model
from kws_tfmot.evaluation.plots import plot_confusion
from kws_tfmot.evaluation.trust import trust
from kws_tfmot.recipe import load_recipe
from kws_tfmot.tflite.interpreter import KINDS
from pipelines.console import RichReporter, friendly_errors, line, table
from pipelines.foreign import FeaturesOption, equipped
from pipelines.openers import opener_of
from pipelines.options import DataOption, HopOption, JsonOption, ModelArgument, RecipeOption, StreamOption, check_hop
from pipelines.outputs import FileOption


def command(
    model: ModelArgument,
    data: DataOption,
    split: Annotated[str, typer.Option(help="train, validation, test, or all for every clip.")] = "test",
    interpreter: Annotated[
        str, typer.Option(help=f"{', '.join(KINDS)}, or engine: the C that is flashed; tflm, with --stream engine.")
    ] = "",
    stream: StreamOption = False,
    hop: HopOption = None,
    recipe: RecipeOption = None,
    features: FeaturesOption = None,
    plot: Annotated[Path | None, FileOption(help="Write the confusion matrix as PNG.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Judge a .tflite on clips it has not seen, with TFLite Micro's own kernels unless said otherwise."""
    with friendly_errors():
        check_hop(stream, hop)
        model = equipped(model, features, recipe)
        kind = interpreter or ("engine" if stream else "tflm")
        settings = load_recipe(recipe) if recipe else None
        reporter = RichReporter()
        found = evaluate_model(
            model,
            data,
            split=split,
            kind=kind,
            opener=opener_of(kind, stream, hop) if stream or kind == "engine" else None,
            hearing=partial(open_hearing, reporter=reporter) if kind != "engine" and not stream else None,
            recipe=settings,
            reporter=reporter,
        )  # fmt: skip
        if plot:
            plot_confusion(found.result, f"{split}, {100 * found.result.accuracy:.2f} % of N = {found.result.n}", plot)
        if as_json:
            typer.echo(json.dumps(found.to_dict(), indent=2, ensure_ascii=False))
        else:
            show(found)


def show(found: ModelAccuracy) -> None:
    """Accuracy with its interval, and every class; of a network for streams what its detector hears."""
    figures = found.to_dict()
    if found.detector:
        rows = [
            [label, str(row["n"]), str(row["heard"])]
            for label, row in (found.detector["keywords"] | found.detector["others"]).items()
        ]
        what = "in which the detector hears their own word, of others any"
        table(f"{found.source}, split {found.split}: clips {what}", ["class", "N", "heard"], rows)
        _show_accuracy("right", found.detector)
        _show_accuracy("class scores of one window a clip, which say little of a network for streams: right", figures)
    else:
        rows = [
            [label, str(row["n"]), _percent(row["recall"]), _percent(row["precision"])]
            for label, row in figures["per_class"].items()
        ]
        table(f"{found.source}, split {found.split}", ["class", "N", "recall", "precision"], rows)
        _show_accuracy("accuracy", figures)
    for sentence in trust(None, figures):
        line(f"- {sentence}", markup=False)
    line(f"{found.interpreter}; split {found.split_sha256[:12]}; model {found.model_sha256[:12]}")
    for note in found.notes:
        line(f"note: {note}", style="dim", markup=False)


def _show_accuracy(what: str, figures: dict[str, Any]) -> None:
    low, high = figures["interval_95"]
    line(f"{what} [bold]{100 * figures['accuracy']:.2f} %[/] (95 %: {100 * low:.2f} to {100 * high:.2f}), "
         f"N = {figures['n']}")  # fmt: skip


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.2f} %"


if __name__ == "__main__":
    typer.run(command)
