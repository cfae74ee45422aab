"""Omni-sparsity on real recordings: against models trained one by one, search against none, the set, the time."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from kws_tfmot.evaluation.plots import new_figure, save_figure
from kws_tfmot.files import write_json
from kws_tfmot.provenance import own_commit, versions
from kws_tfmot.recipe import Recipe, load_recipe
from kws_tfmot.runs import Run
from pipelines.console import RichReporter, friendly_errors, line, table
from pipelines.experiments.subnet_comparison import Plan, run_seed, run_timing, summarise
from pipelines.omni import evolution
from pipelines.omni_set import make_set
from pipelines.recordings import recordings_folder
from pipelines.stages.build import Build

ROOT = Path(__file__).resolve().parent.parent.parent
NAME = "omni"


def command(
    recipe: Annotated[Path, typer.Option(help="The supernet's recipe.")] = ROOT / "recipes/omni_ds_cnn.yaml",
    recordings: Annotated[str, typer.Option(help="A folder in the layout of Speech Commands.")] = "",
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds.")] = 3,
    runs: Annotated[Path, typer.Option(help="Where the runs are kept; what is done is skipped.")] = Path("runs/omni"),
    results: Annotated[Path, typer.Option(help="Where the results are written.")] = ROOT / "results",
    overrides: Annotated[list[str], typer.Option("--set", help="Change the recipe: key=value.")] = [],  # noqa: B006
    method: Annotated[str, typer.Option(help="Sparse training of the models trained alone, as YAML.")] = "{}",
    regimes: Annotated[str, typer.Option(help="one_pass, sandwich or both, by commas.")] = "one_pass",
    models: Annotated[int, typer.Option(help="Budgets of the set; 0 for none.")] = 12,
    population: Annotated[int, typer.Option(help="Of each search.")] = 64,
    generations: Annotated[int, typer.Option(help="Of each search.")] = 20,
    fitness: Annotated[str, typer.Option(help="accuracy or loss.")] = "accuracy",
    timing: Annotated[bool, typer.Option(help="Measure the time of a step, regime against dense.")] = True,
) -> None:
    """Compare supernets with models trained one by one; results are written after every seed."""
    with friendly_errors():
        base = load_recipe(recipe, overrides)
        reporter, source = RichReporter(), f"folder:{recordings_folder(recordings)}"
        search = evolution(population, generations, 1, fitness)
        plan = Plan(method=yaml.safe_load(method) or {}, regimes=tuple(regimes.split(",")), evolution=search)

        def open_build(own: Recipe, folder: Path) -> Build:
            """A build of a recipe in a folder, on the experiment's clips and features."""
            return Build(own, source, Run(folder), reporter, epochs=runs / "features")

        record: dict[str, Any] = {
            "command": shlex.join(["python", "-m", "pipelines.experiments.run_omni_experiments", *sys.argv[1:]]),
            "commit": own_commit(),
            "recipe": base.model_dump(mode="json"),
            "plan": {"method": plan.method, "dense_share": plan.dense_share, "search": search.model_dump()},
            "versions": versions(),
            "seeds": [],
        }
        for seed in range(1, seeds + 1):
            folder, own = runs / f"seed{seed}", base.model_copy(update={"seed": seed})
            record["seeds"].append(run_seed(own, plan, folder, open_build))
            record["summary"] = summarise(record["seeds"])
            write_json(results / f"{NAME}.json", record)
        if timing:
            record["timing"] = run_timing(base, plan, runs, open_build)
        if models:
            build = open_build(_recipe_of(runs / "seed1" / plan.regimes[0]), runs / "seed1" / plan.regimes[0])
            finer = evolution(max(2, population // 2), max(1, generations // 4), 1, "loss")  # of the loss
            record["set"] = make_set(build, plan.board, models, "flash", False, finer)
        write_json(results / f"{NAME}.json", record)
        plot(record, results / f"{NAME}.png")
        show(record)
        line(f"written to {results / NAME}.json and .png", markup=False)


def _recipe_of(directory: Path) -> Recipe:
    return load_recipe(directory / "recipe.yaml")


def show(record: dict[str, Any]) -> None:
    """The summary, the time and the set."""
    rows = [
        [
            row["way"] + (f" ({row['regime']})" if row["regime"] else ""),
            "" if row["target"] is None else f"{100 * row['target']:g} %",
            f"{100 * row['mean']:.2f} %",
            f"{100 * row['spread']:.2f}",
            *("" if row[name] is None else f"{row[name]:,.0f}" for name in ("flash", "instructions", "cycles")),
        ]
        for row in record["summary"]
    ]
    columns = ["way", "zeros", "int8, test", "spread", "flash, B", "instructions", "cycles"]
    table(f"{len(record['seeds'])} seeds, N = {record['seeds'][0]['rows'][0]['test']['n']}", columns, rows)
    for name, row in record.get("timing", {}).items():
        line(f"{name}: {row['median_ms']} ms a step, {row['ratio']:.2f} of dense training")
    for row in record.get("set", []):
        line(
            f"set: flash {row['board']['flash']:,} B, RAM {row['board']['ram']:,} B, {row['board']['instructions']:,} "
            f"instructions, {row['board']['cycles']:,} modelled cycles, test int8 {100 * row['test']['accuracy']:.2f} %"
        )


def plot(record: dict[str, Any], path: Path) -> None:
    """Accuracy against sparsity for each way, with the spread over the seeds."""
    figure = new_figure(figsize=(6.4, 3.8), layout="constrained")
    axes = figure.add_subplot()
    lines: dict[str, list[dict[str, Any]]] = {}
    for row in record["summary"]:
        if row["target"] is not None:
            lines.setdefault(f"{row['way']} {row['regime'] or ''}".strip(), []).append(row)
    for offset, (name, rows) in enumerate(sorted(lines.items())):
        rows = sorted(rows, key=lambda row: row["target"])
        x = [100 * row["target"] + 0.3 * (offset - 1) for row in rows]
        spread = [100 * row["spread"] for row in rows]
        axes.errorbar(x, [100 * row["mean"] for row in rows], yerr=spread, fmt="o-", capsize=3, label=name)
    axes.set_xlabel("zeros in every layer that can be sparse (search: the same flash), %")
    axes.set_ylabel("int8 accuracy on unseen speakers, %")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    save_figure(figure, path)


if __name__ == "__main__":
    typer.run(command)
