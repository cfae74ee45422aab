"""What each operation of an MBConv search space costs on a board, counted in the emulator, and sums of them.

    cycles(network)       = ends + sum over cells of expand + depthwise + project + add
    flash(network)        = code of the kernels in use + constants + what each layer's structure and call take
    ram(network)          = the most that lives at once during any layer, static data and stack

Each term is measured by itself (:mod:`firmware_export.search_costs.operation_counts`); how far the sums are from
whole networks says :mod:`firmware_export.search_costs.operation_error`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

from firmware_export.codegen.memory_plan import live_bytes
from firmware_export.encodings.row_pairs import ROWS
from firmware_export.graphs.mbconv_graph import mbconv_model
from firmware_export.lowering.lower import lower
from firmware_export.operators.kernels.convolution import FEW_ROWS, MOST_ZERO_ROWS
from firmware_export.search_costs.operation_counts import COUNTED, DENSE, Measurements
from kws_tfmot.errors import RecipeError, did_you_mean
from kws_tfmot.models.mbconv_cells import Cell
from kws_tfmot.progress import SILENT, Reporter
from kws_tfmot.search.cells.cell_space import FIRST_CONV, CellSpace
from kws_tfmot.search.cells.costs import CellCosts
from kws_tfmot.tflite.reader import read_model

UNITS = ("flash", "ram", *COUNTED)
_UNEXPANDED = Cell(7, 1)
_CHANNEL_BYTES = 9  # bias, multiplier and shift of an output channel


class OperationCosts:
    """Costs of the operations of one space on one board; everything is measured when it is first asked for.

    Args:
        space: What all networks of the space have in common.
        board: Name of an emulated board.
        reporter: Where progress goes.
        measurements: In place of those in the cache.
    """

    def __init__(
        self,
        space: CellSpace,
        board: str = "mps2-an386",
        reporter: Reporter = SILENT,
        measurements: Measurements | None = None,
    ) -> None:
        self.space = space
        self.board = board
        self._reporter = reporter
        self._measured = measurements or Measurements(board)
        full = CellSpace(space.width, space.mix, 2, space.input_shape, space.classes)
        self._macs = full.macs()
        self._operations = full.operations(0)
        self._live: dict[Cell, tuple[int, int, int]] = {}

    def cell_costs(self, unit: str) -> CellCosts:
        """The table a search needs, of the same form as ``space.macs()``; what is missing of it is measured.

        Args:
            unit: One of :data:`UNITS`. RAM is combined by the largest, all else by the sum; flash has the kernels of
                all operations, so a network that lacks one takes less.

        Raises:
            RecipeError: For an unknown unit.
            ToolchainError: If compiler or emulator is missing, or an operation does not fit the board.
        """
        if unit not in UNITS:
            raise RecipeError(f"unknown unit {unit!r}.{did_you_mean(unit, UNITS)} Allowed: {', '.join(UNITS)}.")
        cost = {"flash": self._table_flash, "ram": self._cell_ram}.get(unit, partial(self._cell_counts, unit=unit))
        fixed = {"flash": self._flash_ends, "ram": self._ram_ends}.get(unit, partial(self._count_ends, unit=unit))
        places = (True, False)[: self.space.cells]
        choices = self.space.operations(0)
        rows: list[tuple[float, ...]] = []
        with self._reporter.task(f"{unit} of each operation on {self.board}", len(places) * len(choices)) as task:
            for first in places:
                row: list[float] = []
                for operation in choices:
                    row.append(0.0 if operation is None else float(cost(operation, first)))
                    task.advance(note=str(operation))
                rows.append(tuple(row))
        later = [(*row, 0.0) for row in rows[1:]] * (self.space.cells - 1)  # the cell left out
        return CellCosts(unit, float(fixed()), (rows[0], *later), "max" if unit == "ram" else "sum")

    def estimate(self, cells: Sequence[Cell | None]) -> dict[str, float]:
        """What a network of these cells costs.

        Returns:
            ``macs``, ``weights`` (bytes of weights and constants), ``flash``, ``ram`` (bytes, stack included),
            ``instructions`` and ``cycles`` (modelled). Unlike in a table, flash and the stack are
            those of the kernels in use.
        """
        used = [(cell, number == 0) for number, cell in enumerate(cells) if cell is not None]
        present = [cell for cell, _ in used]
        ram = max([self._ram_ends(), *(self._cell_ram(*use) for use in used)])
        return {
            "macs": float(self._macs.fixed + sum(self._cell_macs(*use) for use in used)),
            "weights": float(self._end_constants() + sum(self._constants(cell) for cell in present)),
            "flash": float(self._flash_ends(present) + sum(self._cell_flash(*use) for use in used)),
            "ram": float(ram - self._static_ram(self._every_kernel()) + self._static_ram(present)),
        } | {
            unit: float(self._count_ends(unit) + sum(self._cell_counts(*use, unit) for use in used)) for unit in COUNTED
        }

    def _cell_macs(self, cell: Cell, first: bool) -> float:
        return self._macs.cells[0 if first else 1][self._operations.index(cell)]

    # constants, from the shapes

    def _constants(self, cell: Cell) -> int:
        width, wide = self.space.width, self.space.width * cell.expansion
        expand = _pairs(width, wide) if cell.expansion > 1 else 0
        return expand + _matrix(cell.kernel**2, wide) + _pairs(wide, width)

    def _end_constants(self) -> int:
        s = self.space
        return _pairs(math.prod(FIRST_CONV), s.width) + _pairs(s.width, s.mix) + _classifier(s.mix, s.classes)

    # instructions and cycles

    def _cell_counts(self, cell: Cell, first: bool, unit: str) -> int:
        layers = self._measured.cell_layers(self.space, cell.expansion, first, unit)
        keys = [("expand", 0), ("depthwise", cell.kernel), ("project", 0), ("add", 0)]
        return sum(layers.get(key, 0) for key in keys)

    def _count_ends(self, unit: str) -> int:
        return self._measured.ends(self.space, unit)

    # flash

    def _cell_flash(self, cell: Cell, first: bool) -> int:
        """Constants, and the structures and calls of its layers; the code has those of a first, unexpanded cell."""
        expand = self._code([_UNEXPANDED, Cell(7, 2)]) - self._code([_UNEXPANDED] * 2) if cell.expansion > 1 else 0
        return self._constants(cell) + expand + (0 if first else self._one_more())

    def _table_flash(self, cell: Cell, first: bool) -> int:
        """The same where all kernels are in the code already, but for one that only this first cell needs."""
        _, *later = self._every_kernel()
        more = self._flash_ends([cell, *later]) - self._flash_ends() if first else 0
        return self._cell_flash(cell, first) + more

    def _every_kernel(self) -> list[Cell]:
        """A network with every kernel of the space."""
        kernels = self.space.kernels
        later = kernels if self.space.cells > 1 else ()
        return [Cell(kernel, 1) for kernel in (kernels[-1], *later)]

    def _one_more(self) -> int:
        """What a later cell without expansion adds to the code of a network that has one already."""
        return self._code([_UNEXPANDED] * 3) - self._code([_UNEXPANDED] * 2)

    def _flash_ends(self, cells: Sequence[Cell] | None = None) -> int:
        """Everything but the cells' own share: start-up, test harness, kernels, what is before and after the cells."""
        small = _kernels_alone(cells or self._every_kernel())
        return self._end_constants() + self._code(small) - (len(small) - 1) * self._one_more()

    def _code(self, cells: Sequence[Cell]) -> int:
        return self._measured.linked(cells, self.space.input_shape[1]).code

    # RAM

    def _cell_ram(self, cell: Cell, first: bool) -> int:
        return self._live_bytes(cell)[0 if first else 1] + self._static_ram(self._every_kernel())

    def _ram_ends(self) -> int:
        return self._live_bytes(_UNEXPANDED)[2] + self._static_ram(self._every_kernel())

    def _static_ram(self, cells: Sequence[Cell]) -> int:
        """Static data without the arena, and the stack, which depends on the kernels in use."""
        linked = self._measured.linked(_kernels_alone(cells), self.space.input_shape[1])
        return linked.data + linked.stack

    def _live_bytes(self, cell: Cell) -> tuple[int, int, int]:
        """The largest number of bytes in use in a first cell of this kind, in a later one, and outside of cells."""
        if cell in self._live:
            return self._live[cell]
        program = lower(read_model(mbconv_model(self.space, [cell, cell])))
        layers = 2 + (cell.expansion > 1)
        most = [0, 0, 0]
        for layer, needed in zip(program.layers, live_bytes(program, DENSE[0]), strict=True):
            operator = int(layer.name.split()[0]) if layer.name[0].isdigit() else 0
            place = 0 if 1 <= operator <= layers else 1 if layers < operator <= 2 * layers + 1 else 2
            most[place] = max(most[place], needed)
        self._live[cell] = (most[0], most[1], most[2])
        return self._live[cell]


