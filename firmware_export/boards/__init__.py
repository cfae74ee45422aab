"""Boards: those the emulator runs, well-known real ones, and the user's own."""

from __future__ import annotations

from firmware_export.boards.emulated import BOARDS, Board
from firmware_export.boards.own import read_board
from firmware_export.boards.real import BUDGETS, Budget
from kws_tfmot.errors import RecipeError, did_you_mean

__all__ = [
    "BOARDS",
    "BUDGETS",
    "Board",
    "Budget",
    "board_of",
    "budget_of",
    "emulated_for",
    "is_file",
    "read_board",
    "stand_in",
]


def board_of(name: str) -> Board:
    """The emulated board called ``name``.

    Raises:
        RecipeError: For a board that is not emulated, naming the one that replaces it.

    >>> board_of("mps2-an386").core
    'Cortex-M4F'
    """
    if name in BOARDS:
        return BOARDS[name]
    board, _ = stand_in(name)
    raise RecipeError(f"{name} is not emulated; {board.name} ({board.core}) takes its place.", f"Use {board.name}.")


def stand_in(name: str) -> tuple[Board, str]:
    """The emulated board for any board's name, and a sentence that says so where it is another one.

    Raises:
        RecipeError: For an unknown board, or one whose core is not emulated.

    >>> board, sentence = stand_in("nucleo-l476rg")
    >>> board.name, sentence
    ('mps2-an386', 'nucleo-l476rg (STM32L476RG) is not emulated: mps2-an386, also Cortex-M4F, takes its place')
    >>> stand_in("microbit")[1]
    ''
    """
    if name in BOARDS:
        return BOARDS[name], ""
    try:
        budget = budget_of(name)
    except RecipeError as err:
        if is_file(name):
            raise
        names = [*BOARDS, *(budget.key for budget in BUDGETS)]
        raise RecipeError(
            f"unknown board {name!r}.{did_you_mean(name.lower(), names)} Allowed: {', '.join(BOARDS)}.",
            "Or a real board, for which the emulated one of its core is taken: see `kws choose --help`.",
        ) from err
    board = emulated_for(budget)
    label = budget.key if budget.key == budget.name else f"{budget.key} ({budget.name})"
    return board, f"{label} is not emulated: {board.name}, also {board.core}, takes its place"


def emulated_for(budget: Budget) -> Board:
    """The emulated board of a real one's core.

    Raises:
        RecipeError: If its core is not emulated.
    """
    if not budget.like:
        raise RecipeError(
            f"{budget.key} ({budget.name}) has no core that is emulated: only Arm Cortex-M cores are.",
            "The C is portable C99 and runs there (`kws export MODEL --target engine`); measure it on the board.",
        )
    return BOARDS[budget.like]


def is_file(name: str) -> bool:
    """Whether a board's name means a file."""
    return name.endswith((".yaml", ".yml"))


def budget_of(name: str) -> Budget:
    """The real board called ``name``: its key, or the part's name, in any case; or a file of the user's own.

    Raises:
        RecipeError: For a board there is no profile of, or a file that describes none.

    >>> budget_of("nucleo-l476rg").name, budget_of("stm32l476rg").mhz
    ('STM32L476RG', 80)
    """
    if is_file(name):
        return read_board(name)
    for budget in BUDGETS:
        if name.lower() in (budget.key, budget.name.lower()):
            return budget
    keys = [budget.key for budget in BUDGETS]
    emulated = f" {name} is an emulated board." if name in BOARDS else ""
    raise RecipeError(
        f"unknown board {name!r}.{emulated}{did_you_mean(name.lower(), keys)} Allowed: {', '.join(keys)}.",
        "Or describe your own: --board my_board.yaml, see docs/device.md.",
    )
