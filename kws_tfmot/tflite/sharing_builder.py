"""Writing a flatbuffer that is byte-stable and has no padding to spare: equal parts once, widest fields first."""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection
from typing import Any

import flatbuffers
import numpy as np

BUFFER_ALIGNMENT = 16  # the schema's force_align of a buffer's data, which generated Python does not know


class SharingBuilder(flatbuffers.Builder):
    """What generated packers write to: a builder that remembers what is written already.

    Tables, strings and vectors of numbers that are equal are written once (tables of one type only); a table's fields
    are written by width, so that nothing lies between them.

    Args:
        aligned: ``id()`` of the arrays whose data must lie at multiples of :data:`BUFFER_ALIGNMENT`.
    """

    def __init__(self, aligned: Collection[int]) -> None:
        super().__init__(1024)
        self._aligned = aligned
        self._written: dict[Any, int] = {}
        self._names: list[str] = []
        self._row: list[tuple[int, int, Any, Any]] = []

    def table(self, name: str, pack: Callable[[flatbuffers.Builder], int]) -> int:
        """Run the packer of a table of type ``name``; return its offset."""
        self._names.append(name)
        try:
            return pack(self)
        finally:
            self._names.pop()

    def StartObject(self, numfields: int) -> None:
        """Begin a table: its parts are written, its fields follow."""
        self._row = []

    def PrependSlot(self, flags: Any, o: int, x: Any, d: Any) -> None:
        """Note a number of the table, unless it is the default."""
        if x != d:
            self._row.append((flags.bytewidth, o, flags, x))

    def PrependUOffsetTRelativeSlot(self, o: int, x: int, d: int) -> None:
        """Note a reference of the table."""
        if x != d:
            self._row.append((4, o, None, x))

    def EndObject(self) -> int:
        """Write the fields noted, or find the equal table that is written already."""
        row = sorted(self._row, key=lambda field: (-field[0], field[1]))
        identity = (self._names[-1], tuple((slot, value) for _, slot, _, value in row))
        return self._once(identity, lambda: self._object(row))

    def _object(self, row: list[tuple[int, int, Any, Any]]) -> int:
        super().StartObject(max([slot + 1 for _, slot, _, _ in row], default=0))
        for _, slot, flags, value in reversed(row):
            if flags is None:
                super().PrependUOffsetTRelativeSlot(slot, value, 0)
            else:
                super().PrependSlot(flags, slot, value, None)
        return int(super().EndObject())

    def CreateString(self, s: str | bytes, encoding: str = "utf-8", errors: str = "strict") -> int:
        """Write a string, once."""
        return self._once(("string", s), lambda: super(SharingBuilder, self).CreateString(s, encoding, errors))

    def CreateNumpyVector(self, x: np.ndarray) -> int:
        """Write a vector of numbers, once."""
        width = x.dtype.itemsize
        alignment = BUFFER_ALIGNMENT if id(x) in self._aligned else max(width, 4)
        data = np.ascontiguousarray(x, x.dtype.newbyteorder("<")).tobytes()
        return self._once((alignment, data), lambda: self._numbers(data, width, alignment))

    def _numbers(self, data: bytes, width: int, alignment: int) -> int:
        self.Prep(alignment, len(data))
        position = self.CreateByteVector(data)
        if width > 1:  # CreateByteVector counted bytes; the length prefix counts entries
            struct.pack_into("<I", self.Bytes, len(self.Bytes) - position, len(data) // width)
        return int(position)

    def _once(self, identity: Any, write: Callable[[], int]) -> int:
        if identity not in self._written:
            self._written[identity] = write()
        return self._written[identity]
