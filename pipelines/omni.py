"""`kws omni`: one training for many sparsities; the best sub-network for a board; a menu of them as firmware."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from firmware_export.boards import board_of
from kws_tfmot.errors import RecipeError
from kws_tfmot.recipe import load_recipe
from kws_tfmot.runs import Run
from kws_tfmot.search.budget import check_board, describe, parse_budget
from kws_tfmot.search.settings import EvolutionSettings
from kws_tfmot.stages.build import Build
from kws_tfmot.stages.omni import SUPERNET, open_subnetworks, train_supernet
from kws_tfmot.stages.prepare import DATA_FILE, RECIPE_FILE, prepare_data
from pipelines.console import RichReporter, friendly_errors, line, table
from pipelines.options import JsonOption, recipe_command

group = typer.Typer(no_args_is_help=True)

RunOption = Annotated[Path, typer.Option("--out", help="The run that `kws omni train` has filled.")]
BoardOption = Annotated[str, typer.Option("--board", help="An emulated board, see `kws emulate --help`.")]
PopulationOption = Annotated[int, typer.Option(help="Sub-networks of a generation.")]
GenerationsOption = Annotated[int, typer.Option(help="Generations of the search.")]
SeedOption = Annotated[int, typer.Option(help="Of the search.")]
FitnessOption = Annotated[str, typer.Option(help="accuracy or loss, on the validation clips.")]


def train_work(build: Build) -> None:
    """Train the recipe's model as a supernet: as many epochs as a dense model, every sparsity afterwards."""
    from firmware_export.subnet_stage import describe_space

    prepare_data(build)
    train_supernet(build)
    subnets = open_subnetworks(build)
    found = describe_space(build, subnets)["uniform"]
    rows = [
        [f"{100 * sparsity:g} %", f"{100 * row['accuracy']:.2f} %", f"{row['loss']:.4f}"]
        for sparsity, row in zip(subnets.space.grid, found, strict=True)
    ]
    table("every layer at one sparsity, float, validation clips", ["zeros", "accuracy", "loss"], rows)
    line(f"{build.run.path(SUPERNET)}: {len(subnets.space.layers)} layers, {len(subnets.space.grid)} sparsities each")


def open_run(directory: Path) -> Build:
    """The build that `kws omni train` left in ``directory``.

    Raises:
        RecipeError: If there is none.
    """
    if not (directory / SUPERNET).is_file():
        raise RecipeError(
            f"there is no trained supernet in {directory}.", "Train one: kws omni train RECIPE --out DIR."
        )
    recipe = load_recipe(directory / RECIPE_FILE)
    source = json.loads((directory / DATA_FILE).read_text(encoding="utf-8"))["source"]
    return Build(recipe, source, Run(directory), RichReporter())


@group.command("search")
def search_command(
    budget: Annotated[str, typer.Option(help="For example flash=24kB,instructions=3M (also ram, macs, weights).")],
    directory: RunOption = Path("runs/kws"),
    board: BoardOption = "",
    population: PopulationOption = 64,
    generations: GenerationsOption = 20,
    seed: SeedOption = 1,
    fitness: FitnessOption = "accuracy",
    as_json: JsonOption = False,
) -> None:
    """Find the sub-network with the best validation accuracy within a budget; no training, firmware at the end."""
    from firmware_export.subnet_stage import open_costs, search

    with friendly_errors():
        limits = parse_budget(budget)
        check_board(limits, board)
        if board:
            board_of(board)
        settings = evolution(population, generations, seed, fitness)
        build = open_run(directory)
        with build.run.locked():
            subnets = open_subnetworks(build)
            costs = open_costs(build, subnets, board or None)
            row = search(build, subnets, costs, limits, settings, board or None)
        if as_json:
            typer.echo(json.dumps(row, indent=2))
        else:
            show_found(build, row, limits)


def evolution(population: int, generations: int, seed: int, fitness: str) -> EvolutionSettings:
    """Settings from options; fewer parents for small populations."""
    values = {"population": population, "generations": generations, "seed": seed, "fitness": fitness}
    return EvolutionSettings.parse(values | {"parents": max(1, min(16, population // 4))})


def show_found(build: Build, row: dict[str, Any], budget: dict[str, float]) -> None:
    """The sub-network, its costs and where its firmware lies."""
    layers = [[name, f"{100 * value:g} %"] for name, value in row["sparsities"].items()]
    table(f"the best of {row['evaluations']:,} sub-networks within {describe(budget)}", ["layer", "zeros"], layers)
    line(f"estimated: {describe(row['estimate'])}")
    if "board" in row:
        line(f"counted on {row['board']['board']}: {describe(row['board'])}; every output byte equal to TFLM's")
    low, high = row["test"]["interval_95"]
    line(
        f"validation (float) {100 * row['validation']['accuracy']:.2f} %; test int8 "
        f"{100 * row['test']['accuracy']:.2f} % ({100 * low:.1f} to {100 * high:.1f}), N = {row['test']['n']}"
    )
    line(f"{build.run.path(row['directory'])}: model_int8.tflite and firmware", markup=False)


group.command("train")(recipe_command(train_work))
importlib.import_module("pipelines.omni_menu")  # adds `menu` to the group

if __name__ == "__main__":
    group()
