from __future__ import annotations

import numpy as np
import pytest

from kws_tfmot.search.cells.choices import ChoiceOptimizer, CostTarget, loss_gradients, softmax, within
from kws_tfmot.search.cells.costs import CellCosts

TABLES = (
    CellCosts("macs", 100.0, ((10.0, 400.0), (30.0, 200.0, 0.0))),
    CellCosts("ram", 50.0, ((60.0, 90.0), (10.0, 120.0, 0.0)), "max"),
)
TARGETS = [CostTarget(TABLES[0], 250.0), CostTarget(TABLES[1], 80.0)]
BETA = 4.0
GATES = [np.array([0.3, -0.2]), np.array([-0.5, 0.1, 0.0])]


def loss(alphas: list[np.ndarray]) -> float:
    """log J where the cross-entropy is linear in the probabilities, so that GATES is its gradient."""
    probabilities = [softmax(a) for a in alphas]
    cross_entropy = 1.0 + sum(float(p @ g) for p, g in zip(probabilities, GATES, strict=True))
    product = cross_entropy
    for target in TARGETS:
        product *= (np.log(target.costs.expected(probabilities)[0]) / np.log(target.value)) ** BETA
    return float(np.log(product))


def test_the_gradient_of_the_whole_loss_is_that_of_finite_differences() -> None:
    alphas = [np.array([0.3, -0.1]), np.array([0.2, 0.0, -0.4])]
    cross_entropy = 1.0 + sum(float(softmax(a) @ g) for a, g in zip(alphas, GATES, strict=True))
    value, gradients = loss_gradients(alphas, cross_entropy, GATES, TARGETS, BETA)
    assert value == pytest.approx(loss(alphas))
    for i, gradient in enumerate(gradients):
        for j in range(len(gradient)):
            moved = [[a.copy() for a in alphas] for _ in range(2)]
            moved[0][i][j] += 1e-5
            moved[1][i][j] -= 1e-5
            assert (loss(moved[0]) - loss(moved[1])) / 2e-5 == pytest.approx(gradient[j], abs=1e-6)


def test_without_the_cost_only_the_gates_count() -> None:
    alphas = [np.zeros(2), np.zeros(3)]
    _, gradients = loss_gradients(alphas, 1.0, GATES, [CostTarget(TABLES[0], 250.0)], 0.0)
    np.testing.assert_allclose(gradients[0], 0.5 * (GATES[0] - GATES[0].mean()))


def test_descending_the_loss_brings_the_cost_down() -> None:
    alphas, optimizer = [np.zeros(2), np.zeros(3)], ChoiceOptimizer([np.zeros(2), np.zeros(3)])
    before = TABLES[0].expected([softmax(a) for a in alphas])[0]
    for _ in range(100):
        _, gradients = loss_gradients(alphas, 1.0, [np.zeros(2), np.zeros(3)], TARGETS[:1], 8.0)
        alphas = [optimizer.update(i, a, g, 0.1) for i, (a, g) in enumerate(zip(alphas, gradients, strict=True))]
    after = [softmax(a) for a in alphas]
    assert TABLES[0].expected(after)[0] < 130 < before
    assert after[0].argmax() == 0 and after[1].argmax() == 2


def test_a_cell_that_is_not_updated_keeps_its_state() -> None:
    optimizer = ChoiceOptimizer([np.zeros(2), np.zeros(2)])
    optimizer.update(0, np.zeros(2), np.ones(2), 0.1)
    assert optimizer.steps == [1, 0]
    np.testing.assert_array_equal(optimizer.squares[1], 0)


def tables(seed: int) -> list[CostTarget]:
    """Two costs that add up and one that is a maximum, each with a target between its least and an even draw's."""
    rng = np.random.default_rng(seed)
    shape = (4, 5)
    found = []
    for unit, combine in (("macs", "sum"), ("flash", "sum"), ("ram", "max")):
        costs = CellCosts(unit, 3.0, tuple(map(tuple, rng.uniform(1, 20, shape))), combine)
        found.append(costs)
    cheap = tuple(int(np.argmin(row)) for row in found[0].cells)
    return [CostTarget(costs, 1.15 * costs.of(cheap)) for costs in found]


@pytest.mark.parametrize("seed", range(5))
def test_the_projection_meets_every_target_and_no_nearer_probabilities_do(seed: int) -> None:
    targets = tables(seed)
    alphas = [np.random.default_rng(seed + 100).normal(size=5) for _ in range(4)]
    before = [softmax(alpha) for alpha in alphas]
    after = [softmax(alpha) for alpha in within(alphas, targets)]
    costs = [target.costs.expected(after)[0] for target in targets]
    assert all(cost <= target.value * (1 + 1e-5) for cost, target in zip(costs, targets, strict=True))
    assert (
        max(cost / target.value for cost, target in zip(costs, targets, strict=True) if target.costs.unit != "ram")
        > 0.999
    )

    def distance(probabilities: list[np.ndarray]) -> float:
        return sum(
            float((q * np.log(np.maximum(q, 1e-300) / p)).sum()) for q, p in zip(probabilities, before, strict=True)
        )

    rng, nearest, tried = np.random.default_rng(seed), distance(after), 0
    for _ in range(4000):  # moves along the simplex from the projection: whatever is feasible is farther away
        other = [q * np.exp(0.05 * rng.normal(size=5)) for q in after]
        other = [q / q.sum() for q in other]
        if all(t.costs.expected(other)[0] <= t.value for t in targets):
            tried += 1
            assert distance(other) >= nearest - 1e-4
    assert tried > 20


def test_the_projection_leaves_what_meets_the_budget() -> None:
    alphas = [np.array([0.3, -0.1]), np.array([0.2, 0.0, -0.4])]
    found = within(alphas, [CostTarget(costs, costs.most()) for costs in TABLES])
    for alpha, other in zip(alphas, found, strict=True):
        np.testing.assert_array_equal(alpha, other)


def test_operations_beyond_a_maximum_are_barred() -> None:
    found = [softmax(alpha) for alpha in within([np.zeros(2), np.zeros(3)], [CostTarget(TABLES[1], 95.0)])]
    assert found[0].tolist() == [0.5, 0.5]
    assert found[1].tolist() == [0.5, 0.0, 0.5]
