"""Small pieces of generated C source, written the same way every time."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

from kws_tfmot.errors import RecipeError

WIDTH = 118


def number(value: int) -> str:
    """An int32 constant; the smallest one has no literal of its own.

    >>> number(5), number(-(1 << 31))
    ('5', '(-2147483647 - 1)')
    """
    return "(-2147483647 - 1)" if value == -(1 << 31) else str(int(value))


def wrap(parts: Iterable[str], indent: str = "  ") -> str:
    """Comma-separated parts in lines of at most 118 characters.

    >>> wrap(["1", "2"])
    '  1, 2,'
    """
    lines, line = [], indent
    for part in parts:
        if len(line) + len(part) + 1 > WIDTH and line.strip():
            lines.append(line.rstrip())
            line = indent
        line += f"{part}, "
    lines.append(line.rstrip())
    return "\n".join(lines)


def array(ctype: str, name: str, values: Iterable[int] | np.ndarray | bytes) -> str:
    """A constant array.

    >>> print(array("int8_t", "shift", [-7, -8]))
    static const int8_t shift[2] = {
      -7, -8,
    };
    """
    numbers = [number(int(v)) for v in values]
    return f"static const {ctype} {name}[{len(numbers)}] = {{\n{wrap(numbers)}\n}};"


def checked_name(name: str) -> str:
    """Check that ``name`` can begin C identifiers.

    Raises:
        RecipeError: Where it cannot.

    >>> checked_name("spotter")
    'spotter'
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,62}", name) or name.lower().startswith("kws_"):
        raise RecipeError(
            f"expected a name of letters, digits and underscores that does not begin with kws_. Received: {name!r}"
        )
    return name
