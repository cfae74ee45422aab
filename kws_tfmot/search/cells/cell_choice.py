"""From probabilities to a network: what a budget allows, the most probable network within it, and random ones."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from kws_tfmot.errors import BudgetError
from kws_tfmot.search.budget import describe
from kws_tfmot.search.cells.cell_space import CellSpace, Choice
from kws_tfmot.search.cells.choices import Float64
from kws_tfmot.search.cells.costs import CellCosts

Limits = Mapping[str, float]  # the budget in each unit
_DRAWS = 50  # draws for each network asked for: most may be over the budget, or the same


def costs_of(costs: Sequence[CellCosts], choice: Sequence[int]) -> dict[str, float]:
    """What a network costs in each unit."""
    return {table.unit: table.of(choice) for table in costs}


def meets(costs: Sequence[CellCosts], choice: Sequence[int], budget: Limits) -> bool:
    """Whether a network is within the budget."""
    return all(table.of(choice) <= budget[table.unit] for table in costs)


def cheapest(costs: Sequence[CellCosts], budget: Limits) -> Choice:
    """A network within the budget, the cheapest of one of the units.

    Raises:
        BudgetError: If there is none, naming the smallest achievable.
    """
    for table in costs:
        choice = tuple(int(np.argmin(row)) for row in table.cells)
        if meets(costs, choice, budget):
            return choice
    least = describe({table.unit: table.least() for table in costs})
    raise BudgetError(
        f"no network of the space meets the budget {describe(budget)}. The smallest achievable: {least}.",
        "Raise the budget, or lower model.width or model.mix.",
    )


def excess(costs: Sequence[CellCosts], choice: Sequence[int], budget: Limits) -> float:
    """How far a network is over the budget: 0 where it fits; with a maximum every cell that is over counts."""
    over = 0.0
    for table in costs:
        limit = budget[table.unit]
        parts = [row[j] for row, j in zip(table.cells, choice, strict=True)]
        parts = parts if table.combine == "max" else [table.of(choice)]
        over += sum(max(0.0, part / limit - 1.0) for part in parts)
    return over


def most_probable(probabilities: Sequence[Float64], costs: Sequence[CellCosts], budget: Limits) -> Choice:
    """The most probable network within the budget, or nearly so.

    It begins with the most probable operation of every cell. While that is over the budget, the one change with the
    least ``log p`` lost for each unit of excess follows; then single changes and pairs of them that fit and are
    more probable.

    Raises:
        BudgetError: As :func:`cheapest`.
    """
    fallback = cheapest(costs, budget)
    logs = [np.log(np.maximum(p, 1e-300)) for p in probabilities]
    choice = tuple(int(p.argmax()) for p in probabilities)
    while (over := excess(costs, choice, budget)) > 0:
        best: tuple[float, Choice] | None = None
        for i, j in _changes(logs):
            changed = _with(choice, i, j)
            gain = over - excess(costs, changed, budget)
            if gain > 1e-12:
                price = (logs[i][choice[i]] - logs[i][j]) / gain
                best = min(best, (price, changed)) if best else (price, changed)
        if best is None:
            choice = fallback
            break
        choice = best[1]
    return _improved(choice, logs, costs, budget)


def _improved(choice: Choice, logs: Sequence[Float64], costs: Sequence[CellCosts], budget: Limits) -> Choice:
    while True:
        singles = _changes(logs)
        candidates = [(s,) for s in singles] + [
            pair for pair in itertools.combinations(singles, 2) if pair[0][0] < pair[1][0]
        ]
        gains = [(sum(logs[i][j] - logs[i][choice[i]] for i, j in parts), parts) for parts in candidates]
        better = sorted(((gain, parts) for gain, parts in gains if gain > 1e-9), reverse=True)
        for _, parts in better:
            changed = choice
            for i, j in parts:
                changed = _with(changed, i, j)
            if meets(costs, changed, budget):
                choice = changed
                break
        else:
            return choice


def _changes(logs: Sequence[Float64]) -> list[tuple[int, int]]:
    return [(i, j) for i, row in enumerate(logs) for j in range(len(row))]


def _with(choice: Choice, cell: int, operation: int) -> Choice:
    return (*choice[:cell], operation, *choice[cell + 1 :])


def drawn_networks(
    probabilities: Sequence[Float64], costs: Sequence[CellCosts], budget: Limits, number: int, seed: int
) -> list[Choice]:
    """Up to ``number`` different networks within the budget, each cell drawn with its probabilities.

    >>> drawn_networks([np.array([0.5, 0.5])], [CellCosts("macs", 0.0, ((1.0, 3.0),))], {"macs": 2.0}, 5, seed=0)
    [(0,)]
    """
    rng = np.random.default_rng(seed)
    found: dict[Choice, None] = {}
    for _ in range(_DRAWS * number):
        choice = tuple(int(rng.choice(len(p), p=p)) for p in probabilities)
        if meets(costs, choice, budget):
            found[choice] = None
            if len(found) == number:
                break
    return list(found)


def random_networks(
    space: CellSpace,
    costs: Sequence[CellCosts],
    budget: Limits,
    number: int,
    seed: int,
    least: float = 0.8,
    steps: int = 400,
) -> list[Choice]:
    """Different networks drawn evenly among those that take ``least`` to 1 of the budget.

    What is counted is the largest share of a limit. Each network is the end of a walk of ``steps`` random changes of
    one cell, kept while they stay in (or, before, come nearer to) that range: a Metropolis walk whose limit is the
    even distribution.

    Raises:
        BudgetError: If no network is within the budget, or fewer than ``number`` were found.
    """
    cheapest(costs, budget)
    rng = np.random.default_rng(seed)
    found: list[Choice] = []
    for _ in range(20 * number):
        choice = tuple(int(rng.integers(len(space.operations(i)))) for i in range(space.cells))
        away = _distance(costs, choice, budget, least)
        for _ in range(steps):
            i = int(rng.integers(space.cells))
            changed = _with(choice, i, int(rng.integers(len(space.operations(i)))))
            distance = _distance(costs, changed, budget, least)
            if distance <= away:
                choice, away = changed, distance
        if away == 0 and choice not in found:
            found.append(choice)
            if len(found) == number:
                return found
    raise BudgetError(
        f"found {len(found)} of {number} random networks that take {100 * least:g} to 100 % of {describe(budget)}.",
        "Ask for fewer, or give another budget.",
    )


def _distance(costs: Sequence[CellCosts], choice: Choice, budget: Limits, least: float) -> float:
    share = max(table.of(choice) / budget[table.unit] for table in costs)
    return max(0.0, share - 1.0, least - share)
