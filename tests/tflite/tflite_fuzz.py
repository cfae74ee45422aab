"""Plain mutations of a file's bytes, reproducible from a seed."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np

_EXTREMES = (0, 1, 2, 4, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFC)


def mutations(data: bytes, count: int, seed: int) -> Iterator[bytes]:
    """Yield ``count`` variants: flipped bits, extreme words, cut, doubled, swapped and zeroed stretches."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        changed = bytearray(data)
        for _ in range(int(rng.integers(1, 5))):
            at = int(rng.integers(0, max(len(changed) - 4, 1)))
            match int(rng.integers(0, 7)):
                case 0:
                    changed[at] ^= 1 << int(rng.integers(0, 8))
                case 1:
                    changed[at & ~3 : (at & ~3) + 4] = struct.pack("<I", int(rng.choice(_EXTREMES)))
                case 2:
                    changed[at] = int(rng.integers(0, 256))
                case 3:
                    del changed[at:]
                case 4:
                    changed[at : at + 4] = changed[:4]
                case 5:
                    to = int(rng.integers(0, max(len(changed) - 4, 1)))
                    changed[at & ~3 : (at & ~3) + 4] = changed[to & ~3 : (to & ~3) + 4]
                case _:
                    changed[at : at + 16] = bytes(len(changed[at : at + 16]))
            if len(changed) < 8:
                break
        yield bytes(changed)
