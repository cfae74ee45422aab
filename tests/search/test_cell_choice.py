from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest

from kws_tfmot.errors import BudgetError
from kws_tfmot.search.cells.cell_choice import cheapest, meets, most_probable, random_networks
from kws_tfmot.search.cells.cell_space import CellSpace
from kws_tfmot.search.cells.choices import softmax

SPACE = CellSpace(width=8, mix=12, cells=3, input_shape=(49, 10), classes=5, kernels=(3, 7), expansions=(1, 3))
TABLES = [SPACE.macs(), SPACE.weights()]


def networks() -> list[tuple[int, ...]]:
    return list(itertools.product(*(range(len(SPACE.operations(i))) for i in range(SPACE.cells))))


def probabilities(seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [softmax(2 * rng.normal(size=len(SPACE.operations(i)))) for i in range(SPACE.cells)]


def likelihood(p: list[np.ndarray], choice: tuple[int, ...]) -> float:
    return float(np.sum([np.log(row[j]) for row, j in zip(p, choice, strict=True)]))


@pytest.mark.parametrize("share", [0.15, 0.4, 0.8, 1.0])
@pytest.mark.parametrize("seed", range(5))
def test_the_network_found_is_the_most_probable_within_the_budget(share: float, seed: int) -> None:
    budget = {t.unit: t.least() + share * (t.most() - t.least()) for t in TABLES}
    p = probabilities(seed)
    choice = most_probable(p, TABLES, budget)
    assert meets(TABLES, choice, budget)
    best = max(likelihood(p, other) for other in networks() if meets(TABLES, other, budget))
    assert likelihood(p, choice) == pytest.approx(best)


def test_a_budget_that_the_likeliest_network_meets_changes_nothing() -> None:
    p = probabilities(1)
    assert most_probable(p, TABLES, {t.unit: t.most() for t in TABLES}) == tuple(int(row.argmax()) for row in p)


def test_an_impossible_budget_names_the_smallest_achievable() -> None:
    least = SPACE.macs().least()
    with pytest.raises(BudgetError, match=f"smallest achievable: macs {least:,.0f}"):
        cheapest([SPACE.macs()], {"macs": least - 1})


def test_random_networks_differ_keep_the_budget_and_use_it() -> None:
    budget = {"macs": SPACE.macs().least() + 0.5 * (SPACE.macs().most() - SPACE.macs().least())}
    found = random_networks(SPACE, [SPACE.macs()], budget, 6, seed=3)
    assert len(set(found)) == 6
    assert all(0.8 * budget["macs"] <= SPACE.macs().of(choice) <= budget["macs"] for choice in found)
    assert found == random_networks(SPACE, [SPACE.macs()], budget, 6, seed=3)
    assert found != random_networks(SPACE, [SPACE.macs()], budget, 6, seed=4)


def test_random_networks_are_drawn_evenly() -> None:
    """Every network in the range comes up about as often: a chi-square test with a fixed seed."""
    budget = {"macs": SPACE.macs().least() + 0.5 * (SPACE.macs().most() - SPACE.macs().least())}
    allowed = [c for c in networks() if 0.8 * budget["macs"] <= SPACE.macs().of(c) <= budget["macs"]]
    seeds = range(20 * len(allowed))
    seen = Counter(random_networks(SPACE, [SPACE.macs()], budget, 1, seed, steps=60)[0] for seed in seeds)
    assert set(seen) == set(allowed)
    chi_square = sum((seen[c] - 20) ** 2 / 20 for c in allowed)
    assert chi_square < len(allowed) + 4 * (2 * len(allowed)) ** 0.5


def test_too_many_random_networks_are_refused() -> None:
    budget = {"macs": SPACE.macs().least()}
    with pytest.raises(BudgetError, match="found 1 of 3"):
        random_networks(SPACE, [SPACE.macs()], budget, 3, seed=1, least=1.0)
