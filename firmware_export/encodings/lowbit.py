"""Weights of few bits: k-bit numbers as they are, or k-bit indices into tables of the values that occur.

One table serves a layer, or each row has its own: weights that a cluster shares become other bytes in every channel
once each channel has its scale.
"""

from __future__ import annotations

import numpy as np

from firmware_export.encodings.base import Encoded, Encoding

MAX_BITS = 7
MAX_ROW_BITS = 4  # of indices into a row's own table


def _pack(rows: np.ndarray, bits: int) -> bytes:
    """Pack unsigned numbers, least significant bit first, each row from a byte of its own.

    >>> _pack(np.array([[1, 2, 3]]), 2).hex()
    '39'
    """
    expanded = (rows[:, :, None] >> np.arange(bits)) & 1
    return np.packbits(expanded.reshape(rows.shape[0], -1).astype(np.uint8), axis=1, bitorder="little").tobytes()


def _unpack(data: bytes, channels: int, depth: int, bits: int) -> np.ndarray:
    stride = (depth * bits + 7) // 8
    octets = np.frombuffer(data, np.uint8).reshape(channels, stride)
    flat = np.unpackbits(octets, axis=1, bitorder="little")[:, : depth * bits].reshape(channels, depth, bits)
    return (flat.astype(np.int64) << np.arange(bits)).sum(axis=2)


def encode_packed(rows: np.ndarray) -> Encoded | None:
    """k-bit two's complement, k the smallest that holds every weight and at most 7.

    >>> e = encode_packed(np.array([[1, -2, 0, -1]], np.int8))
    >>> e.data.hex(), e.bits
    ('c9', 2)
    """
    low, high = int(rows.min()), int(rows.max())
    bits = next((k for k in range(1, MAX_BITS + 1) if -(1 << (k - 1)) <= low and high < 1 << (k - 1)), None)
    if bits is None:
        return None
    return Encoded(_pack(rows.astype(np.int64) & ((1 << bits) - 1), bits), bits=bits)


def decode_packed(encoded: Encoded, channels: int, depth: int) -> np.ndarray:
    """Inverse of :func:`encode_packed`.

    >>> rows = np.array([[3, -4, 0], [1, 2, -1]], np.int8)
    >>> bool((decode_packed(encode_packed(rows), 2, 3) == rows).all())
    True
    """
    values = _unpack(encoded.data, channels, depth, encoded.bits)
    sign = 1 << (encoded.bits - 1)
    return ((values ^ sign) - sign).astype(np.int8)


def encode_table(rows: np.ndarray) -> Encoded | None:
    """Indices into the sorted list of values that occur, at most 128 of them.

    >>> e = encode_table(np.array([[10, -90, 10, 0]], np.int8))
    >>> e.data.hex(), e.bits, e.table
    ('62', 2, (-90, 0, 10, 0))
    """
    values, indices = np.unique(rows, return_inverse=True)
    bits = max(int(len(values) - 1).bit_length(), 1)
    if bits > MAX_BITS:
        return None
    table = tuple(int(v) for v in values) + (0,) * ((1 << bits) - len(values))
    return Encoded(_pack(indices.reshape(rows.shape), bits), bits=bits, table=table)


def decode_table(encoded: Encoded, channels: int, depth: int) -> np.ndarray:
    """Inverse of :func:`encode_table`.

    >>> rows = np.array([[33, -44, 0], [33, 33, -44]], np.int8)
    >>> bool((decode_table(encode_table(rows), 2, 3) == rows).all())
    True
    """
    return np.array(encoded.table, np.int8)[_unpack(encoded.data, channels, depth, encoded.bits)]


def encode_row_tables(rows: np.ndarray) -> Encoded | None:
    """For each row the sorted values that occur in it, as many as the richest row has and at most 16, then its indices.

    >>> e = encode_row_tables(np.array([[10, -90, 10, 10], [5, 5, 7, 5]], np.int8))
    >>> e.data.hex(), e.bits
    ('a60a0d050704', 1)
    """
    found = [np.unique(row, return_inverse=True) for row in rows]
    bits = max(max(len(values) - 1 for values, _ in found).bit_length(), 1)
    if bits > MAX_ROW_BITS:
        return None
    data = bytearray()
    for values, indices in found:
        data += np.pad(values, (0, (1 << bits) - len(values))).astype(np.int8).tobytes()
        data += _pack(indices.reshape(1, -1), bits)
    return Encoded(bytes(data), bits=bits, group=1)


def decode_row_tables(encoded: Encoded, channels: int, depth: int) -> np.ndarray:
    """Inverse of :func:`encode_row_tables`.

    >>> rows = np.array([[33, -44, 0], [9, 9, 8]], np.int8)
    >>> bool((decode_row_tables(encode_row_tables(rows), 2, 3) == rows).all())
    True
    """
    octets = np.frombuffer(encoded.data, np.uint8).reshape(channels, -1)
    tables = octets[:, : 1 << encoded.bits].view(np.int8)
    indices = _unpack(octets[:, 1 << encoded.bits :].tobytes(), channels, depth, encoded.bits)
    return np.take_along_axis(tables, indices, axis=1)


PACKED = Encoding("packed", False, encode_packed, decode_packed, "lowbit")
TABLE = Encoding("table", False, encode_table, decode_table, "lowbit")
ROW_TABLES = Encoding("row_tables", False, encode_row_tables, decode_row_tables, "lowbit")
