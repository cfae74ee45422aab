"""The search on a space whose answers are known."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest

from kws_tfmot.errors import BudgetError, RecipeError
from kws_tfmot.search.budget import excess, parse_budget
from kws_tfmot.search.omni.evolution import EvaluationLog, evolve, fill, repair
from kws_tfmot.search.omni.omni_settings import EvolutionSettings
from kws_tfmot.search.omni.subnet_space import Levels, Space

SPACE = Space(("a", "b", "c", "d"), (100, 400, 400, 50), (0.0, 0.5, 0.75, 0.9))
WORTH = (5.0, 0.2, 2.0, 1.0)  # what a kept share of each layer is worth
QUICK = EvolutionSettings(population=24, generations=10, parents=6, seed=3)


def cost(levels: Levels) -> dict[str, float]:
    kept = sum((1 - SPACE.grid[level]) * n for level, n in zip(levels, SPACE.weights, strict=True))
    return {"weights": kept + 10, "macs": 3 * kept}


def score(levels: Levels) -> tuple[float, float]:
    loss = sum(w * SPACE.grid[level] ** 2 for level, w in zip(levels, WORTH, strict=True))
    return 1 - loss / 10, loss


def best_possible(budget: dict[str, float]) -> Levels:
    every = itertools.product(range(len(SPACE.grid)), repeat=len(SPACE.layers))
    return min((levels for levels in every if not excess(cost(levels), budget)), key=lambda levels: score(levels)[1])


@pytest.mark.parametrize("limit", [150, 300, 500, 800, 960])
@pytest.mark.parametrize("fitness", ["accuracy", "loss"])
def test_it_finds_the_best_within_the_budget(limit: int, fitness: str) -> None:
    budget = {"weights": float(limit)}
    settings = QUICK.model_copy(update={"fitness": fitness})
    result = evolve(SPACE, EvaluationLog(None, "", score), cost, budget, settings)
    assert result.best.levels == best_possible(budget)
    assert all(excess(cost(candidate.levels), budget) == 0 for candidate in result.candidates)
    accuracies = [row["accuracy"] for row in result.history]
    assert accuracies == sorted(accuracies) and len(accuracies) == QUICK.generations + 1


def test_several_limits_hold_together() -> None:
    budget = {"weights": 400.0, "macs": 900.0}
    result = evolve(SPACE, EvaluationLog(None, "", score), cost, budget, QUICK)
    assert result.best.levels == best_possible(budget)


def test_a_search_is_a_function_of_its_seed_and_goes_on_where_it_was_cut_off(tmp_path) -> None:
    budget, path = {"weights": 300.0}, tmp_path / "log.json"
    whole = evolve(SPACE, EvaluationLog(None, "x", score), cost, budget, QUICK)
    evaluated = []

    def cut_off(levels: Levels) -> tuple[float, float]:
        if len(evaluated) == 40:
            raise KeyboardInterrupt
        evaluated.append(levels)
        return score(levels)

    with pytest.raises(KeyboardInterrupt):
        evolve(SPACE, EvaluationLog(path, "x", cut_off, save_every=1), cost, budget, QUICK)
    again = []

    def counted(levels: Levels) -> tuple[float, float]:
        again.append(levels)
        return score(levels)

    resumed = evolve(SPACE, EvaluationLog(path, "x", counted), cost, budget, QUICK)
    assert resumed == whole
    assert not set(again) & set(evaluated) and len(again) + len(evaluated) == whole.evaluations
    stored = json.loads(path.read_text())["evaluations"]
    assert len(stored) == whole.evaluations

    again.clear()
    evolve(SPACE, EvaluationLog(path, "another supernet", counted), cost, budget, QUICK)
    assert len(again) == whole.evaluations  # figures of another supernet are worth nothing


def test_what_cannot_be_met_says_what_can() -> None:
    with pytest.raises(BudgetError, match=r"weights 50 B.*smallest achievable: weights 105 B.*90 % zeros"):
        evolve(SPACE, EvaluationLog(None, "", score), cost, {"weights": 50.0}, QUICK)


def test_repairs_and_fillings_meet_the_budget_and_touch_it() -> None:
    rng, budget = np.random.default_rng(0), {"weights": 420.0}
    for _ in range(50):
        fitted = repair(SPACE, SPACE.random(rng), cost, budget, rng)
        full = fill(SPACE, fitted, cost, budget, rng)
        assert excess(cost(fitted), budget) == excess(cost(full), budget) == 0
        for i in range(4):
            if full[i]:
                denser = (*full[:i], full[i] - 1, *full[i + 1 :])
                assert excess(cost(denser), budget) > 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("flsh=24kB", r"unknown budget 'flsh'. Did you mean 'flash'\?"),
        ("flash", "expected key=value"),
        ("flash=24kg", "unit of 'B', 'kB'"),
        ("instructions=3kB", "unit of 'k', 'K', 'M'"),
        ("flash=0", "positive number"),
        ("flash=1kB,flash=2kB", "given twice"),
    ],
)
def test_wrong_budgets_are_reported(text: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        parse_budget(text)
