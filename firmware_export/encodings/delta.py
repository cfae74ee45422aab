"""Steps of a byte: 2 bytes a weight that is not zero, the fastest to walk on cores with a long multiply."""

from __future__ import annotations

import numpy as np

from firmware_export.encodings.base import Encoded, Encoding, fits_lanes
from firmware_export.encodings.delta4 import steps_of

WORD = 4
FIRST = 1  # in the lowest byte of a row's first word


def encode(rows: np.ndarray) -> Encoded | None:
    """Words of two, {16 * step0, w0, 16 * step1, w1}; a row's first word has bit 0 set, as has one behind the last row.

    Steps are at most 15, longer gaps bridged by zeros. An odd number of weights is completed by a zero, and a row
    without weights is one word of zeros.

    >>> encode(np.array([[0, 0, 3, 4], [9, 0, 0, 0], [0, 0, 0, 0]], np.int8)).data.hex()
    '21031004010900000100000001000000'
    """
    if not fits_lanes(rows):
        return None
    out = bytearray()
    for row in rows:
        begin = len(out)
        for step, weight in steps_of(row):
            out += bytes((16 * step, weight & 255))
        out += bytes((begin - len(out)) % WORD or (WORD if len(out) == begin else 0))
        out[begin] |= FIRST
    return Encoded(bytes(out + bytes((FIRST, 0, 0, 0))))


def decode(encoded: Encoded, channels: int, depth: int) -> np.ndarray:
    """Inverse of :func:`encode`.

    >>> rows = np.array([[0] * 40 + [7], [0] * 41, [3] + [0] * 40], np.int8)
    >>> bool((decode(encode(rows), 3, 41) == rows).all())
    True
    """
    rows = np.zeros((channels, depth), np.int8)
    channel, place = -1, 0
    for step, weight in np.frombuffer(encoded.data[:-WORD], np.uint8).reshape(-1, 2):
        if step & FIRST:
            channel, place = channel + 1, 0
        place += int(step) // 16
        if weight:
            rows[channel, place] = np.uint8(weight).view(np.int8)
    return rows


DELTA = Encoding("delta", True, encode, decode)
