"""How many weights each layer keeps: the same share everywhere, or whatever one threshold over all layers leaves.

Both round towards more zeros, so that all layers together have the share that was asked for, or a group more.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from kws_tfmot.sparsity.criteria import comparable
from kws_tfmot.sparsity.patterns import UNSTRUCTURED, Matrix, Pattern

_ROUNDING = 1e-3  # weights: 0.9 * 10 is 9, whatever floating point makes of it


def kept_weights(
    allocation: str, scores: Mapping[str, Matrix], sparsity: float, floor: float, patterns: Mapping[str, Pattern]
) -> dict[str, int]:
    """Weights that each layer keeps at ``sparsity``: :func:`by_layer` for ``layer``, otherwise :func:`by_threshold`."""
    if allocation == "layer":
        return by_layer({name: values.size for name, values in scores.items()}, sparsity, patterns)
    return by_threshold(comparable(scores), sparsity, floor, patterns)


def wanted_zeros(sparsity: float, weights: int) -> int:
    """The fewest zeros that are a share of ``sparsity`` of ``weights``.

    >>> wanted_zeros(0.9, 10), wanted_zeros(0.75, 10), wanted_zeros(2 / 3, 9)
    (9, 8, 6)
    """
    return max(0, math.ceil(sparsity * weights - _ROUNDING))


def by_layer(
    sizes: Mapping[str, int], sparsity: float, patterns: Mapping[str, Pattern] | None = None
) -> dict[str, int]:
    """Keep ``1 - sparsity`` of every layer, in whole groups and at least one of them.

    Zeros are rounded down, then given where most was cut off, a group at a time, until the total is met; no layer gets
    a group more than its own share rounded up.

    Args:
        sizes: Weights of each layer.
        sparsity: Share of zeros of every layer, 0 to 1.
        patterns: Of layers whose weights live and die in groups.

    >>> by_layer({"a": 10, "b": 20}, 0.75)
    {'a': 2, 'b': 5}
    >>> by_layer({"a": 10, "b": 10}, 0.75)
    {'a': 2, 'b': 3}
    >>> by_layer({"a": 64}, 0.6, {"a": Pattern(inputs=16)})
    {'a': 16}
    """
    group = {name: (patterns or {}).get(name, UNSTRUCTURED).group for name in sizes}
    most = {name: size // group[name] - 1 for name, size in sizes.items()}
    exact = {name: sparsity * size / group[name] for name, size in sizes.items()}
    dead = {name: min(math.floor(exact[name] + _ROUNDING), most[name]) for name in sizes}
    missing = wanted_zeros(sparsity, sum(sizes.values())) - sum(dead[name] * group[name] for name in sizes)
    while missing > 0:
        able = [name for name in sizes if dead[name] < most[name] and dead[name] < exact[name] + 1]
        if not able:
            break
        name = max(able, key=lambda name: exact[name] - dead[name])
        dead[name] += 1
        missing -= group[name]
    return {name: size - dead[name] * group[name] for name, size in sizes.items()}


def by_threshold(
    scores: Mapping[str, Matrix], sparsity: float, floor: float, patterns: Mapping[str, Pattern] | None = None
) -> dict[str, int]:
    """Keep the best ``(1 - sparsity)`` of all weights together; each layer finds its own sparsity.

    A layer keeps at least ``floor`` of what :func:`by_layer` would leave it, in whole groups, and one group: without it
    a layer can be starved or die, and the network with it. What the floors take is taken from the others, so the total
    is met, unless every layer is down to one group.

    Args:
        scores: Comparable between layers (see :func:`~kws_tfmot.sparsity.criteria.comparable`).
        sparsity: Share of zeros of all layers together, 0 to 1.
        floor: 0 (one threshold alone) to 1 (the same share in every layer).
        patterns: Of layers whose weights are kept in groups; their scores are averaged over each group.

    >>> by_threshold({"a": np.array([[9.0, 8.0, 1.0, 1.0]]), "b": np.array([[2.0, 1.0]])}, 0.5, floor=0.1)
    {'a': 2, 'b': 1}
    """
    group = {name: (patterns or {}).get(name, UNSTRUCTURED).group for name in scores}
    total = sum(values.size for values in scores.values())
    budget = total - wanted_zeros(sparsity, total)
    least = {
        name: max(1, math.floor(floor * (1 - sparsity) * values.size / group[name] + _ROUNDING)) * group[name]
        for name, values in scores.items()
    }
    while sum(least.values()) > budget and (above := [name for name in scores if least[name] > group[name]]):
        name = max(above, key=least.__getitem__)  # small layers' single groups are taken from the largest floor
        least[name] -= group[name]
    ranked = {name: _grouped(values, (patterns or {}).get(name, UNSTRUCTURED)) for name, values in scores.items()}
    fixed: dict[str, int] = {}
    while True:
        free = [name for name in scores if name not in fixed]
        left = budget - sum(fixed.values())
        kept = {name: count // group[name] * group[name] for name, count in _best_of(free, ranked, left).items()}
        short = [name for name in free if kept[name] < least[name]]
        if not short:
            return {name: fixed.get(name, kept.get(name, 0)) for name in scores}
        fixed |= {name: least[name] for name in short}


def _best_of(names: list[str], ranked: Mapping[str, Matrix], kept: int) -> dict[str, int]:
    if not names:
        return {}
    joined = np.concatenate([ranked[name] for name in names])
    owner = np.repeat(np.arange(len(names)), [len(ranked[name]) for name in names])
    chosen = owner[np.argsort(-joined, kind="stable")[: max(kept, 0)]]
    counts = np.bincount(chosen, minlength=len(names))
    return dict(zip(names, counts.tolist(), strict=True))


def _grouped(scores: Matrix, pattern: Pattern) -> Matrix:
    """Every weight's score, replaced by its group's mean where weights live and die together."""
    if pattern.group == 1:
        return scores.ravel()
    fan_in, outputs = scores.shape
    blocks = scores.reshape(fan_in // pattern.inputs, pattern.inputs, outputs // pattern.outputs, pattern.outputs)
    return blocks.mean(axis=(1, 3)).repeat(pattern.group)
