from __future__ import annotations

import itertools

import numpy as np
import pytest

from kws_tfmot.models import ModelSettings, build_model
from kws_tfmot.models.counting import count_layers, total_macs
from kws_tfmot.search.cells.cell_space import CellSpace
from kws_tfmot.search.cells.choices import softmax, through_softmax
from kws_tfmot.search.cells.costs import CellCosts

SPACE = CellSpace(width=8, mix=12, cells=4, input_shape=(49, 10), classes=5)


@pytest.mark.parametrize("choice", [(0, 0, 0, 0), (17, 18, 18, 18), (5, 9, 18, 2), (3, 17, 17, 17)])
def test_the_tables_agree_with_the_network_that_is_built(choice: tuple[int, ...]) -> None:
    settings = ModelSettings(name="mbconv", width=8, mix=12, cells=SPACE.texts(choice))
    model = build_model(settings, SPACE.input_shape, SPACE.classes)
    assert SPACE.macs().of(choice) == total_macs(model)
    assert SPACE.weights().of(choice) == sum(count.weights for count in count_layers(model))


def random_table(combine: str, seed: int) -> CellCosts:
    rng = np.random.default_rng(seed)
    rows = tuple(tuple(float(x) for x in rng.integers(0, 12, count)) for count in (3, 4, 2))
    return CellCosts("ram", 4.0, rows, combine)


def enumerated(costs: CellCosts, probabilities: list[np.ndarray]) -> float:
    """The expectation, network by network."""
    every = itertools.product(*(range(len(row)) for row in costs.cells))
    return sum(
        costs.of(choice) * np.prod([p[j] for p, j in zip(probabilities, choice, strict=True)]) for choice in every
    )


@pytest.mark.parametrize("combine", ["sum", "max"])
@pytest.mark.parametrize("seed", range(3))
def test_the_expected_cost_is_exact(combine: str, seed: int) -> None:
    costs = random_table(combine, seed)
    rng = np.random.default_rng(seed)
    probabilities = [softmax(rng.normal(size=len(row))) for row in costs.cells]
    assert costs.expected(probabilities)[0] == pytest.approx(enumerated(costs, probabilities))


@pytest.mark.parametrize("combine", ["sum", "max"])
def test_its_gradient_is_that_of_finite_differences(combine: str) -> None:
    costs = random_table(combine, 7)
    logits = [np.random.default_rng(1).normal(size=len(row)) for row in costs.cells]
    gradients = costs.expected([softmax(a) for a in logits])[1]
    for i, a in enumerate(logits):
        analytic = through_softmax(softmax(a), gradients[i])
        for j in range(len(a)):
            found = []
            for step in (1e-5, -1e-5):
                moved = [values.copy() for values in logits]
                moved[i][j] += step
                found.append(costs.expected([softmax(values) for values in moved])[0])
            assert (found[0] - found[1]) / 2e-5 == pytest.approx(analytic[j], abs=1e-6)
