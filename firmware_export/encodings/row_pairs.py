"""Dense rows laid in each other by twos for SMLAD: a layout of the weights, not an encoding of its own.

A half-word holds a weight of one row and one of the next, ``w0 + 256 * w1``, a word the half-words of two neighbouring
inputs (:file:`runtime/rows/kws_dense_pairs.h`). Rows and inputs without a neighbour are beside zeros. Of a
matrix that is multiplied with a vector four rows lie together (:file:`runtime/convolution/kws_fc_dense_pairs.c`).
"""

from __future__ import annotations

import numpy as np

ROWS = 4  # of a matrix that lie together
SUM_LIMIT = 1 << 16  # sum |w| of a row: times 128 it stays within 24 bits


def rows_pair(rows: np.ndarray) -> bool:
    """Whether every ``w0 + 256 * w1`` is an int16 number and no sum leaves 24 bits.

    >>> rows_pair(np.array([[-127, 5], [-127, 5]])), rows_pair(np.array([[-1, 5], [-128, 5]]))
    (True, False)
    """
    wide = rows.astype(np.int64)
    return bool(_half_words(rows).min() >= -(1 << 15)) and int(np.abs(wide).sum(axis=1).max()) < SUM_LIMIT


def row_pairs(rows: np.ndarray) -> np.ndarray:
    """uint32 words ``[ceil(channels / 2) * ceil(depth / 2)]`` of an int8 matrix ``[channels, depth]``.

    >>> [hex(word) for word in row_pairs(np.array([[1, 2], [3, -4], [5, 6]], np.int8))]
    ['0xfc020301', '0x60005']
    """
    halves = _half_words(rows).astype(np.int16).view(np.uint16).astype(np.uint32)
    return np.ascontiguousarray(halves[:, 0::2] | halves[:, 1::2] << 16).reshape(-1)


def vector_pairs(rows: np.ndarray) -> np.ndarray:
    """uint32 words ``[ceil(channels / 4) * depth]`` of an int8 matrix ``[channels, depth]``, depth a multiple of four.

    For each four inputs of four rows: rows 0 and 1 with inputs 0 and 2, then 1 and 3; the same of rows 2 and 3.

    >>> [hex(word) for word in vector_pairs(np.array([[1, 2, 3, 4], [5, 6, 7, 8]], np.int8))]
    ['0x7030501', '0x8040602', '0x0', '0x0']
    """
    channels, depth = rows.shape
    padded = np.zeros((-(-channels // ROWS) * ROWS, depth), np.int8)
    padded[:channels] = rows
    halves = _half_words(padded).astype(np.int16).view(np.uint16).astype(np.uint32).reshape(-1, 2, depth // 4, 4)
    words = halves[..., :2] | halves[..., 2:] << 16
    return np.ascontiguousarray(words.transpose(0, 2, 1, 3)).reshape(-1)


def _half_words(rows: np.ndarray) -> np.ndarray:
    channels, depth = rows.shape
    even = np.zeros((channels + channels % 2, depth + depth % 2), np.int64)
    even[:channels, :depth] = rows
    return even[0::2] + 256 * even[1::2]
