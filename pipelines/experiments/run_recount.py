"""Counts the networks of older comparisons again, with the engine of today, though their models were not kept.

What a dense network takes on a board depends on its architecture and the bits of its weights alone: in every comparison
of results/ all seeds of a dense variant gave the same counts, and random weights give them too. So dense variants are
made again from their recipes, untrained, and counted. Where zeros or shared values lie decides what the others take:
their counts, of an engine that is no more, are taken out. A sparse one has a forecast beside it: random weights, with
the recipe's share of zeros in every pruned layer.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from firmware_export.emulation.emulator import emulate
from kws_tfmot.evaluation.comparison_summary import summarise, write_comparison
from kws_tfmot.files import write_json
from kws_tfmot.provenance import own_commit
from kws_tfmot.recipe import Recipe
from pipelines.console import friendly_errors, line
from pipelines.experiments.search_experiment import REFERENCE, measured_on, with_changes
from pipelines.stages.export import COUNTED_BOARD, COUNTED_KEYS
from pipelines.stages.forecast import untrained_model

_SEARCHED = "searched "
_ESTIMATES = ("costs", "table_error")  # by the cost table of then


def command(
    files: Annotated[list[Path], typer.Argument(help="Results of `kws compare`, `kws sweep`, searches.")],
) -> None:
    """Write each file and its picture again, with today's counts of its dense networks and none of the others."""
    with friendly_errors():
        for path in files:
            record = recounted(json.loads(path.read_text(encoding="utf-8")))
            if "trials" in record:  # a sweep's picture shows no counts
                write_json(path, record)
            else:
                write_comparison(record, path.parent)
            known = [entry for entry in record["summary"] if entry["cycles"]]
            line(f"{path}: {len(known)} of {len(record['summary'])} variants counted", markup=False)


def recounted(record: dict[str, Any]) -> dict[str, Any]:
    """The record of a comparison, a sweep or the search experiments with boards, summary and searches of today."""
    recipes = recipes_of(record)
    boards = {variant: count(recipe) for variant, recipe in recipes.items() if is_dense(recipe)}
    forecasts = {variant: count(recipe) for variant, recipe in recipes.items() if is_foreseen(recipe)}
    rows = [row | {"board": boards.get(row["variant"])} for row in record["rows"]]
    rows = [row | ({"forecast": forecasts[row["variant"]]} if row["variant"] in forecasts else {}) for row in rows]
    new = record | {"rows": rows, "summary": summarise(rows, record["baseline"])}
    if "searches" in record:
        new["reference"] = measured_on(COUNTED_BOARD, recipes[record["baseline"]])
        new["searches"] = {
            name: _search_of_today(found, recipes[_SEARCHED + name]) for name, found in record["searches"].items()
        }
    return new


def recipes_of(record: dict[str, Any]) -> dict[str, Recipe]:
    """The recipe of every variant that the record holds; of searches, of the reference and the networks found."""
    if "recipes" in record:
        return {variant: Recipe.parse(values) for variant, values in record["recipes"].items()}
    base = Recipe.parse(record["recipe"])
    found = {record["baseline"]: with_changes(base, {"model": REFERENCE, "search": None})}
    for name, search in record["searches"].items():
        model = {
            "name": "mbconv",
            "width": search["space"]["width"],
            "mix": search["space"]["mix"],
            "cells": search["cells"],
        }
        found[_SEARCHED + name] = with_changes(base, {"model": model, "search": None})
    return found


def is_dense(recipe: Recipe) -> bool:
    """Whether the recipe alone says what its network takes on a board."""
    return recipe.sparsity is None and not recipe.quantization.clusters


def is_foreseen(recipe: Recipe) -> bool:
    """Whether zeros alone make the network another than the recipe's dense one, so that a forecast is near."""
    return recipe.sparsity is not None and not recipe.sparsity.shrink and not recipe.quantization.clusters


def count(recipe: Recipe) -> dict[str, Any]:
    """What a comparison keeps of the board, counted with random weights."""
    report = emulate(untrained_model(recipe), COUNTED_BOARD, random=1, optimise=recipe.export.optimise).to_dict()
    return {key: report[key] for key in COUNTED_KEYS} | {"commit": own_commit(), "weights": "random"}


def _search_of_today(found: dict[str, Any], recipe: Recipe) -> dict[str, Any]:
    new = {key: value for key, value in found.items() if key not in _ESTIMATES}
    new["most_probable"] = {"cells": found["most_probable"]["cells"]}
    new["history"] = [
        {key: value for key, value in epoch.items() if key != "expected_instructions"} for epoch in found["history"]
    ]
    return new | {"measured": measured_on(COUNTED_BOARD, recipe)}


if __name__ == "__main__":
    typer.run(command)
