"""Sparse rows for blocks of four, six or ten pixels: a layout of the delta encoding for planes of a few pixels.

On cores with SMLAD a step along time has few pixels for each weight, and blocks of eight would mostly multiply padding.
Each weight is a half-word, ``{step, weight}`` from the lower byte on; the step counts bytes of columns whose rows hold
``width`` pixels, two a word (:file:`runtime/rows/kws_narrow.h`).
"""

from __future__ import annotations

import numpy as np

from firmware_export.encodings.delta4 import steps_of

BLOCK = 8
_WEIGHT = {4: 279, BLOCK: 359, 6: 334, 10: 506}  # of a row of sixteen weights in a block: cycles of Cortex-M4


def narrow_width(pixels: int, plane: int) -> int:
    """Pixels of a block that suit a plane best: 4, 6, 8 (the general kernel's) or 10.

    Args:
        pixels: Of the output.
        plane: Its bytes, which the last block must not exceed.

    >>> [narrow_width(n, -(-n // 4) * 4) for n in (3, 5, 8, 10, 11, 20, 125)]
    [4, 6, 8, 10, 6, 10, 8]
    """

    def cost(width: int) -> int:
        """Blocks x cycles of one, or beyond reach where the last block would leave the plane."""
        blocks = -(-pixels // width)
        return blocks * _WEIGHT[width] if width == BLOCK or blocks * width <= plane else 1 << 30

    return min(_WEIGHT, key=cost)


def narrow_steps(rows: np.ndarray, width: int) -> np.ndarray:
    """uint16 half-words of an int8 matrix ``[channels, depth]``; a row ends with a half-word that is zero.

    >>> [hex(half) for half in narrow_steps(np.array([[0, 3, 0, -1], [0, 0, 0, 0]], np.int8), 6)]
    ['0x30c', '0xff18', '0x0', '0x0']
    """
    pitch = 2 * width
    out: list[int] = []
    for row in rows:
        out += [pitch * step | (weight & 255) << 8 for step, weight in steps_of(row, 255 // pitch)]
        out.append(0)
    return np.array(out, np.uint16)
