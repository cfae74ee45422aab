"""The cells of an MBConv network as text: what a recipe keeps and a search finds."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from kws_tfmot.errors import RecipeError

KERNELS = (3, 5, 7)
EXPANSIONS = (1, 2, 3, 4, 5, 6)
ZERO = "zero"
_TEXT = re.compile(r"(\d+)\s*x\s*(\d+)\s+e\s*(\d+)")


@dataclass(frozen=True)
class Cell:
    """One inverted bottleneck: a square depthwise kernel on ``expansion`` times the width of the network."""

    kernel: int
    expansion: int

    def __str__(self) -> str:
        return f"{self.kernel}x{self.kernel} e{self.expansion}"


def parse_cell(value: Any) -> Cell | None:
    """Read ``"7x7 e2"`` or ``{kernel: 7, expansion: 2}``; ``"zero"``, a cell that is left out, is ``None``.

    Raises:
        RecipeError: For anything else.

    >>> str(parse_cell("7x7 e2")), str(parse_cell({"kernel": 3, "expansion": 1})), parse_cell("zero")
    ('7x7 e2', '3x3 e1', None)
    """
    if value == ZERO:
        return None
    if isinstance(value, Cell):
        height, kernel, expansion = value.kernel, value.kernel, value.expansion
    elif isinstance(value, dict) and set(value) == {"kernel", "expansion"}:
        height, kernel, expansion = value["kernel"], value["kernel"], value["expansion"]
    elif isinstance(value, str) and (match := _TEXT.fullmatch(value.strip())):
        height, kernel, expansion = (int(number) for number in match.groups())
    else:
        raise _refusal(value)
    if height != kernel or kernel not in KERNELS or expansion not in EXPANSIONS:
        raise _refusal(value)
    return Cell(kernel, expansion)


def _refusal(value: Any) -> RecipeError:
    kernels = ", ".join(f"{k}x{k}" for k in KERNELS)
    return RecipeError(
        f"expected a cell: a kernel of {kernels} and an expansion of {EXPANSIONS[0]} to {EXPANSIONS[-1]}, or "
        f"'{ZERO}'. Received: {value!r}",
        "Write '7x7 e2' or {kernel: 7, expansion: 2}.",
    )


def parse_cells(values: Iterable[Any]) -> tuple[Cell | None, ...]:
    """Read a whole list (see :func:`parse_cell`).

    Raises:
        RecipeError: If a cell is none, there is no cell, or the first one is ``zero``: it alone has stride 2 and no
            skip, so it cannot be left out.
    """
    cells = tuple(parse_cell(value) for value in values)
    if not cells or cells[0] is None:
        raise RecipeError(
            f"expected one cell or more, of which the first is not '{ZERO}'. Received: {cells_text(cells)}",
            "The first cell has stride 2 and no skip connection, so it cannot be left out.",
        )
    return cells


def cells_text(cells: Iterable[Cell | None]) -> tuple[str, ...]:
    """The cells as a recipe keeps them.

    >>> cells_text([Cell(7, 2), None])
    ('7x7 e2', 'zero')
    """
    return tuple(ZERO if cell is None else str(cell) for cell in cells)
