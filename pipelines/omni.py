"""`kws omni`: one training for many sparsities; the best sub-network for a board; a set of them as firmware."""

from __future__ import annotations

import importlib
import json
from typing import Annotated, Any

import typer

from kws_tfmot.search.budget import check_board, describe, parse_budget
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
from pipelines.options import JsonOption, recipe_command
from pipelines.stages.build import Build
from pipelines.stages.omni import SUPERNET, open_subnetworks, train_supernet
from pipelines.stages.prepare import prepare_data


def train_work(build: Build) -> None:
    """Train the recipe's model as a supernet: as many epochs as a dense model, every sparsity afterwards."""
    from pipelines.stages.subnets_on_device import describe_space

    prepare_data(build)
    train_supernet(build)
    subnets = open_subnetworks(build)
    found = describe_space(build, subnets)["uniform"]
    rows = [
        [
            f"{100 * sparsity:g} %",
            f"{100 * subnets.zeros(subnets.space.uniform(level)):.2f} %",
            f"{100 * row['accuracy']:.2f} %",
            f"{row['loss']:.4f}",
        ]
        for level, (sparsity, row) in enumerate(zip(subnets.space.grid, found, strict=True))
    ]
    title = "every layer at one sparsity, float, validation clips"
    table(title, ["sparsity", "zeros, in whole groups", "accuracy", "loss"], rows)
    line(f"{build.run.path(SUPERNET)}: {len(subnets.space.layers)} layers, {len(subnets.space.grid)} sparsities each")


@group.command("search")
def search_command(
    budget: Annotated[
        str, typer.Option(help="For example flash=24kB,cycles=3M (also ram, instructions, macs, weights).")
    ],
    directory: RunOption,
    board: BoardOption = "",
    population: PopulationOption = 64,
    generations: GenerationsOption = 20,
    seed: SeedOption = 1,
    fitness: FitnessOption = "accuracy",
    as_json: JsonOption = False,
) -> None:
    """Find the sub-network with the best validation accuracy within a budget; no training, firmware at the end."""
    from pipelines.stages.subnets_on_device import open_costs, search

    with friendly_errors():
        limits = parse_budget(budget)
        check_board(limits, board)
        board = emulated(board) if board else ""
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
    line(f"missed on streams of test speakers at 0.5 false accepts an hour: {missed_text(row['stream'])}")
    line(f"{build.run.path(row['directory'])}: model_int8.tflite and firmware", markup=False)


group.command("train")(recipe_command(train_work))
importlib.import_module("pipelines.omni_set")  # adds `set` to the group

if __name__ == "__main__":
    group()
