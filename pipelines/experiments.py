"""`make experiments`: the flagship recipe on real recordings, dense and sparse, over several seeds."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from matplotlib.figure import Figure

from kws_tfmot.errors import DataError
from kws_tfmot.evaluation.plots import save_figure
from kws_tfmot.files import write_json
from kws_tfmot.provenance import commit_of, versions
from kws_tfmot.recipe import load_recipe
from kws_tfmot.runs import Run
from kws_tfmot.stages.build import Build
from kws_tfmot.stages.variants import SHARED_STAGES, VARIANTS, run_variant, summarise
from pipelines.console import RichReporter, friendly_errors, line, table

ROOT = Path(__file__).resolve().parent.parent


def command(
    recipe: Annotated[Path, typer.Option(help="The recipe to repeat.")] = ROOT / "recipes/ds_cnn_sparse_int8.yaml",
    recordings: Annotated[str, typer.Option(help="A folder in the layout of Speech Commands.")] = "",
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds.")] = 3,
    runs: Annotated[Path, typer.Option(help="Where the runs are kept; an interrupted run goes on from there.")] = Path(
        "runs/experiments"
    ),
    results: Annotated[Path, typer.Option(help="Where the results are written.")] = ROOT / "results",
) -> None:
    """Train, compress and judge the recipe's model dense, pruned and with PQAT, for several seeds."""
    with friendly_errors():
        source = f"folder:{_recordings(recordings)}"
        settings = load_recipe(recipe)
        rows, reporter = [], RichReporter()
        for seed in range(1, seeds + 1):
            folder = runs / f"{settings.name}-seed{seed}"
            for variant in VARIANTS:
                run = Run(folder / variant.folder)
                with run.locked():
                    if variant is not VARIANTS[0]:
                        run.adopt(Run(folder / VARIANTS[0].folder), SHARED_STAGES)
                    rows.append(run_variant(Build(settings, source, run, reporter), variant, seed))
        summary = summarise(rows)
        record = {
            "command": shlex.join(["python", "-m", "pipelines.experiments", *sys.argv[1:]]),
            "commit": commit_of(ROOT),
            "recipe": settings.model_dump(mode="json"),
            "labels": list(settings.data.keywords),
            "runs": rows,
            "summary": summary,
            "versions": versions(),
        }
        write_json(results / f"{settings.name}.json", record)
        plot(rows, results / f"{settings.name}.png")
        show(summary)
        line(f"written to {results / settings.name}.json and .png")


def _recordings(given: str) -> str:
    path = Path(given or os.environ.get("KWS_RECORDINGS") or ROOT.parent / "shared/data/speech_commands_subset")
    if not path.is_dir():
        raise DataError(
            f"there are no recordings at {path}.",
            "Give a folder in the layout of Speech Commands: --recordings FOLDER, or set KWS_RECORDINGS.",
        )
    return str(path)


def show(summary: list[dict[str, Any]]) -> None:
    """Mean and spread of every variant."""
    cells = [
        [row["variant"], f"{100 * row['mean']:.2f} %", f"{100 * row['spread']:.2f}", f"{100 * row['zero_share']:.1f} %"]
        for row in summary
    ]
    first = summary[0]
    table(f"int8 accuracy, {first['seeds']} seeds, N = {first['n']}", ["variant", "mean", "spread", "zeros"], cells)


def plot(rows: list[dict[str, Any]], path: Path) -> None:
    """Accuracy of every run, a column for each variant."""
    names = list(dict.fromkeys(row["variant"] for row in rows))
    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.add_subplot()
    for position, name in enumerate(names):
        values = [100 * row["int8"] for row in rows if row["variant"] == name]
        axes.plot([position] * len(values), values, "o", color="tab:blue", alpha=0.7)
        axes.plot([position - 0.2, position + 0.2], [sum(values) / len(values)] * 2, color="black")
    axes.set_xticks(range(len(names)), names)
    axes.set_ylabel("accuracy on unseen speakers, %")
    axes.set_title(f"int8, N = {rows[0]['n']}, one point a seed, bar = mean", fontsize=9)
    axes.grid(axis="y", alpha=0.3)
    save_figure(figure, path)


if __name__ == "__main__":
    typer.run(command)
