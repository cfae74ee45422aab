"""`kws omni set`: from one training, int8 files and firmware along the front of flash against accuracy."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated, Any

import typer

from kws_tfmot.errors import RecipeError, did_you_mean
from kws_tfmot.evaluation.plots import new_figure, save_figure
from kws_tfmot.files import replacing, write_json
from kws_tfmot.provenance import versions
from kws_tfmot.search.budget import KEYS
from pipelines.boards import emulated
from pipelines.compare_view import missed_text
from pipelines.console import friendly_errors, line, table
from pipelines.omni_options import (
    BoardOption,
    FitnessOption,
    GenerationsOption,
    PopulationOption,
    RunOption,
    SeedOption,
    evolution,
    group,
    open_run,
)
from pipelines.stages.build import Build
from pipelines.stages.convert import INT8_MODEL
from pipelines.stages.omni import open_subnetworks

SET = "set"


@group.command("set")
def set_command(
    directory: RunOption,
    board: BoardOption = "mps2-an386",
    models: Annotated[int, typer.Option(min=1, help="Budgets between the sparsest and the dense sub-network.")] = 12,
    by: Annotated[
        str, typer.Option(help="What the budgets are of: flash, ram, instructions, cycles, macs or weights.")
    ] = ("flash"),
    uniform: Annotated[
        bool, typer.Option(help="No search: every layer at one sparsity, for each of the grid.")
    ] = False,
    population: PopulationOption = 32,
    generations: GenerationsOption = 8,
    seed: SeedOption = 1,
    fitness: FitnessOption = "loss",
) -> None:
    """Make int8 models and firmware of several sizes from one supernet, all checked and emulated; table, plot, JSON."""
    with friendly_errors():
        if by not in KEYS:
            raise RecipeError(f"unknown cost {by!r}.{did_you_mean(by, KEYS)} Allowed: {', '.join(KEYS)}.")
        board = emulated(board)
        settings = evolution(population, generations, seed, fitness)
        build = open_run(directory)
        with build.run.locked():
            rows = make_set(build, board, models, by, uniform, settings)
            record = {"board": board, "by": by, "uniform": uniform, "models": rows, "versions": versions()}
            record |= {"search": None if uniform else settings.model_dump(mode="json")}
            write_json(build.run.path(f"{SET}/set.json"), record)
            plot(rows, build.run.path(f"{SET}/set.png"))
        show(build, rows)
        if not uniform and len(rows) < models:
            line(f"{models - len(rows)} of {models} budgets bring nothing that a smaller one does not")


@group.command("menu", hidden=True, context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
def former_name() -> None:
    """`kws omni set` as it was called before."""
    with friendly_errors():
        raise RecipeError("`kws omni menu` is called `kws omni set` now.", "Give the same options to it.")


def make_set(build: Build, board: str, models: int, by: str, uniform: bool, settings: Any) -> list[dict[str, Any]]:
    """Choose the sub-networks, carry each through to firmware, and put the files into the run's ``set``."""
    from pipelines.stages.subnets_on_device import finish, open_costs, open_log, set_choice, uniform_choice

    subnets = open_subnetworks(build)
    costs, log = open_costs(build, subnets, board), open_log(build, subnets)
    if uniform:
        chosen = [log.evaluate(levels) for levels in uniform_choice(subnets.space)]
        log.save()
    else:
        chosen = [c for c, _ in set_choice(subnets.space, log, costs, by, models, settings, build)]
    rows = []
    with build.reporter.task("firmware", len(chosen)) as task:
        for candidate in chosen:
            row = finish(build, subnets, candidate.levels, board)
            row["validation"] = {"accuracy": candidate.accuracy, "loss": candidate.loss}
            row["estimate"] = costs(candidate.levels)
            rows.append(row | {"file": _copy(build, row)})
            task.advance(1, f"{row['board']['flash']:,} B")
    return sorted(rows, key=lambda row: row["board"][by])


def _copy(build: Build, row: dict[str, Any]) -> str:
    """The model under a name that says how much flash its firmware takes."""
    name = f"{SET}/model_int8_{row['board']['flash'] / 1000:.1f}kB.tflite"
    with replacing(build.run.path(name)) as temporary:
        shutil.copyfile(build.run.path(row["directory"]) / INT8_MODEL, temporary)
    return name


def show(build: Build, rows: list[dict[str, Any]]) -> None:
    """A line for each model."""
    cells = [
        [
            row["file"],
            f"{100 * row['zero_share']:.1f} %",
            *(f"{row['board'][key]:,}" for key in ("flash", "ram", "instructions", "cycles", "macs")),
            f"{100 * row['validation']['accuracy']:.2f} %",
            f"{100 * row['test']['accuracy']:.2f} %",
            missed_text(row["stream"]),
        ]
        for row in rows
    ]
    board = rows[0]["board"]
    table(
        f"counted on {board['board']} ({board['core']}), every output byte equal; N = {rows[0]['test']['n']}",
        [
            "file",
            "zeros",
            "flash, B",
            "RAM, B",
            "instructions",
            "cycles",
            "MACs",
            "validation, float",
            "test, int8",
            "missed",
        ],
        cells,
    )
    line("missed: of the keywords on a stream of test speakers, at 0.5 false accepts an hour on validation speakers")
    for row in rows:
        line(f"{row['file']}: firmware in {build.run.path(row['directory'])}/firmware", markup=False)


def plot(rows: list[dict[str, Any]], path: Path) -> None:
    """Accuracy against flash, with the interval of the test accuracy."""
    figure = new_figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.add_subplot()
    x = [row["board"]["flash"] / 1000 for row in rows]
    test = [100 * row["test"]["accuracy"] for row in rows]
    low = [100 * (row["test"]["accuracy"] - row["test"]["interval_95"][0]) for row in rows]
    high = [100 * (row["test"]["interval_95"][1] - row["test"]["accuracy"]) for row in rows]
    axes.errorbar(x, test, yerr=[low, high], fmt="o-", capsize=3, label=f"int8, test, N = {rows[0]['test']['n']}")
    axes.plot(x, [100 * row["validation"]["accuracy"] for row in rows], "s--", alpha=0.6, label="float, validation")
    axes.set_xlabel(f"flash of the whole firmware on {rows[0]['board']['core']}, kB")
    axes.set_ylabel("accuracy, %")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    save_figure(figure, path)
