"""Whether a depthwise convolution reads its inputs where they lie, or makes a padded plane of each channel first.

Cycles of Cortex-M4 decide, fitted to counts in the emulator: without a plane an output costs more, with one every
input does.
"""

from __future__ import annotations

import numpy as np

from firmware_export.ir import Window

_ROWS = (42, 52, 62)  # cycles of an output of one, two and three rows of at most a word
_LONG, _ROW, _WORD = 61, 22, 13  # of one that sees more, and for each row and each further word of a row
_PLACE, _CALL = 230, 75  # of a place, and of each multiplier there


def direct_cycles(w: Window, multiplier: int) -> float:
    """Cycles of kws_depthwise_direct."""
    rows = _seen(w.first_y, w.height, w.stride_y, w.dilation_y, w.output.height, w.input.height)
    columns = _seen(w.first_x, w.width, w.stride_x, w.dilation_x, w.output.width, w.input.width)
    if w.first_x == 0 and w.width == w.input.width and w.output.width == 1 and w.dilation_y == 1:
        rows, columns = np.ones(1), rows * columns
    elif w.dilation_x != 1:
        rows, columns = columns, rows
    calls = min(multiplier, w.input.channels)
    each = sum(_output(int(r), int(c)) for r in np.ravel(rows) for c in np.ravel(columns))
    return w.output.pixels * (_PLACE + _CALL * calls) + w.input.channels * multiplier * each


def _output(rows: int, columns: int) -> int:
    if columns <= 4 and rows <= len(_ROWS):
        return _ROWS[max(rows, 1) - 1]
    return _LONG + rows * (_ROW + _WORD * ((columns - 1) // 4))


def _seen(first: int, taps: int, stride: int, dilation: int, outputs: int, size: int) -> np.ndarray:
    """How many taps of each output see an input."""
    places = first + stride * np.arange(outputs)[:, None] + dilation * np.arange(taps)
    return np.asarray(((places >= 0) & (places < size)).sum(axis=1))


def other_cycles(w: Window, multiplier: int, kind: str, down: bool) -> float:
    """Cycles of the kernel ``kind`` in its place; lines of a padded plane run ``down`` the columns or along rows."""
    load, taps, outputs = 6.2 * w.input.pixels, w.height * w.width, w.output.pixels
    if kind == "column":
        return w.input.channels * multiplier * (40 + 2.5 * taps if multiplier == 1 and taps > 3 else 110 + 3 * taps)
    if kind == "small":
        return w.input.channels * (180 + (70 + 10 * w.output.width) * w.output.height)
    if kind == "wide":
        return w.input.channels * (8 * w.input.pixels + multiplier * (250 + (50 + 1.5 * taps) * outputs))
    if (w.height, w.width, w.stride_y, w.stride_x, w.dilation_y, w.dilation_x) == (3, 3, 2, 2, 1, 1):
        return w.input.channels * (4.2 * w.input.pixels + multiplier * (120 + 42 * outputs))
    rows, along = (w.width, w.height) if down else (w.height, w.width)
    stride, dilation = (w.stride_y, w.dilation_y) if down else (w.stride_x, w.dilation_x)
    line = w.output.height if down else w.output.width
    if stride > 2 or dilation > 1:
        each = 45 + 8.0 * taps
    elif line < 4:
        each = 90 + 4.5 * rows * -(-along // 2)
    else:
        each = (50 + 4.5 * rows * -(-along // 2)) * -(-line // 4) * 4 / line
    return w.input.channels * (load + multiplier * (230 + 7 * taps + each * outputs))
