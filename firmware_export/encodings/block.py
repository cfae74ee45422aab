"""1x4 blocks: groups of four neighbouring weights, kept where any of them is not zero."""

from __future__ import annotations

import numpy as np

from firmware_export.encodings.base import Encoded, Encoding, fits_lanes

BLOCK_SIZE = 4
MAX_BLOCKS = 255


def encode(rows: np.ndarray) -> Encoded | None:
    """Each row: number of kept blocks, then {number of the block, four weights}.

    >>> encode(np.array([[0, 0, 0, 0, 1, 0, 2, 0]], np.int8)).data.hex()
    '010101000200'
    """
    channels, depth = rows.shape
    if depth % BLOCK_SIZE or depth // BLOCK_SIZE > MAX_BLOCKS or not fits_lanes(rows):
        return None
    out = bytearray()
    for row in rows.reshape(channels, -1, BLOCK_SIZE):
        kept = np.flatnonzero(row.any(axis=1))
        out.append(len(kept))
        for number in kept:
            out += bytes((int(number),)) + row[number].astype(np.int8).tobytes()
    return Encoded(bytes(out))


def decode(encoded: Encoded, channels: int, depth: int) -> np.ndarray:
    """Inverse of :func:`encode`.

    >>> rows = np.array([[0, 0, 0, 0, 1, 0, -2, 0]], np.int8)
    >>> bool((decode(encode(rows), 1, 8) == rows).all())
    True
    """
    rows = np.zeros((channels, depth), np.int8)
    at = 0
    for row in rows:
        count = encoded.data[at]
        at += 1
        for _ in range(count):
            start = encoded.data[at] * BLOCK_SIZE
            row[start : start + BLOCK_SIZE] = np.frombuffer(encoded.data[at + 1 : at + 5], np.int8)
            at += 1 + BLOCK_SIZE
    return rows


BLOCK = Encoding("block", True, encode, decode)
