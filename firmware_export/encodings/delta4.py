"""4-bit delta index: 1.5 bytes a weight that is not zero, walked through fast."""

from __future__ import annotations

import numpy as np

from firmware_export.encodings.base import Encoded, Encoding, fits_lanes

MAX_STEP = 15


def steps_of(row: np.ndarray, most: int = MAX_STEP) -> list[tuple[int, int]]:
    """(step from the place before, weight); gaps above ``most`` are bridged by zeros.

    >>> steps_of(np.array([0, 0, 3] + [0] * 16 + [4], np.int8))
    [(2, 3), (15, 0), (2, 4)]
    """
    steps: list[tuple[int, int]] = []
    place = 0
    for target in np.flatnonzero(row):
        while target - place > most:
            steps.append((most, 0))
            place += most
        steps.append((int(target) - place, int(row[target])))
        place = int(target)
    return steps


def encode(rows: np.ndarray) -> Encoded | None:
    """Groups of two, {step0 | step1 << 4, w0, w1}; a zero byte ends the row, so a group's steps are never both zero.

    An odd number of weights is completed by a zero weight at the same place, one step further for a row whose only
    weight is its first. Rows of a single weight are left to other encodings.

    >>> encode(np.array([[0, 0, 3, 4], [9, 0, 0, 0], [0, 0, 0, 0]], np.int8)).data.hex()
    '120304001009000000'
    """
    if rows.shape[1] < 2 or not fits_lanes(rows):
        return None
    out = bytearray()
    for row in rows:
        steps = steps_of(row)
        if len(steps) % 2:
            steps.append((1 if steps[-1][0] == 0 else 0, 0))
        for (s0, w0), (s1, w1) in zip(steps[::2], steps[1::2], strict=True):
            out += bytes((s0 | s1 << 4, w0 & 255, w1 & 255))
        out.append(0)
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
        while encoded.data[at]:
            steps = encoded.data[at]
            for step, weight in ((steps & 15, encoded.data[at + 1]), (steps >> 4, encoded.data[at + 2])):
                place += step
                if weight:
                    row[place] = weight - 256 * (weight > 127)
            at += 3
        at += 1
    return rows


DELTA4 = Encoding("delta4", True, encode, decode)
