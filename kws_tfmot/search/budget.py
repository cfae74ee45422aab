"""Budgets of a device: what a sub-network may cost, read from text such as ``flash=24kB,cycles=3M``."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from kws_tfmot.errors import RecipeError, did_you_mean

BYTES = {"": 1, "B": 1, "kB": 1000, "KB": 1000, "KiB": 1024, "MB": 1_000_000, "MiB": 1 << 20}
COUNTS = {"": 1, "k": 1000, "K": 1000, "M": 1_000_000, "G": 1_000_000_000}
# key -> (units, what it is)
KEYS = {
    "weights": (BYTES, "bytes of encoded weights and constants"),
    "flash": (BYTES, "bytes of the whole firmware on the board"),
    "ram": (BYTES, "bytes of static RAM and stack on the board"),
    "macs": (COUNTS, "multiplications with a weight that is not zero"),
    "instructions": (COUNTS, "instructions an inference on the board"),
    "cycles": (COUNTS, "modelled cycles an inference on the board, without wait states, middle of the range"),
}
NEEDS_BOARD = ("flash", "ram", "instructions", "cycles")
_VALUE = re.compile(r"([0-9]*\.?[0-9]+)\s*([A-Za-z]*)")


def parse_budget(text: str) -> dict[str, float]:
    """Read ``key=value`` pairs, separated by commas; kB is 1000 bytes, KiB 1024.

    Raises:
        RecipeError: For an unknown key or unit, a value that is no positive number, or a key given twice.

    >>> parse_budget("flash=24kB, instructions=3M")
    {'flash': 24000.0, 'instructions': 3000000.0}
    >>> parse_budget("ram=16KiB")
    {'ram': 16384.0}
    """
    budget: dict[str, float] = {}
    for part in (part.strip() for part in text.split(",")):
        key, separator, value = (piece.strip() for piece in part.partition("="))
        if not separator:
            raise RecipeError(
                f"expected key=value. Received: {part!r} in --budget {text!r}",
                "For example: --budget flash=24kB,cycles=3M",
            )
        if key not in KEYS:
            raise RecipeError(f"unknown budget {key!r}.{did_you_mean(key, KEYS)} Allowed: {', '.join(KEYS)}.")
        if key in budget:
            raise RecipeError(f"the budget {key!r} is given twice: {text!r}", "Give it once.")
        budget[key] = parse_quantity(value, key)
    return budget


def check_board(budget: Mapping[str, float], board: str) -> None:
    """Refuse a budget that depends on a board where none is named.

    Raises:
        RecipeError: Naming the keys.
    """
    if not board and (needing := [key for key in budget if key in NEEDS_BOARD]):
        raise RecipeError(
            f"the budget {', '.join(needing)} depends on the board.", "Name one: --board mps2-an386, for example."
        )


def parse_quantity(text: str, key: str) -> float:
    """One value with its unit, for ``key``.

    Raises:
        RecipeError: As :func:`parse_budget`.
    """
    units = KEYS[key][0]
    match = _VALUE.fullmatch(text)
    if not match or match[2] not in units:
        allowed = ", ".join(repr(unit) for unit in units if unit)
        raise RecipeError(f"budget {key}: expected a number with an optional unit of {allowed}. Received: {text!r}")
    value = float(match[1]) * units[match[2]]
    if not 0 < value < math.inf:
        raise RecipeError(f"budget {key}: expected a positive number. Received: {text!r}")
    return value


def excess(cost: Mapping[str, float], budget: Mapping[str, float]) -> float:
    """How far ``cost`` is over ``budget``: the largest ``cost / budget - 1`` of any key, 0 where it fits.

    >>> excess({"flash": 30.0, "ram": 1.0}, {"flash": 20.0}), excess({"flash": 20.0}, {"flash": 20.0})
    (0.5, 0.0)
    """
    return max((max(0.0, cost[key] / limit - 1.0) for key, limit in budget.items()), default=0.0)


def describe(values: Mapping[str, float]) -> str:
    """A budget or a cost for a person.

    >>> describe({"flash": 24000.0, "instructions": 3e6})
    'flash 24,000 B, instructions 3,000,000'
    """
    return ", ".join(
        f"{key} {values[key]:,.0f}{' B' if KEYS[key][0] is BYTES else ''}" for key in KEYS if key in values
    )
