"""Patterns: their bounds, and what they mean for one threshold over all layers."""

from __future__ import annotations

import numpy as np
import pytest

from kws_tfmot.sparsity.allocation import by_threshold, kept_weights
from kws_tfmot.sparsity.patterns import Pattern, select


@pytest.mark.parametrize("text", ["1:2", "63:64", "1x1", "64x64"])
def test_groups_reach_to_sixty_four(text: str) -> None:
    assert Pattern.parse(text)


@pytest.mark.parametrize("text", ["0:4", "4:4", "5:4", "1:65", "0x4", "4x0", "65x1", "1x65", "4", "a:b", "2:4:8"])
def test_others_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        Pattern.parse(text)


def test_a_block_ranks_by_its_mean() -> None:
    """Single weights of ``b`` are mostly worse than those of ``a``, its blocks are better."""
    scores = {"a": np.full((16, 1), 2.0), "b": np.array([[9.0], [0.0], [0.0], [0.0]] * 2)}
    blocks = dict.fromkeys(scores, Pattern(inputs=4))
    assert by_threshold(scores, 0.5, 0.0, blocks) == {"a": 4, "b": 8}
    assert by_threshold(scores, 0.5, 0.0) == {"a": 10, "b": 2}


RICH = {"good": np.arange(100.0, 200.0).reshape(100, 1), "poor": np.linspace(0.0, 1.0, 100).reshape(100, 1)}


@pytest.mark.parametrize(
    ("sparsity", "floor", "group", "kept"),
    [
        (0.5, 0.4, 1, (80, 20)),  # 0.4 of the half that it would keep by itself
        (0.5, 1.0, 1, (50, 50)),
        (0.5, 0.0, 1, (99, 1)),  # never nothing
        (0.5, 0.0, 4, (96, 4)),
        (0.9, 0.5, 4, (16, 4)),  # whole groups
        (1.0, 0.0, 1, (1, 1)),
        (0.0, 0.3, 1, (100, 100)),
    ],
)
def test_a_starved_layer_keeps_its_floor_and_the_others_give_it(
    sparsity: float, floor: float, group: int, kept: tuple[int, int]
) -> None:
    patterns = dict.fromkeys(RICH, Pattern(inputs=group))
    assert tuple(by_threshold(RICH, sparsity, floor, patterns).values()) == kept


def test_one_threshold_leaves_each_layer_its_own_share() -> None:
    scores = {"even": np.full((4, 1), 1.0), "uneven": np.array([[9.0], [0.1], [0.1], [0.1]])}
    assert kept_weights("layer", scores, 0.5, 0.0, {}) == {"even": 2, "uneven": 2}
    assert kept_weights("global", scores, 0.5, 0.0, {}) == {"even": 3, "uneven": 1}


def _select_by_hand(scores: np.ndarray, kept: int, pattern: Pattern) -> np.ndarray:
    """The definition, group by group and weight by weight."""
    rows, columns = scores.shape
    mask = np.zeros(scores.shape, bool)
    if pattern.kept:
        for column in range(columns):
            for first in range(0, rows, pattern.inputs):
                group = sorted(range(first, first + pattern.inputs), key=lambda row: (-scores[row, column], row))
                mask[group[: pattern.kept], column] = True
        places = [(row, column) for row in range(rows) for column in range(columns) if not mask[row, column]]
        for place in sorted(places, key=lambda place: -scores[place])[: max(0, kept - int(mask.sum()))]:
            mask[place] = True
        return mask
    height, width = pattern.inputs, pattern.outputs
    blocks = [(row, column) for row in range(0, rows, height) for column in range(0, columns, width)]
    blocks.sort(key=lambda at: -scores[at[0] : at[0] + height, at[1] : at[1] + width].sum())
    for row, column in blocks[: round(kept / pattern.group)]:
        mask[row : row + height, column : column + width] = True
    return mask


@pytest.mark.parametrize("text", ["unstructured", "2:4", "1:8", "7:8", "1x4", "3x2", "2x1"])
def test_what_is_kept_is_the_best_that_the_pattern_allows(text: str) -> None:
    pattern, rng = Pattern.parse(text), np.random.default_rng(0)
    scores = rng.permutation(16 * 6).reshape(16, 6).astype(float)
    before = np.zeros(scores.shape, bool)
    for kept in (0, 1, 5, 13, 40, 50, 77, 96):
        mask = select(scores, kept, pattern)
        np.testing.assert_array_equal(mask, _select_by_hand(scores, kept, pattern))
        assert not (before & ~mask).any()  # nested
        before = mask


def test_of_equal_weights_the_first_are_kept() -> None:
    equal = np.ones((4, 2))
    assert select(equal, 3).ravel().tolist() == [True] * 3 + [False] * 5
    assert select(equal, 2, Pattern.parse("1:2"))[:, 0].tolist() == [True, False, True, False]
    assert select(equal, 2, Pattern.parse("1x2")).T.tolist() == [[True, True, False, False], [False] * 4]
