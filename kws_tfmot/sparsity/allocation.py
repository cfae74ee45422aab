"""How many weights each layer keeps: the same share everywhere, or whatever one threshold over all layers leaves."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kws_tfmot.sparsity.criteria import comparable
from kws_tfmot.sparsity.patterns import Matrix, Pattern


def kept_weights(
    allocation: str, scores: Mapping[str, Matrix], sparsity: float, floor: float, patterns: Mapping[str, Pattern]
) -> dict[str, int]:
    """Weights that each layer keeps at ``sparsity``: :func:`by_layer` for ``layer``, otherwise :func:`by_threshold`."""
    if allocation == "layer":
        return by_layer(scores, sparsity)
    return by_threshold(comparable(scores), sparsity, floor, patterns)


def by_layer(scores: Mapping[str, Matrix], sparsity: float) -> dict[str, int]:
    """Keep ``round((1 - sparsity) * weights)`` in every layer.

    >>> by_layer({"a": np.ones((10, 1)), "b": np.ones((4, 5))}, 0.75)
    {'a': 2, 'b': 5}
    """
    return {name: round((1 - sparsity) * values.size) for name, values in scores.items()}


def by_threshold(
    scores: Mapping[str, Matrix], sparsity: float, floor: float, patterns: Mapping[str, Pattern] | None = None
) -> dict[str, int]:
    """Keep the best ``(1 - sparsity)`` of all weights together; each layer finds its own sparsity.

    A layer keeps at least ``floor`` of what :func:`by_layer` would leave it (and one group): without it a layer can
    be starved or die, and the network with it. What the floors take is taken from the others, so the total is met.

    Args:
        scores: Comparable between layers (see :func:`~kws_tfmot.sparsity.criteria.comparable`).
        sparsity: Share of zeros of all layers together, 0 to 1.
        floor: 0 (one threshold alone) to 1 (the same share in every layer).
        patterns: Of layers whose weights are kept in groups; their scores are averaged over each group.

    >>> by_threshold({"a": np.array([[9.0, 8.0, 1.0, 1.0]]), "b": np.array([[2.0, 1.0]])}, 0.5, floor=0.1)
    {'a': 2, 'b': 1}
    """
    patterns = patterns or {}
    total = sum(values.size for values in scores.values())
    budget = round((1 - sparsity) * total)
    least = {
        name: min(values.size, max(round(floor * (1 - sparsity) * values.size), patterns.get(name, Pattern()).group))
        for name, values in scores.items()
    }
    ranked = {name: _grouped(values, patterns.get(name, Pattern())) for name, values in scores.items()}
    fixed: dict[str, int] = {}
    while True:
        free = [name for name in scores if name not in fixed]
        left = budget - sum(fixed.values())
        kept = _best_of(free, ranked, left)
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
