"""Boards on a command line: an emulated one's name, a real one's, or a file of the user's own."""

from __future__ import annotations

from typing import Annotated

import typer

from firmware_export.boards import BOARDS, budget_of, stand_in
from pipelines.console import line

EMULATED = (
    f"An emulated board: {', '.join(BOARDS)}; or a real one (see `kws choose --help`) or your own, FILE.yaml, for "
    "which the emulated one of its core is taken."
)
EmulatedOption = Annotated[str, typer.Option("--board", help=EMULATED)]


def emulated(name: str) -> str:
    """The emulated board that ``name`` means; where it replaces another, that is said on standard error."""
    board, sentence = stand_in(name)
    if sentence:
        line(f"note: {sentence}", markup=False, stderr=True)
    return board.name


def core_of_board(name: str) -> str:
    """The core of an emulated or real board or of one's own; empty where it is no Cortex-M.

    Raises:
        RecipeError: For an unknown board.

    >>> core_of_board("mps2-an385"), core_of_board("blue-pill"), core_of_board("esp32-s3")
    ('Cortex-M3', 'cortex-m3', '')
    """
    if name in BOARDS:
        return BOARDS[name].core
    budget = budget_of(name)
    return f"cortex-{budget.timing}" if budget.like else ""
