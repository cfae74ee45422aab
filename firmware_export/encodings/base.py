"""What all weight encodings share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

LANE_LIMIT = 1 << 15  # sum |w| of a row that a paired 23-bit lane can hold: 2^15 * 128 = 2^22


@dataclass(frozen=True)
class Encoded:
    """Encoded weights and what the kernel must know beside them."""

    data: bytes
    bits: int = 0  # of packed and table weights; N of N:M; planes of signs
    group: int = 0  # M of N:M; factor of planes; 1: tables of the rows' own
    table: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        """Bytes in flash."""
        return len(self.data) + len(self.table)


@dataclass(frozen=True)
class Encoding:
    """One encoding. ``sparse`` ones skip the multiplications of zeros; :attr:`kernel` names the C that reads it."""

    name: str
    sparse: bool
    encode: Callable[[np.ndarray], Encoded | None]
    decode: Callable[[Encoded, int, int], np.ndarray]
    shared_kernel: str = ""

    @property
    def kernel(self) -> str:
        """Last part of the names of its kernels, ``kws_conv_KERNEL`` and ``kws_fc_KERNEL``."""
        return self.shared_kernel or self.name


def fits_lanes(rows: np.ndarray) -> bool:
    """Whether no row can overflow a 23-bit lane.

    >>> fits_lanes(np.full((1, 258), 127, np.int8)), fits_lanes(np.full((1, 259), 127, np.int8))
    (True, False)
    """
    return rows.size == 0 or int(np.abs(rows.astype(np.int64)).sum(axis=1).max()) < LANE_LIMIT


def as_int8(values: bytes | bytearray) -> np.ndarray:
    """Bytes as int8 numbers."""
    return np.frombuffer(bytes(values), np.int8)
