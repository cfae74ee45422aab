"""Index list: each weight that is not zero with its place in the row, two bytes. For very sparse rows."""

from __future__ import annotations

import numpy as np

from firmware_export.encodings.base import Encoded, Encoding, fits_lanes


def encode(rows: np.ndarray) -> Encoded | None:
    """Each row: how many weights are not zero, then {place, weight}. Rows of at most 256, none entirely full.

    >>> encode(np.array([[0, 5, 0, -1], [0, 0, 0, 0]], np.int8)).data.hex()
    '02010503ff00'
    """
    counts = np.count_nonzero(rows, axis=1)
    if rows.shape[1] > 256 or not fits_lanes(rows) or (counts > 255).any():
        return None
    out = bytearray()
    for row, count in zip(rows, counts, strict=True):
        out.append(int(count))
        for place in np.flatnonzero(row):
            out += bytes((int(place), int(row[place]) & 255))
    return Encoded(bytes(out))


def decode(encoded: Encoded, channels: int, depth: int) -> np.ndarray:
    """Inverse of :func:`encode`.

    >>> rows = np.array([[0, 5, 0, -1], [1, 0, 0, 0]], np.int8)
    >>> bool((decode(encode(rows), 2, 4) == rows).all())
    True
    """
    rows = np.zeros((channels, depth), np.int8)
    at = 0
    for row in rows:
        count = encoded.data[at]
        pairs = np.frombuffer(encoded.data[at + 1 : at + 1 + 2 * count], np.uint8).reshape(-1, 2)
        row[pairs[:, 0]] = pairs[:, 1].astype(np.int8)
        at += 1 + 2 * count
    return rows


INDEX = Encoding("index", True, encode, decode)
