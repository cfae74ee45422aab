"""What every grid of weights must obey."""

from __future__ import annotations

import numpy as np
import pytest

from kws_tfmot.errors import RecipeError
from kws_tfmot.keras import tf
from kws_tfmot.quantization.grids import Grid, least_squares_steps, nearest_levels, range_steps
from kws_tfmot.quantization.low_bit_training import nearest_levels_in_graph

GRIDS = [Grid(bits, False) for bits in range(1, 8)] + [Grid(bits, True) for bits in range(2, 9)]


@pytest.mark.parametrize("grid", GRIDS, ids=str)
class TestEveryGrid:
    def test_k_bits_tell_its_levels_apart_and_int8_holds_them(self, grid: Grid) -> None:
        assert len(grid.levels) == 2**grid.bits - grid.zero
        assert (0 in grid.levels) == grid.zero
        assert 64 <= grid.top * grid.factor <= 127

    def test_the_nearest_level_is_taken_and_levels_stay(self, grid: Grid) -> None:
        ratios = np.random.default_rng(0).normal(0, grid.top, 500)
        found = nearest_levels(ratios, grid)
        distances = np.abs(ratios[:, None] - grid.levels)
        np.testing.assert_allclose(np.abs(ratios - found), distances.min(axis=1))
        np.testing.assert_array_equal(nearest_levels(grid.levels * 1.0, grid), grid.levels)

    def test_tensorflow_rounds_alike(self, grid: Grid) -> None:
        ratios = np.linspace(-1.5 * grid.top, 1.5 * grid.top, 1001, dtype=np.float32)
        np.testing.assert_array_equal(nearest_levels_in_graph(tf.constant(ratios), grid), nearest_levels(ratios, grid))

    def test_weights_on_the_grid_give_its_step(self, grid: Grid) -> None:
        levels = np.tile(grid.levels, 3)[:, None] * np.array([1.0, -1.0])
        steps = np.array([0.25, 3.0])
        for fitted in (range_steps, least_squares_steps):
            np.testing.assert_allclose(fitted(levels * steps, grid), steps)

    def test_least_squares_leave_no_more_error_than_the_range(self, grid: Grid) -> None:
        columns = np.random.default_rng(1).standard_t(4, (200, 6))

        def errors(steps: np.ndarray) -> np.ndarray:
            return ((columns - steps * nearest_levels(columns / steps, grid)) ** 2).sum(axis=0)

        assert np.all(errors(least_squares_steps(columns, grid)) <= errors(range_steps(columns, grid)) + 1e-9)


def test_the_paper_s_formula() -> None:
    """2 clip(round((2^k - 1) (w + 1) / 2) / (2^k - 1), 0, 1) - 1 on weights in [-1, 1]."""
    w = np.random.default_rng(2).uniform(-1.2, 1.2, 400)
    for bits in range(1, 8):
        n = 2**bits - 1
        paper = 2 * np.clip(np.round(n * (w + 1) / 2) / n, 0, 1) - 1
        np.testing.assert_allclose(nearest_levels(w * n, Grid(bits, False)) / n, paper, atol=1e-12)


def test_a_column_of_zeros_has_a_step_that_can_be_divided_by() -> None:
    for grid in GRIDS:
        assert np.all(least_squares_steps(np.zeros((5, 2)), grid) > 0)


@pytest.mark.parametrize(("bits", "zero"), [(0, False), (9, True), (1, True), (8, False)])
def test_grids_that_cannot_be_are_refused(bits: int, zero: bool) -> None:
    with pytest.raises(RecipeError, match=f"no grid of {bits} bits {'with' if zero else 'without'} a zero level"):
        Grid(bits, zero)


def by_turns(column: list[float], grid: Grid) -> float:
    """The search of :func:`least_squares_steps`, written out for one column."""
    used = [w for w in column if grid.zero or w]
    reach = max(map(abs, column)) or 1.0
    found = []
    for start in range(17):
        step = (0.2 + 0.05 * start) * reach / grid.top
        for _ in range(12):
            levels = [float(nearest_levels(np.array(w / step), grid)) for w in used]
            if any(levels):
                step = sum(w * level for w, level in zip(used, levels, strict=True)) / sum(level**2 for level in levels)
        levels = [float(nearest_levels(np.array(w / step), grid)) for w in used]
        found.append((sum((w - step * level) ** 2 for w, level in zip(used, levels, strict=True)), step))
    least = min(error for error, _ in found)
    return next(step for error, step in found if error <= least * (1 + 1e-12))


@pytest.mark.parametrize("grid", [Grid(2, False), Grid(2, True), Grid(3, True), Grid(5, False)], ids=str)
def test_the_search_of_steps_written_out(grid: Grid) -> None:
    rng = np.random.default_rng(7)
    columns = rng.standard_t(2, (14, 12)) * (rng.random((14, 12)) < 0.8)
    columns[:, 3] = 0
    columns[:, 4] = [0.25, *[0] * 13]  # one weight
    found = least_squares_steps(columns, grid)
    np.testing.assert_allclose(found, [by_turns(column, grid) for column in columns.T.tolist()], rtol=1e-9)
