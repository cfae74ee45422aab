"""What a search for cells needs of the device: tables of costs in any unit, and whole networks measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from firmware_export.boards import board_of
from firmware_export.search_costs.operation_cost import OperationCosts
from firmware_export.search_costs.operation_error import compare
from kws_tfmot.models.mbconv_cells import Cell
from kws_tfmot.progress import SILENT, Reporter
from kws_tfmot.search.budget import NEEDS_BOARD
from kws_tfmot.search.cells.cell_space import CellSpace
from kws_tfmot.search.cells.costs import CellCosts


class DeviceCosts:
    """Costs of a space on a board.

    Args:
        space: The networks.
        units: Those of the budget, see :data:`kws_tfmot.search.budget.KEYS`.
        board: An emulated board; only asked for where a unit depends on it.
        reporter: Where progress goes.
    """

    def __init__(self, space: CellSpace, units: Iterable[str], board: str, reporter: Reporter = SILENT) -> None:
        self.space, self.units = space, tuple(units)
        self.on_board = tuple(unit for unit in self.units if unit in NEEDS_BOARD)
        self._costs = OperationCosts(space, board_of(board).name, reporter) if self.on_board else None

    def tables(self) -> list[CellCosts]:
        """A table for each unit.

        Raises:
            ToolchainError: If the board's costs cannot be measured here.
        """
        counted = {"macs": self.space.macs, "weights": self.space.weights}
        found = []
        for unit in self.units:
            if self._costs is not None and unit in self.on_board:
                found.append(self._costs.cell_costs(unit))
            else:
                found.append(counted[unit]())
        return found

    def measure(self, cells: Sequence[Cell | None]) -> dict[str, float]:
        """What the network, with random int8 weights, takes on the board in each unit that depends on it."""
        if self._costs is None:
            return {}
        row = compare(self._costs, cells)
        return {unit: float(row[unit]["measured"]) for unit in self.on_board}
