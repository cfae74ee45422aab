"""How the weights of one layer are stored: each encoding is a pair of pure functions on NumPy arrays.

``encode(rows)`` turns an int8 matrix ``[channels, depth]`` into the bytes its kernel reads, or ``None`` where the
matrix does not suit it; ``decode`` gives the matrix back exactly.
"""

from __future__ import annotations

from firmware_export.encodings.base import Encoded, Encoding
from firmware_export.encodings.bitmap import BITMAP
from firmware_export.encodings.block import BLOCK
from firmware_export.encodings.delta import DELTA
from firmware_export.encodings.delta4 import DELTA4
from firmware_export.encodings.dense import DENSE
from firmware_export.encodings.index import INDEX
from firmware_export.encodings.lowbit import PACKED, ROW_TABLES, TABLE
from firmware_export.encodings.nm import NM
from firmware_export.encodings.planes import PLANES

_ALL = (DENSE, BITMAP, DELTA4, DELTA, INDEX, BLOCK, NM, PACKED, TABLE, ROW_TABLES, PLANES)
ENCODINGS: dict[str, Encoding] = {e.name: e for e in _ALL}

__all__ = ["ENCODINGS", "Encoded", "Encoding"]
