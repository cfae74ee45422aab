"""One bit a weight says whether it is zero; the others follow. 0.125 + density bytes a weight."""

from __future__ import annotations

import numpy as np

from firmware_export.encodings.base import Encoded, Encoding, as_int8, fits_lanes

WORD = 32


def encode(rows: np.ndarray) -> Encoded | None:
    """Each 32 weights of a row: four bytes of bits, first weight first, then the weights that are not zero.

    >>> encode(np.array([[0, 5, 0, -1]], np.int8)).data.hex()
    '5000000005ff'
    """
    if not fits_lanes(rows):
        return None
    out = bytearray()
    for row in rows:
        for start in range(0, len(row), WORD):
            part = row[start : start + WORD]
            bits = np.zeros(WORD, np.uint8)
            bits[: len(part)] = part != 0
            out += np.packbits(bits).tobytes() + part[part != 0].astype(np.int8).tobytes()
    return Encoded(bytes(out))


def decode(encoded: Encoded, channels: int, depth: int) -> np.ndarray:
    """Inverse of :func:`encode`.

    >>> rows = np.array([[0] * 33 + [7], [3] + [0] * 33], np.int8)
    >>> bool((decode(encode(rows), 2, 34) == rows).all())
    True
    """
    rows = np.zeros((channels, depth), np.int8)
    at = 0
    for row in rows:
        for start in range(0, depth, WORD):
            bits = np.unpackbits(np.frombuffer(encoded.data[at : at + 4], np.uint8))
            places = start + np.flatnonzero(bits)
            at += 4
            row[places] = as_int8(encoded.data[at : at + len(places)])
            at += len(places)
    return rows


BITMAP = Encoding("bitmap", True, encode, decode)
