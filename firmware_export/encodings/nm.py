"""N:M sparsity: at most N weights of every M neighbours are not zero. 1.5 * N / M bytes a weight."""

from __future__ import annotations

import numpy as np

from firmware_export.encodings.base import Encoded, Encoding, fits_lanes

GROUPS = (4, 8, 16)


def _most(rows: np.ndarray, group: int) -> int:
    return int(np.count_nonzero(rows.reshape(rows.shape[0], -1, group), axis=2).max())


def encode(rows: np.ndarray) -> Encoded | None:
    """Each row: N weights of every group, then their places within the group, two a byte, lower half first.

    M is the one of 4, 8 and 16 that gives the fewest bytes; N follows from the matrix.

    >>> e = encode(np.array([[0, 5, 0, 0, 0, 0, 0, -1]], np.int8))
    >>> e.data.hex(), e.bits, e.group
    ('05ff31', 1, 4)
    """
    channels, depth = rows.shape
    fitting = [m for m in GROUPS if depth % m == 0]
    if not fitting or not fits_lanes(rows):
        return None
    kept, group = min((max(_most(rows, m), 1) * (depth // m), m) for m in fitting)
    n = kept * group // depth
    out = bytearray()
    for row in rows.reshape(channels, -1, group):
        places = np.argsort(row == 0, axis=1, kind="stable")[:, :n]
        weights = np.take_along_axis(row, places, axis=1)
        flat = places.reshape(-1).tolist() + [0] * (kept % 2)
        out += weights.astype(np.int8).tobytes()
        out += bytes(a | b << 4 for a, b in zip(flat[::2], flat[1::2], strict=True))
    return Encoded(bytes(out), bits=n, group=group)


def decode(encoded: Encoded, channels: int, depth: int) -> np.ndarray:
    """Inverse of :func:`encode`.

    >>> rows = np.array([[0, 5, 0, 0, 0, 0, 0, -1], [0, 0, 0, 0, 0, 0, 9, 0]], np.int8)
    >>> bool((decode(encode(rows), 2, 8) == rows).all())
    True
    """
    n, group = encoded.bits, encoded.group
    kept = depth // group * n
    stride = kept + (kept + 1) // 2
    data = np.frombuffer(encoded.data, np.uint8).reshape(channels, stride)
    halves = np.stack([data[:, kept:] & 15, data[:, kept:] >> 4], axis=2).reshape(channels, -1)[:, :kept]
    rows = np.zeros((channels, depth // group, group), np.int8)
    places = halves.reshape(channels, -1, n).astype(np.int64)
    np.put_along_axis(rows, places, data[:, :kept].reshape(channels, -1, n).view(np.int8), axis=2)
    return rows.reshape(channels, depth)


NM = Encoding("nm", True, encode, decode)
