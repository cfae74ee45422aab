"""The space of MBConv networks that a search chooses from: an operation for each cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kws_tfmot.models.mbconv_cells import EXPANSIONS, KERNELS, Cell, cells_text
from kws_tfmot.search.cells.costs import CellCosts

Choice = tuple[int, ...]  # the operation of each cell, as an index into its operations
FIRST_CONV = (11, 5)


def operations(kernels: Sequence[int] = KERNELS, expansions: Sequence[int] = EXPANSIONS) -> tuple[Cell, ...]:
    """For each expansion, each kernel: the order of all tables."""
    return tuple(Cell(k, e) for e in expansions for k in kernels)


@dataclass(frozen=True)
class CellSpace:
    """All networks of some cells.

    Attributes:
        width: Channels between the cells.
        mix: Channels of the last convolution.
        cells: Number of cells.
        input_shape: (frames, coefficients).
        classes: Number of labels.
        kernels: As in :class:`~kws_tfmot.search.cells.cell_search_settings.CellSearchSettings`.
        expansions: As there.

    >>> space = CellSpace(width=8, mix=16, cells=2, input_shape=(49, 10), classes=7, kernels=(3, 7), expansions=(1, 2))
    >>> [str(op) for op in space.operations(0)], len(space.operations(1)), space.size
    (['3x3 e1', '7x7 e1', '3x3 e2', '7x7 e2'], 5, 20)
    >>> space.texts((3, 4)), space.choice_of(["7x7 e2", "zero"])
    (('7x7 e2', 'zero'), (3, 4))
    """

    width: int
    mix: int
    cells: int
    input_shape: tuple[int, int]
    classes: int
    kernels: tuple[int, ...] = KERNELS
    expansions: tuple[int, ...] = EXPANSIONS

    def operations(self, cell: int) -> tuple[Cell | None, ...]:
        """What cell number ``cell``, from 0, may be; leaving it out (``None``) is last, and not for the first."""
        choices = operations(self.kernels, self.expansions)
        return choices if cell == 0 else (*choices, None)

    @property
    def size(self) -> int:
        """How many networks there are."""
        return int(np.prod([len(self.operations(i)) for i in range(self.cells)], dtype=object))

    @property
    def maps(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Sizes of the map before and after the first cell (SAME padding, strides (2, 1) and (2, 2))."""
        frames, coefficients = self.input_shape
        before = (-(-frames // 2), coefficients)
        return before, (-(-before[0] // 2), -(-before[1] // 2))

    def cells_of(self, choice: Sequence[int]) -> tuple[Cell | None, ...]:
        """The cells of a choice; ``None`` is one left out."""
        return tuple(self.operations(i)[j] for i, j in enumerate(choice))

    def texts(self, choice: Sequence[int]) -> tuple[str, ...]:
        """The cells of a choice as a recipe keeps them."""
        return cells_text(self.cells_of(choice))

    def choice_of(self, texts: Sequence[str]) -> Choice:
        """The choice whose :meth:`texts` are these."""
        return tuple(self.texts_of(i).index(text) for i, text in enumerate(texts))

    def texts_of(self, cell: int) -> tuple[str, ...]:
        """What cell number ``cell``, from 0, may be, as text."""
        return cells_text(self.operations(cell))

    def macs(self) -> CellCosts:
        """Multiply-accumulates: output positions times kernel elements, nothing for batch norm, skips and pooling."""
        before, after = (m[0] * m[1] for m in self.maps)
        fixed = before * FIRST_CONV[0] * FIRST_CONV[1] * self.width + after * self.width * self.mix
        return self._table("macs", fixed + self.mix * self.classes, before, after)

    def weights(self) -> CellCosts:
        """Kernel elements, which are bytes at int8."""
        fixed = FIRST_CONV[0] * FIRST_CONV[1] * self.width + self.width * self.mix + self.mix * self.classes
        return self._table("weights", fixed, 1, 1)

    def _table(self, unit: str, fixed: float, before: int, after: int) -> CellCosts:
        def cost(op: Cell | None, positions: int) -> float:
            """MACs of an operation on a map of so many positions: expansion, depthwise, projection; zero if absent."""
            if op is None:
                return 0.0
            inner = op.expansion * self.width
            expand = positions * self.width * inner if op.expansion > 1 else 0
            return float(expand + after * inner * (op.kernel**2 + self.width))

        rows = tuple(
            tuple(cost(op, before if i == 0 else after) for op in self.operations(i)) for i in range(self.cells)
        )
        return CellCosts(unit, float(fixed), rows)
