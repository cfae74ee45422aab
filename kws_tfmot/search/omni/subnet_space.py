"""The space of sub-networks: for each layer a level of one grid of sparsities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

# for each layer of the space the index of its sparsity in the grid
Levels = tuple[int, ...]


@dataclass(frozen=True)
class Space:
    """Layers that can be sparse, and the sparsities that each may have.

    Attributes:
        layers: Names, in the order of the model.
        weights: Kernel elements of each.
        grid: Sparsities, ascending from 0.
    """

    layers: tuple[str, ...]
    weights: tuple[int, ...]
    grid: tuple[float, ...]

    @property
    def top(self) -> int:
        """The level of the highest sparsity."""
        return len(self.grid) - 1

    def uniform(self, level: int) -> Levels:
        """Every layer at one level.

        >>> Space(("a", "b"), (4, 4), (0.0, 0.5)).uniform(1)
        (1, 1)
        """
        return (level,) * len(self.layers)

    def sparsities(self, levels: Levels) -> dict[str, float]:
        """Each layer's sparsity."""
        return {name: self.grid[level] for name, level in zip(self.layers, levels, strict=True)}

    def sparsity(self, levels: Levels) -> float:
        """Share of zeros in all layers of the space together.

        >>> Space(("a", "b"), (10, 30), (0.0, 0.5)).sparsity((0, 1))
        0.375
        """
        zeros = sum(self.grid[level] * n for level, n in zip(levels, self.weights, strict=True))
        return zeros / sum(self.weights)

    def nearest(self, sparsity: float) -> int:
        """The level whose sparsity is closest to ``sparsity``."""
        return int(np.argmin([abs(value - sparsity) for value in self.grid]))

    def random(self, rng: np.random.Generator) -> Levels:
        """A level for each layer, independent and uniform."""
        return tuple(int(level) for level in rng.integers(0, len(self.grid), len(self.layers)))

    def mutate(self, levels: Levels, probability: float, rng: np.random.Generator) -> Levels:
        """Give each layer another level with ``probability``: half of the time a neighbouring one; at least one layer.

        >>> space = Space(("a", "b"), (4, 4), (0.0, 0.5, 0.9))
        >>> space.mutate((0, 0), 1e-9, np.random.default_rng(0)) != (0, 0)
        True
        """
        changed = list(levels)
        chosen = rng.random(len(levels)) < probability
        if not chosen.any():
            chosen[rng.integers(len(levels))] = True
        for i in np.flatnonzero(chosen):
            near = [level for level in (levels[i] - 1, levels[i] + 1) if 0 <= level <= self.top]
            others = [level for level in range(len(self.grid)) if level != levels[i]]
            changed[i] = int(rng.choice(near if rng.random() < 0.5 else others))
        return tuple(changed)

    def cross(self, a: Levels, b: Levels, rng: np.random.Generator) -> Levels:
        """Each layer's level from one of two parents."""
        from_a = rng.random(len(a)) < 0.5
        return tuple(x if first else y for x, y, first in zip(a, b, from_a, strict=True))

    def parse(self, sparsities: Mapping[str, float]) -> Levels:
        """The inverse of :meth:`sparsities`."""
        return tuple(self.nearest(sparsities[name]) for name in self.layers)


def dominating(points: Sequence[tuple[float, Any]]) -> list[int]:
    """Which of ``(cost, value)`` no other beats: cheaper or equal, and better or equal, one of them strictly.

    Args:
        points: Costs, and values of any kind that can be ordered.

    Returns:
        Indices in the order of the costs; of equal points the first.

    >>> dominating([(3, 0.9), (1, 0.8), (2, 0.7), (3, 0.9), (4, 0.9)])
    [1, 0]
    """
    by_value = sorted(range(len(points)), key=lambda i: points[i][1], reverse=True)
    front: list[int] = []
    for i in sorted(by_value, key=lambda i: points[i][0]):
        if not front or points[i][1] > points[front[-1]][1]:
            front.append(i)
    return front
