"""Weights without a zero level as planes of signs: ``w = m * sum_j 2^j s_j`` with ``s_j`` -1 or 1, a bit each.

Such are the grids of 1 to 4 bits whose levels are odd numbers. Each plane's sum over the inputs takes the sums of four
inputs from a table that the kernel makes once for all output channels, see ``kws_conv_planes.c``.
"""

from __future__ import annotations

import numpy as np

from firmware_export.encodings.base import Encoded, Encoding

MAX_BITS = 4
MAX_DEPTH = 255  # 255 * 128 still fits 16 bits


def encode(rows: np.ndarray) -> Encoded | None:
    """For each row its planes, the highest first, a bit for each weight, least significant first, in whole bytes.

    ``bits`` is the number of planes, ``group`` the common factor ``m``.

    >>> e = encode(np.array([[32, -96, 96, -32]], np.int8))
    >>> e.data.hex(), e.bits, e.group
    ('050c', 2, 32)
    """
    values = np.abs(rows.astype(np.int64))
    factor = int(np.gcd.reduce(values, axis=None))
    if factor == 0 or rows.shape[1] > MAX_DEPTH:
        return None
    levels = rows.astype(np.int64) // factor
    bits = int(np.abs(levels).max()).bit_length()
    if bits > MAX_BITS or not np.all(levels % 2):
        return None
    numbers = (levels + (1 << bits) - 1) // 2
    planes = (numbers[:, None, :] >> np.arange(bits)[::-1, None]) & 1
    return Encoded(np.packbits(planes.astype(np.uint8), axis=2, bitorder="little").tobytes(), bits=bits, group=factor)


def decode(encoded: Encoded, channels: int, depth: int) -> np.ndarray:
    """Inverse of :func:`encode`.

    >>> rows = np.array([[16, -48, 112], [-16, 80, 16]], np.int8)
    >>> bool((decode(encode(rows), 2, 3) == rows).all())
    True
    """
    octets = np.frombuffer(encoded.data, np.uint8).reshape(channels, encoded.bits, -1)
    planes = np.unpackbits(octets, axis=2, bitorder="little")[:, :, :depth].astype(np.int64)
    signs = (2 * planes - 1) << np.arange(encoded.bits)[::-1, None]
    return (encoded.group * signs.sum(axis=1)).astype(np.int8)


PLANES = Encoding("planes", False, encode, decode)
