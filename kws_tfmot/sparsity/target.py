"""Whether a sparse training can reach its target, by arithmetic alone, and whether it has."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kws_tfmot.errors import BudgetError, RecipeError
from kws_tfmot.keras import keras
from kws_tfmot.sparsity.allocation import by_layer, by_threshold, wanted_zeros
from kws_tfmot.sparsity.coverage import Coverage, coverage
from kws_tfmot.sparsity.sparsity_settings import AllocatedSettings, SparsitySettings, TfmotMagnitude
from kws_tfmot.sparsity.zero_counts import zeros_per_layer


def layer_zeros(rows: Sequence[Coverage], sparsity: float) -> dict[str, int]:
    """Zeros of each pruned layer where all have the same share, as :func:`~kws_tfmot.sparsity.allocation.by_layer`;
    in N:M groups (M - N) / M."""
    free = [row for row in rows if not row.pattern.kept]
    kept = by_layer({row.layer: row.weights for row in free}, sparsity, {row.layer: row.pattern for row in free})
    return {
        row.layer: round(row.pattern.sparsity * row.weights) if row.pattern.sparsity else row.weights - kept[row.layer]
        for row in rows
    }


def reachable_zeros(rows: Sequence[Coverage], settings: SparsitySettings, target: float) -> int:
    """The fewest zeros that ``settings`` leave in the pruned layers ``rows`` if every update is done."""
    if settings.resolved_allocation == "layer" or not isinstance(settings, AllocatedSettings):
        return sum(layer_zeros(rows, target).values())
    even = {row.layer: np.ones((row.weights, 1), np.float32) for row in rows}
    for row in rows:  # any shape will do that divides into the groups
        even[row.layer] = even[row.layer].reshape(-1, row.pattern.outputs)
    kept = by_threshold(even, target, settings.floor, {row.layer: row.pattern for row in rows})
    return sum(row.weights for row in rows) - sum(kept.values())


def check_reachable(model: keras.Model, settings: SparsitySettings) -> list[Coverage]:
    """As :func:`coverage`, and refuse a target that the groups of the pattern cannot hold in layers so small.

    Raises:
        RecipeError: As :func:`coverage`; or with the share that can be reached.
    """
    rows = coverage(model, settings)
    pruned = [row for row in rows if not row.reason]
    total = sum(row.weights for row in pruned)
    reached = reachable_zeros(pruned, settings, settings.target)
    if reached < wanted_zeros(settings.target, total):
        raise RecipeError(
            f"sparsity.target={settings.target:g} is out of reach: every layer keeps a group of {settings.pattern} at "
            f"least, and {reached} of the {total} weights that are pruned, {percent(reached, total)} %, can be zero.",
            f"Set sparsity.target to {reached * 1000 // total / 1000:g} or less, or choose a smaller sparsity.pattern.",
        )
    return rows


def check_target(model: keras.Model, settings: SparsitySettings, target: float) -> str:
    """Refuse a sparse training that has not made the zeros it was asked for.

    TFMOT keeps what is exactly as large as the last weight that it keeps: one group more in a layer now and then.

    Returns:
        What to say where that alone has left less than the target; empty where the target is met.

    Raises:
        BudgetError: It says by how much the target was missed.
    """
    pruned = [row for row in coverage(model, settings) if not row.reason]
    found = zeros_per_layer(model)
    total, zeros = sum(row.weights for row in pruned), sum(found[row.layer][0] for row in pruned)
    wanted = wanted_zeros(target, total)
    if zeros >= wanted:
        return ""
    says = f"{100 * target:g} % zeros in the pruned layers"
    ties = sum(row.pattern.group for row in pruned) if isinstance(settings, TfmotMagnitude) else 0
    if zeros + ties >= wanted:
        return f"of {says} {percent(zeros, total)} %, {zeros} of {total}: TFMOT keeps weights that are equal"
    raise BudgetError(
        f"expected {says}, {wanted} of {total} weights. Received: {zeros}, {percent(zeros, total)} %, "
        f"{100 * (wanted - zeros) / total:.2g} points too few.",
        "Train longer (sparsity.epochs), update oftener (a smaller sparsity.frequency), or ask for less.",
    )


def percent(zeros: int, weights: int) -> str:
    """Per cent, rounded down, so that what falls short of a number never reads as it.

    >>> percent(749_999, 1_000_000)
    '74.99'
    """
    return f"{zeros * 10_000 // max(1, weights) / 100:.2f}"
