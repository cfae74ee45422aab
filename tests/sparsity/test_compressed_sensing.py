"""Thresholding and its metric, each beside the formula written out."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from kws_tfmot.sparsity.compressed_sensing import (
    gram,
    hard_threshold_pursuit,
    importance,
    largest_eigenvalue,
    output_error,
    soft_threshold,
)
from kws_tfmot.sparsity.patterns import Pattern, select

RNG = np.random.default_rng(0)
ROWS = RNG.normal(2.0, 1.0, (50, 6)) @ RNG.normal(size=(6, 6)).astype(np.float32)
METRIC = gram(ROWS)


def test_the_metric_is_the_covariance_of_the_rows() -> None:
    np.testing.assert_allclose(METRIC, np.cov(ROWS, rowvar=False, bias=True), rtol=1e-5)
    assert METRIC.dtype == np.float32
    assert not gram(np.ones((1, 3))).any()


def test_weights_move_towards_zero_by_the_threshold_and_stop_there() -> None:
    weights = np.array([[-2.0, -0.4, 0.0, 0.3, 0.7]])
    np.testing.assert_allclose(soft_threshold(weights, 0.5), [[-1.5, 0.0, 0.0, 0.0, 0.2]])
    np.testing.assert_array_equal(soft_threshold(weights, 0.0), weights)


@pytest.mark.parametrize("size", [1, 2, 7])
def test_power_iteration_finds_the_largest_eigenvalue(size: int) -> None:
    matrix = RNG.normal(size=(size, size))
    matrix = (matrix @ matrix.T + np.diag(np.arange(size) * 3.0)).astype(np.float32)
    assert largest_eigenvalue(matrix, 200) == pytest.approx(np.linalg.eigvalsh(matrix)[-1], rel=1e-4)
    # twenty rounds by default, from the same start every time: close from below
    assert 0.9 * largest_eigenvalue(matrix, 200) < largest_eigenvalue(matrix) <= largest_eigenvalue(matrix, 200) * 1.001
    assert largest_eigenvalue(np.zeros((size, size), np.float32)) == 0.0


def test_the_error_is_the_mean_square_of_what_outputs_change_by() -> None:
    weights, other = RNG.normal(size=(2, 6, 3))
    change = (ROWS - ROWS.mean(axis=0)) @ (weights - other)
    assert output_error(weights, other, METRIC) == pytest.approx((change**2).mean(axis=0).sum(), rel=1e-4)


def test_importance_is_the_root_of_the_error_of_one_weight_less() -> None:
    weights = RNG.normal(size=(6, 3))
    for row, column in np.ndindex(6, 3):
        without = weights.copy()
        without[row, column] = 0
        found = importance(weights, METRIC)[row, column]
        assert found == pytest.approx(output_error(weights, without, METRIC) ** 0.5, rel=1e-4)
    assert not importance(weights, -np.eye(6))[0].any()  # rounding may leave a power below zero


def pursued(weights: np.ndarray, metric: np.ndarray, kept: int, pattern: Pattern, rounds: int = 10) -> np.ndarray:
    """Iterative hard thresholding in the coordinates ``sqrt(G_ii) w_ij``, row by row, in double precision."""
    scale = np.sqrt(np.diag(metric).astype(float))
    even = np.array([[metric[i, j] / (scale[i] * scale[j]) for j in range(len(metric))] for i in range(len(metric))])
    goal = np.array([[scale[i] * w for w in row] for i, row in enumerate(weights)])
    step = 1 / largest_eigenvalue(even.astype(np.float32))
    tried = [np.where(select(np.abs(goal), kept, pattern), goal, 0)]
    for _ in range(rounds):
        moved = tried[-1] - step * even @ (tried[-1] - goal)
        tried.append(np.where(select(np.abs(moved), kept, pattern), moved, 0))
    errors = [np.trace((goal - one).T @ even @ (goal - one)) for one in tried]
    return tried[int(np.argmin(errors))] / scale[:, None]


@pytest.mark.parametrize("text", ["unstructured", "1x2", "1:3"])
@pytest.mark.parametrize("seed", range(4))
def test_pursuit_is_thresholding_in_coordinates_of_equal_power(text: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = (rng.normal(size=(40, 6)) @ rng.normal(size=(6, 6))) * np.array([1, 5, 0.2, 1, 3, 1])
    weights, metric = rng.normal(size=(6, 4)).astype(np.float32), gram(rows)
    for kept in (8, 12):
        found = hard_threshold_pursuit(weights, metric, kept, Pattern.parse(text))
        np.testing.assert_allclose(found, pursued(weights, metric, kept, Pattern.parse(text)), rtol=1e-3, atol=1e-4)
        assert found.dtype == np.float32 and np.count_nonzero(found) == kept


def test_pursuit_is_often_the_best_of_all_supports_and_never_worse_than_one_threshold() -> None:
    best = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        metric = gram(rng.normal(size=(30, 5)) @ rng.normal(size=(5, 5)))
        weights = rng.normal(size=(5, 1)).astype(np.float32)
        least = np.inf
        for support in map(list, itertools.combinations(range(5), 2)):
            solved = np.zeros((5, 1))
            solved[support] = np.linalg.solve(metric[np.ix_(support, support)], (metric @ weights)[support])
            least = min(least, output_error(weights, solved, metric))
        found = output_error(weights, hard_threshold_pursuit(weights, metric, 2, iterations=200), metric)
        first = output_error(weights, hard_threshold_pursuit(weights, metric, 2, iterations=0), metric)
        assert least * 0.999 <= found <= first
        best += found <= 1.02 * least
    assert best >= 10


def test_inputs_that_never_vary_are_no_division_by_zero() -> None:
    weights = np.array([[1.0], [2.0], [3.0]], np.float32)
    for powers in ([0.0, 0.0, 0.0], [1.0, 0.0, 0.0]):
        found = hard_threshold_pursuit(weights, np.diag(powers).astype(np.float32), 1)
        assert np.isfinite(found).all() and np.count_nonzero(found) == 1
    assert found[0, 0] == 1.0  # the input that varies, though its weight is the smallest
