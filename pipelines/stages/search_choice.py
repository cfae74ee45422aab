"""Stage `choose`: from learned choices to one network within the budget, measured, and written as a recipe.

The most probable network is the paper's. Candidates drawn from the probabilities are ranked by the weights of the
search. Those weights, shared by all, favour shallow networks and large windows; so the best candidates can be set
against networks drawn evenly within the budget, all trained for a few epochs from scratch, the better ones longer
(successive halving, Jamieson and Talwalkar 2016, arXiv 1502.07943).
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kws_tfmot.errors import BudgetError
from kws_tfmot.evaluation.search_plot import plot_search
from kws_tfmot.files import write_json, write_text
from kws_tfmot.models.mbconv_cells import ZERO, Cell
from kws_tfmot.recipe import Recipe
from kws_tfmot.runs import Run, StageResult
from kws_tfmot.search.budget import describe
from kws_tfmot.search.cells.cell_choice import Limits, costs_of, most_probable, random_networks
from kws_tfmot.search.cells.cell_search_settings import FINALS, CellSearchSettings
from kws_tfmot.search.cells.cell_space import CellSpace, Choice
from kws_tfmot.search.cells.costs import CellCosts
from pipelines.stages.build import Build
from pipelines.stages.draws import Draws
from pipelines.stages.train import dense_inputs, initial_network

LEARNED = "learned.json"
FOUND_RECIPE = "found.yaml"
RECORD = "search.json"
PLOT = "search.png"
# What a whole network really takes, in each unit that was measured.
Measure = Callable[[Sequence[Cell | None]], dict[str, float]]
_TRIES = 8  # networks whose measured cost may exceed the budget before it is given up
_LEAST = 0.8  # share of the budget that evenly drawn finalists take at least
_KEPT, _LONGER = 4, 3  # one of so many finalists stays for the second rung, which is so much longer


@dataclasses.dataclass(frozen=True)
class Choosing:
    """What a network is chosen from and by.

    Attributes:
        space: The networks.
        settings: How many candidates and finalists.
        tables: The costs that the budget is in.
        budget: The limit for each of them.
        measure: What a network really takes.
    """

    space: CellSpace
    settings: CellSearchSettings
    tables: Sequence[CellCosts]
    budget: Limits
    measure: Measure | None = None


def found_recipe(recipe: Recipe, space: CellSpace, choice: Choice, name: str = "") -> Recipe:
    """The recipe of one network of the space, for `kws build`."""
    values = recipe.model_dump(mode="json")
    values["model"] |= {"cells": list(space.texts(choice)), "blocks": None}
    return Recipe.parse(values | {"search": None, "name": name or f"{recipe.name}_found"})


def choose_network(build: Build, choosing: Choosing, learned_from: list[object], about: dict[str, Any]) -> bool:
    """Settle on a network, and write ``found.yaml``, ``search.json`` and ``search.png``; return whether it was done.

    Args:
        build: Whose run holds ``learned.json``.
        choosing: What from and by.
        learned_from: The inputs of the stage ``search``.
        about: Further facts for the record.

    Raises:
        BudgetError: If no network was found whose measured cost meets the budget.
    """
    space, settings, tables, budget = choosing.space, choosing.settings, choosing.tables, choosing.budget

    def work(key: str) -> StageResult:
        """The stage: candidates trained on, measured, and the first within the budget written as a recipe."""
        learned = json.loads(build.run.path(LEARNED).read_text(encoding="utf-8"))
        probabilities = [np.array(list(cell.values())) for cell in learned["probabilities"]]
        first = tuple(int(p.argmax()) for p in probabilities)
        candidates = [space.choice_of(row["cells"]) for row in learned["candidates"]]
        finals = _finals(build, choosing, candidates or [most_probable(probabilities, tables, budget)])
        ranked = [space.choice_of(row["cells"]) for row in finals] or candidates
        choice, measured = _first_within(choosing, ranked) or _most_probable_within(choosing, probabilities)
        if choice != first and not ranked:
            build.reporter.note(
                f"the most probable cells cost {costs_of(tables, first)}: {_changed(space, first, choice)} to meet the "
                "budget"
            )
        figures = {
            "cells": list(space.texts(choice)),
            "costs": costs_of(tables, choice),
            "measured": measured,
            "table_error": {unit: costs_of(tables, choice)[unit] / value - 1 for unit, value in measured.items()},
            "counts": {table.unit: table.of(choice) for table in (space.macs(), space.weights())},
            "budget": dict(budget),
            "repaired": choice != first and not ranked,
            "most_probable": {"cells": list(space.texts(first)), "costs": costs_of(tables, first)},
            "finals": finals,
            "space": dataclasses.asdict(space) | {"networks": str(space.size)},
        }
        record = about | learned | figures | {"settings": settings.model_dump(mode="json")}
        write_text(build.run.path(FOUND_RECIPE), found_recipe(build.recipe, space, choice).to_yaml())
        write_json(build.run.path(RECORD), record)
        plot_search(record, build.run.path(PLOT))
        return StageResult((FOUND_RECIPE, RECORD, PLOT), figures)

    inputs = [*learned_from, settings.model_dump(mode="json", include=set(FINALS))]
    return build.run.stage("choose", inputs, work, trains=True)


def _finals(build: Build, choosing: Choosing, candidates: list[Choice]) -> list[dict[str, Any]]:
    """The finalists, the best one first: cells, whether drawn evenly, and the validation loss of each rung."""
    if not choosing.settings.finalists:
        return []
    rows = finalists(choosing, candidates, build.reporter.note)
    with build.reporter.task("finals", None) as task:

        def loss_of(cells: list[str], epochs: int) -> float:
            """The validation loss of a candidate trained for so many epochs."""
            loss = _trained_loss(build, choosing.space, cells, epochs)
            task.advance()
            return loss

        return run_rungs(rows, choosing.settings.final_epochs, loss_of)


def finalists(choosing: Choosing, candidates: list[Choice], note: Callable[[str], None]) -> list[dict[str, Any]]:
    """The best candidates and as many evenly drawn networks, all different; fewer where the budget allows no more."""
    number, space = choosing.settings.finalists, choosing.space
    half = _distinct(space, candidates)[: number - number // 2]
    drawn: list[Choice] = []
    # Some of those drawn are candidates too, or equal but for which cells are left out.
    for count in (2 * number, number // 2):
        try:
            drawn = random_networks(space, choosing.tables, choosing.budget, count, choosing.settings.seed + 1, _LEAST)
            break
        except BudgetError as err:
            refusal = err
    else:
        note(f"finals among the candidates alone: {refusal}")
    return [
        {"cells": list(space.texts(choice)), "drawn_evenly": choice not in half, "validation_loss": []}
        for choice in _distinct(space, [*half, *drawn])[:number]
    ]


def run_rungs(
    rows: list[dict[str, Any]], epochs: int, loss_of: Callable[[list[str], int], float]
) -> list[dict[str, Any]]:
    """Train all, the best quarter of eight or more again and longer; the last losses are appended, the best one first.

    >>> rows = [{"cells": [str(i)], "validation_loss": []} for i in range(8)]
    >>> best = run_rungs(rows, 2, lambda cells, epochs: abs(5.2 - int(cells[0])) / epochs)
    >>> [(row["cells"][0], len(row["validation_loss"])) for row in best[:3]]
    [('5', 2), ('6', 2), ('4', 1)]
    """
    rungs = [(list(rows), epochs)]
    for rung, (running, length) in enumerate(rungs):
        for row in running:
            row["validation_loss"].append(loss_of(row["cells"], length))
        running.sort(key=lambda row: row["validation_loss"][-1])
        if rung == 0 and len(running) >= 2 * _KEPT:
            rungs.append((running[: len(running) // _KEPT], _LONGER * epochs))
    return sorted(rows, key=lambda row: (-len(row["validation_loss"]), row["validation_loss"][-1]))


def _distinct(space: CellSpace, choices: Sequence[Choice]) -> list[Choice]:
    """The first of each network: it does not matter which of the cells are left out, only what remains."""
    found: dict[tuple[str, ...], Choice] = {}
    for choice in choices:
        found.setdefault(tuple(text for text in space.texts(choice) if text != ZERO), choice)
    return list(found.values())


def _trained_loss(build: Build, space: CellSpace, cells: list[str], epochs: int) -> float:
    """Validation cross-entropy of a network after ``epochs`` epochs from scratch; each training is a run of its own."""
    from kws_tfmot.training.loop import Plugins
    from pipelines.stages.fitting import fit

    recipe = found_recipe(build.recipe, space, space.choice_of(cells))
    train = recipe.train.model_copy(
        update={"epochs": epochs, "warmup_epochs": min(recipe.train.warmup_epochs, epochs / 4), "select": "last"}
    )
    name = "-".join(cells).replace(" ", "")
    own = dataclasses.replace(
        build, recipe=recipe.model_copy(update={"train": train}), run=Run(build.run.path(f"finals/{name}"))
    )
    own.__dict__["index"] = build.index

    def work(key: str) -> StageResult:
        """The stage: a candidate trained from nothing; its last validation loss."""
        result = fit(own, initial_network(own), train, f"train-{epochs}", key, Plugins(), Draws.DENSE)
        return StageResult((), {"validation_loss": float(result.history[-1]["val_loss"])})

    own.run.stage(f"train-{epochs}", dense_inputs(own), work, trains=True)
    return own.run.figures(f"train-{epochs}")["validation_loss"]


def _first_within(choosing: Choosing, ranked: Sequence[Choice]) -> tuple[Choice, dict[str, float]] | None:
    """The first network whose measured cost is within the budget, and that cost."""
    for choice in ranked[:_TRIES]:
        measured = choosing.measure(choosing.space.cells_of(choice)) if choosing.measure else {}
        if all(value <= choosing.budget[unit] for unit, value in measured.items()):
            return choice, measured
    return None


def _most_probable_within(choosing: Choosing, probabilities: list[Any]) -> tuple[Choice, dict[str, float]]:
    """The most probable network whose measured cost is within the budget, and that cost."""
    budget, limits = choosing.budget, dict(choosing.budget)
    for _ in range(_TRIES):
        choice = most_probable(probabilities, choosing.tables, limits)
        measured = choosing.measure(choosing.space.cells_of(choice)) if choosing.measure else {}
        over = {unit: measured[unit] / budget[unit] for unit in measured if measured[unit] > budget[unit]}
        if not over:
            return choice, measured
        limits |= {unit: min(limits[unit], budget[unit]) / ratio * (1 - 1e-4) for unit, ratio in over.items()}
    raise BudgetError(
        f"after {_TRIES} choices no network was found whose measured cost meets the budget {describe(budget)}. The "
        f"last took {describe(measured)}.",
        "Raise the budget a little, or set search.margin below 1.",
    )


def _changed(space: CellSpace, before: Choice, after: Choice) -> str:
    pairs = zip(space.texts(before), space.texts(after), strict=True)
    return ", ".join(f"cell {i} from {a} to {b}" for i, (a, b) in enumerate(pairs, start=1) if a != b)