def cell_costs(space: CellSpace, unit: str, board: str = "mps2-an386", reporter: Reporter = SILENT) -> CellCosts:
    """What each operation of ``space`` costs on a board (see :meth:`OperationCosts.cell_costs`)."""
    return OperationCosts(space, board, reporter).cell_costs(unit)


def _kernels_alone(cells: Sequence[Cell]) -> list[Cell]:
    """The smallest network that needs the same kernels."""
    first, *later = cells
    return [Cell(kernel, 1) for kernel in (first.kernel, *sorted({cell.kernel for cell in later}))]


def _pairs(depth: int, channels: int) -> int:
    """Bytes of a convolution, whose rows lie in each other by twos, two inputs a word (see ``encodings/row_pairs.py``).

    >>> _pairs(55, 8) - _matrix(55, 8)
    8
    """
    return 4 * -(-channels // 2) * -(-depth // 2) + channels * _CHANNEL_BYTES


def _classifier(depth: int, channels: int) -> int:
    """Bytes of a matrix times a vector, whose rows lie together by fours where zeros that fill them up are few.

    >>> _classifier(8, 3) - _matrix(8, 3)
    8
    """
    zeros = 0 if channels in FEW_ROWS else -channels % ROWS * depth
    return _matrix(depth, channels) + (zeros if depth % 4 == 0 and zeros <= MOST_ZERO_ROWS else 0)


def _matrix(depth: int, channels: int) -> int:
    """Bytes of a layer: weights, and bias, multiplier and shift of each output channel."""
    return channels * (depth + _CHANNEL_BYTES)
