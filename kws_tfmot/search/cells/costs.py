"""What each operation of each cell costs: the table that makes the cost of a network differentiable.

With ``p_ij`` the probability of operation j of cell i and ``c_ij`` its cost, the expected cost is

    sum:  E = fixed + sum_i sum_j p_ij c_ij
    max:  E = sum_k t_k (F_k - F_{k-1}),  F_k = prod_i sum_{j: c_ij <= t_k} p_ij

over the distinct costs t_1 < t_2 < ... from ``fixed`` on. Both are exact for cells drawn independently: the maximum is
for memory, which the layers use one after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class CellCosts:
    """Costs in one unit.

    Attributes:
        unit: ``macs``, ``weights``, ``flash``, ``ram``, ``instructions`` or ``cycles``.
        fixed: Cost of what all networks of the space share; with ``max`` the least that any network takes.
        cells: ``cells[i][j]`` is the cost of operation j of cell i, in the order of
            :meth:`~kws_tfmot.search.cells.cell_space.CellSpace.operations`; leaving a cell out (last) usually costs 0.
        combine: ``sum``, or ``max`` where only the largest counts (every entry is then a whole network's cost).

    >>> costs = CellCosts("macs", 10.0, ((1.0, 3.0), (2.0, 5.0, 0.0)))
    >>> costs.of((1, 2)), costs.least()
    (13.0, 11.0)
    >>> CellCosts("ram", 2.0, costs.cells, "max").of((1, 2))
    3.0
    """

    unit: str
    fixed: float
    cells: tuple[tuple[float, ...], ...]
    combine: Literal["sum", "max"] = "sum"

    def of(self, choice: Sequence[int]) -> float:
        """The cost of the network with operation ``choice[i]`` in cell i."""
        chosen = [row[j] for row, j in zip(self.cells, choice, strict=True)]
        return float(max(self.fixed, *chosen) if self.combine == "max" else self.fixed + sum(chosen))

    def least(self) -> float:
        """The cost of the cheapest network."""
        return self.of([int(np.argmin(row)) for row in self.cells])

    def most(self) -> float:
        """The cost of the most expensive network."""
        return self.of([int(np.argmax(row)) for row in self.cells])

    def expected(self, probabilities: Sequence[Float64]) -> tuple[float, list[Float64]]:
        """The expected cost E, and dE/dp for each cell.

        Args:
            probabilities: One array for each cell, as long as its row, each with sum 1.

        >>> costs = CellCosts("ram", 1.0, ((0.0, 4.0), (3.0, 0.0)), "max")
        >>> costs.expected([np.array([0.5, 0.5]), np.array([0.5, 0.5])])[0]
        3.0
        """
        if self.combine == "sum":
            total = self.fixed + sum(float(p @ row) for p, row in zip(probabilities, self.cells, strict=True))
            return total, [np.array(row, np.float64) for row in self.cells]
        return self._expected_maximum(probabilities)

    def _expected_maximum(self, probabilities: Sequence[Float64]) -> tuple[float, list[Float64]]:
        rows = [np.maximum(np.array(row, np.float64), self.fixed) for row in self.cells]
        levels = np.unique(np.concatenate([[self.fixed], *rows]))
        within = [row[None, :] <= levels[:, None] for row in rows]  # [levels, operations]
        shares = np.stack([mask @ p for mask, p in zip(within, probabilities, strict=True)])  # [cells, levels]
        # E = t_K - sum_k F_k (t_{k+1} - t_k), with F_K = 1
        steps = np.append(np.diff(levels), 0.0)
        expected = levels[-1] - float(shares.prod(axis=0) @ steps)
        gradients = []
        for i, mask in enumerate(within):
            others = np.delete(shares, i, axis=0).prod(axis=0)
            gradients.append(-((others * steps) @ mask))
        return expected, gradients
