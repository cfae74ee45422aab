"""`kws search`: the cells of an MBConv network, searched under a budget; what is found is a recipe for `kws build`."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from firmware_export.search_costs.cell_costs import DeviceCosts
from kws_tfmot.files import write_json, write_text
from kws_tfmot.provenance import own_commit, versions
from kws_tfmot.search.budget import check_board, describe, parse_budget
from kws_tfmot.search.cells.cell_choice import cheapest, costs_of, random_networks
from kws_tfmot.search.cells.costs import CellCosts
from pipelines.boards import emulated
from pipelines.console import friendly_errors, line, table
from pipelines.options import (
    DataOption,
    ForceOption,
    JsonOption,
    KeywordsOption,
    RecipeArgument,
    SetOption,
    SpeakerOption,
    open_build,
)
from pipelines.outputs import FolderOption
from pipelines.stages.build import Build
from pipelines.stages.prepare import prepare_data
from pipelines.stages.search_cells import search_cells, space_of
from pipelines.stages.search_choice import FOUND_RECIPE, RECORD, found_recipe

BudgetOption = Annotated[
    str, typer.Option(help="For example macs=2.7M, or flash=34kB,ram=9kB,cycles=5M (also instructions, weights).")
]


def command(
    recipe: RecipeArgument,
    budget: BudgetOption,
    board: Annotated[
        str, typer.Option(help="For flash, ram, instructions, cycles: a board, see `kws emulate --help`.")
    ] = "",
    data: DataOption = "synthetic",
    out_dir: Annotated[
        Path | None, FolderOption("--out", help="The search's directory; runs/search/NAME of the recipe.")
    ] = None,
    overrides: SetOption = [],  # noqa: B006 - typer copies it
    keywords: KeywordsOption = "",
    speaker_pattern: SpeakerOption = "",
    random: Annotated[int, typer.Option(min=0, help="Draw so many random networks instead, as recipes.")] = 0,
    least: Annotated[float, typer.Option(min=0, max=1, help="--random: share of the budget they take.")] = 0.8,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Search the cells of a recipe's MBConv network under a budget; or draw networks at random, to compare with."""
    with friendly_errors():
        limits = parse_budget(budget)
        check_board(limits, board)
        board = emulated(board) if board else ""
        build = open_build(recipe, data, out_dir, overrides, keywords, speaker_pattern, force, "search")
        with build.run.locked():
            costs = DeviceCosts(space_of(build), limits, board, build.reporter)
            tables = costs.tables()
            cheapest(tables, limits)  # an impossible budget is refused here
            prepare_data(build)
            if random:
                found: Any = draw(build, tables, limits, random, least)
            else:
                search_cells(build, tables, limits, about(board), costs.measure)
                found = json.loads(build.run.path(RECORD).read_text(encoding="utf-8"))
        if as_json:
            typer.echo(json.dumps(found, indent=2))
        else:
            (show_random if random else show)(build, found)


def about(board: str) -> dict[str, Any]:
    """What the record says of how it was made."""
    command_line = shlex.join(["kws", "search", *sys.argv[1 + (sys.argv[1:2] == ["search"]) :]])
    return {"command": command_line, "commit": own_commit(), "versions": versions(), "board": board or None}


def draw(
    build: Build, tables: list[CellCosts], limits: dict[str, float], number: int, least: float
) -> list[dict[str, Any]]:
    """Random networks of the space within the budget, each a recipe in ``random``; rows of what they cost."""
    space = space_of(build)
    rows = []
    choices = random_networks(space, tables, limits, number, build.recipe.seed, least)
    for i, choice in enumerate(choices, start=1):
        name = f"random/{build.recipe.name}_random{i}.yaml"
        recipe = found_recipe(build.recipe, space, choice, Path(name).stem)
        write_text(build.run.path(name), recipe.to_yaml())
        rows.append({"recipe": name, "cells": list(space.texts(choice)), "costs": costs_of(tables, choice)})
    write_json(build.run.path("random/random.json"), {"budget": limits, "least": least, "networks": rows})
    return rows


def show(build: Build, found: dict[str, Any]) -> None:
    """The cells, what they cost, and the way on."""
    rows = [
        [f"cell {i}", cell, f"{100 * p[cell]:.0f} %", max(p, key=lambda name: p[name])]
        for i, (cell, p) in enumerate(zip(found["cells"], found["probabilities"], strict=True), start=1)
    ]
    table(
        f"found among {int(found['space']['networks']):,} networks", ["", "cell", "probability", "most probable"], rows
    )
    line(f"budget {describe(found['budget'])}; the network takes {describe(found['counts'] | found['costs'])}")
    if found["measured"]:
        errors = ", ".join(f"{unit} {100 * error:+.3f} %" for unit, error in found["table_error"].items())
        line(f"measured on {found['board']}: {describe(found['measured'])}; error of the cost table: {errors}")
    if found["repaired"]:
        before = describe(found["most_probable"]["costs"])
        line(f"the most probable cells, which take {before}, were changed to meet the budget")
    path = build.run.path(FOUND_RECIPE)
    line(f"train it: kws build {path} --data {shlex.quote(build.source)}", markup=False)


def show_random(build: Build, rows: list[dict[str, Any]]) -> None:
    """The networks drawn and where their recipes lie."""
    table(
        "random networks", ["recipe", "cost", "cells"],
        [[row["recipe"], describe(row["costs"]), ", ".join(row["cells"])] for row in rows],
    )  # fmt: skip
    line(f"{build.run.path('random')}", markup=False)


if __name__ == "__main__":
    typer.run(command)
