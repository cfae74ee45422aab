"""Every weight, one byte each."""

from __future__ import annotations

import numpy as np

from firmware_export.encodings.base import Encoded, Encoding, as_int8


def encode(rows: np.ndarray) -> Encoded:
    """The matrix row by row.

    >>> encode(np.array([[1, 0], [-1, 2]], np.int8)).data.hex()
    '0100ff02'
    """
    return Encoded(rows.astype(np.int8).tobytes())


def decode(encoded: Encoded, channels: int, depth: int) -> np.ndarray:
    """Inverse of :func:`encode`."""
    return as_int8(encoded.data).reshape(channels, depth)


DENSE = Encoding("dense", False, encode, decode)
