"""Patterns: their bounds, and what they mean for one threshold over all layers."""

from __future__ import annotations

import numpy as np
import pytest

from kws_tfmot.sparsity.allocation import by_threshold
from kws_tfmot.sparsity.patterns import Pattern


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
