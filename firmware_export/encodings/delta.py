"""Steps of a byte: 2 bytes a weight that is not zero, the fastest to walk on cores with a long multiply."""

from __future__ import annotations

import numpy as np

from firmware_export.encodings.base import Encoded, Encoding, fits_lanes
from firmware_export.encodings.delta4 import steps_of


def encode(rows: np.ndarray) -> Encoded | None:
    """Words of two, {16 * step0, w0, 16 * step1, w1}; a word that is zero ends the row.

    Steps are at most 15, longer gaps bridged by zeros. An odd number of weights is completed by a zero.

    >>> encode(np.array([[0, 0, 3, 4], [9, 0, 0, 0], [0, 0, 0, 0]], np.int8)).data.hex()
    '2003100400000000000900000000000000000000'
    """
    if not fits_lanes(rows):
        return None
    out = bytearray()
    for row in rows:
        steps = steps_of(row)
        for step, weight in steps:
            out += bytes((16 * step, weight & 255))
        out += bytes(4 + 2 * (len(steps) % 2))
    return Encoded(bytes(out))


def decode(encoded: Encoded, channels: int, depth: int) -> np.ndarray:
    """Inverse of :func:`encode`.

    >>> rows = np.array([[0] * 40 + [7], [3] + [0] * 40], np.int8)
    >>> bool((decode(encode(rows), 2, 41) == rows).all())
    True
    """
    rows = np.zeros((channels, depth), np.int8)
    at = 0
    for row in rows:
        place = 0
        while any(encoded.data[at : at + 4]):
            for step, weight in (encoded.data[at : at + 2], encoded.data[at + 2 : at + 4]):
                place += step // 16
                if weight:
                    row[place] = weight - 256 * (weight > 127)
            at += 4
        at += 4
    return rows


DELTA = Encoding("delta", True, encode, decode)
