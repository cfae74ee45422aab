"""Laying out a table for a terminal of 80 columns: cells stay whole where they can, and no column is lost."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import NamedTuple

from rich.cells import cell_len

WIDTH = 80
_GAP = 2  # blanks between columns
_LEAST_TEXT = 14  # a column of sentences is not made narrower
_LEAST_NAME = 20  # nor the first column, of names


class Block(NamedTuple):
    """Columns that are side by side, and their widths."""

    columns: list[int]
    widths: list[int]


def layout(header: Sequence[str], rows: Sequence[Sequence[str]], limit: int = WIDTH) -> list[Block]:
    """Blocks that each fit ``limit`` columns; the first column is in every one.

    Numbers stay whole; headers, sentences and long names are broken into lines; what still does not fit goes into a
    further block.

    >>> layout(["layer", "weights", "zeros"], [["conv", "1,000", "75.0 %"]])
    [Block(columns=[0, 1, 2], widths=[5, 7, 6])]
    >>> [block.columns for block in layout(["layer", "a", "b"], [["conv", "1" * 40, "2" * 40]])]
    [[0, 1], [0, 2]]
    """
    natural = [_natural(name, [row[i] for row in rows]) for i, name in enumerate(header)]
    if _total(natural) <= limit:
        return [Block(list(range(len(header))), natural)]
    least = [_least(name, [row[i] for row in rows], natural[i], i == 0) for i, name in enumerate(header)]
    blocks: list[list[int]] = []
    for column in range(1, len(header)):
        if blocks and _total([least[i] for i in (*blocks[-1], column)]) <= limit:
            blocks[-1].append(column)
        else:
            blocks.append([0, column])
    return [Block(columns, _shared([natural[i] for i in columns], [least[i] for i in columns], limit))
            for columns in blocks or [[0]]]  # fmt: skip


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + _GAP * (len(widths) - 1)


def _natural(name: str, cells: Sequence[str]) -> int:
    """Width of the cells, or of the header's longest word, since a header may be on several lines."""
    return max([_longest_word(name), *(cell_len(cell) for cell in cells)], default=1)


def _longest_word(text: str) -> int:
    return max((cell_len(word) for word in text.split()), default=1)


def _least(name: str, cells: Sequence[str], natural: int, first: bool) -> int:
    """How narrow a column may become: a sentence breaks between words, a name anywhere, a number nowhere."""
    if first:
        return min(natural, max(_LEAST_NAME, _longest_word(name)))
    if any(len(cell.split()) > 3 for cell in cells):
        return min(natural, max(_LEAST_TEXT, *(_longest_word(text) for text in (name, *cells))))
    return natural


def _shared(natural: Sequence[int], least: Sequence[int], limit: int) -> list[int]:
    """Widths that fit: the widest of those that may become narrower gives way first."""
    widths = list(natural)
    while _total(widths) > limit:
        spare = [i for i in range(len(widths)) if widths[i] > least[i]]
        if not spare:
            break
        widths[max(spare, key=lambda i: widths[i])] -= 1
    return widths


def broken(text: str, width: int) -> str:
    """``text`` in lines of at most ``width``, between words where there are any.

    >>> broken("false accepts / h", 8)
    'false\\naccepts\\n/ h'
    """
    return "\n".join(textwrap.wrap(text, width, break_on_hyphens=False)) or text
