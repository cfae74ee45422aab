"""N:M sparsity: at most N weights of every M neighbours are not zero. 1.5 * N / M bytes a weight, equal rows."""

from __future__ import annotations

import numpy as np

from firmware_export.encodings.base import Encoded, Encoding, as_int8, fits_lanes

GROUPS = (4, 8)  # so that two kept neighbours are at most 15 places apart


def _most(rows: np.ndarray, group: int) -> int:
    return int(np.count_nonzero(rows.reshape(rows.shape[0], -1, group), axis=2).max())


def encode(rows: np.ndarray) -> Encoded | None:
    """Each row: pairs of kept weights, {step0 | step1 << 4, w0, w1}, where a step leads on from the place before.

    Exactly N weights of every group are kept, zeros among them where it has fewer; M is the one of 4 and 8 that gives
    the fewest bytes, N follows from the matrix. An odd number is completed by a zero weight with step 0.

    >>> e = encode(np.array([[0, 5, 0, 0, 0, 0, 0, -1]], np.int8))
    >>> e.data.hex(), e.bits, e.group
    ('6105ff', 1, 4)
    """
    channels, depth = rows.shape
    fitting = [m for m in GROUPS if depth % m == 0]
    if not fitting or not fits_lanes(rows):
        return None
    kept, group = min((max(_most(rows, m), 1) * (depth // m), m) for m in fitting)
    n = kept * group // depth
    within = np.sort(np.argsort(rows.reshape(channels, -1, group) == 0, axis=2, kind="stable")[:, :, :n], axis=2)
    places = (within + np.arange(0, depth, group)[:, None]).reshape(channels, kept)
    weights = np.take_along_axis(rows, places, axis=1)
    steps = np.diff(places, axis=1, prepend=0)
    if kept % 2:
        steps, weights = np.pad(steps, ((0, 0), (0, 1))), np.pad(weights, ((0, 0), (0, 1)))
    groups = np.stack(
        [steps[:, ::2] | steps[:, 1::2] << 4, weights[:, ::2].view(np.uint8), weights[:, 1::2].view(np.uint8)], axis=2
    )
    return Encoded(groups.astype(np.uint8).tobytes(), bits=n, group=group)


def decode(encoded: Encoded, channels: int, depth: int) -> np.ndarray:
    """Inverse of :func:`encode`.

    >>> rows = np.array([[0, 5, 0, 0, 0, 0, 0, -1], [0, 0, 0, 0, 0, 0, 9, 0]], np.int8)
    >>> bool((decode(encode(rows), 2, 8) == rows).all())
    True
    """
    kept = depth // encoded.group * encoded.bits
    groups = np.frombuffer(encoded.data, np.uint8).reshape(channels, -1, 3)
    steps = np.stack([groups[:, :, 0] & 15, groups[:, :, 0] >> 4], axis=2).reshape(channels, -1)[:, :kept]
    weights = as_int8(groups[:, :, 1:].tobytes()).reshape(channels, -1)[:, :kept]
    rows = np.zeros((channels, depth), np.int8)
    np.put_along_axis(rows, np.cumsum(steps.astype(np.int64), axis=1), weights, axis=1)
    return rows


NM = Encoding("nm", True, encode, decode)
