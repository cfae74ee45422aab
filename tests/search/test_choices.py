from __future__ import annotations

import numpy as np
import pytest

from kws_tfmot.search.cell_costs import CellCosts
from kws_tfmot.search.choices import ChoiceOptimizer, Target, loss_gradients, softmax

TABLES = (
    CellCosts("macs", 100.0, ((10.0, 400.0), (30.0, 200.0, 0.0))),
    CellCosts("ram", 50.0, ((60.0, 90.0), (10.0, 120.0, 0.0)), "max"),
)
TARGETS = [Target(TABLES[0], 250.0), Target(TABLES[1], 80.0)]
BETAS = [4.0, 1.5]
GATES = [np.array([0.3, -0.2]), np.array([-0.5, 0.1, 0.0])]


def loss(alphas: list[np.ndarray]) -> float:
    """log J where the cross-entropy is linear in the probabilities, so that GATES is its gradient."""
    probabilities = [softmax(a) for a in alphas]
    cross_entropy = 1.0 + sum(float(p @ g) for p, g in zip(probabilities, GATES, strict=True))
    product = cross_entropy
    for target, beta in zip(TARGETS, BETAS, strict=True):
        product *= (np.log(target.costs.expected(probabilities)[0]) / np.log(target.value)) ** beta
    return float(np.log(product))


def test_the_gradient_of_the_whole_loss_is_that_of_finite_differences() -> None:
    alphas = [np.array([0.3, -0.1]), np.array([0.2, 0.0, -0.4])]
    cross_entropy = 1.0 + sum(float(softmax(a) @ g) for a, g in zip(alphas, GATES, strict=True))
    value, gradients = loss_gradients(alphas, cross_entropy, GATES, TARGETS, BETAS)
    assert value == pytest.approx(loss(alphas))
    for i, gradient in enumerate(gradients):
        for j in range(len(gradient)):
            moved = [[a.copy() for a in alphas] for _ in range(2)]
            moved[0][i][j] += 1e-5
            moved[1][i][j] -= 1e-5
            assert (loss(moved[0]) - loss(moved[1])) / 2e-5 == pytest.approx(gradient[j], abs=1e-6)


def test_without_the_cost_only_the_gates_count() -> None:
    alphas = [np.zeros(2), np.zeros(3)]
    _, gradients = loss_gradients(alphas, 1.0, GATES, [Target(TABLES[0], 250.0)], [0.0])
    np.testing.assert_allclose(gradients[0], 0.5 * (GATES[0] - GATES[0].mean()))


def test_descending_the_loss_brings_the_cost_down() -> None:
    alphas, optimizer = [np.zeros(2), np.zeros(3)], ChoiceOptimizer([np.zeros(2), np.zeros(3)])
    before = TABLES[0].expected([softmax(a) for a in alphas])[0]
    for _ in range(100):
        _, gradients = loss_gradients(alphas, 1.0, [np.zeros(2), np.zeros(3)], TARGETS[:1], [8.0])
        alphas = [optimizer.update(i, a, g, 0.1) for i, (a, g) in enumerate(zip(alphas, gradients, strict=True))]
    after = [softmax(a) for a in alphas]
    assert TABLES[0].expected(after)[0] < 130 < before
    assert after[0].argmax() == 0 and after[1].argmax() == 2


def test_a_cell_that_is_not_updated_keeps_its_state() -> None:
    optimizer = ChoiceOptimizer([np.zeros(2), np.zeros(2)])
    optimizer.update(0, np.zeros(2), np.ones(2), 0.1)
    assert optimizer.steps == [1, 0]
    np.testing.assert_array_equal(optimizer.squares[1], 0)
