"""Reading a flatbuffer that nobody vouches for: tables whose every position and length is checked before it is used."""

from __future__ import annotations

import functools
import struct
from typing import Any

import flatbuffers.table
import numpy as np
from flatbuffers import number_types

from kws_tfmot.errors import ModelError

MAX_TABLES = 400_000  # as they are opened; the generated code opens most of them twice
REBUILD = "The file is corrupt or not a TFLite model: download or convert it again."

_UNSIGNED, _SIGNED, _PAIR = struct.Struct("<I"), struct.Struct("<i"), struct.Struct("<HH")


class CountedBytes(bytes):
    """The bytes of a file, with an account of what was read of them.

    Sharing is legal in a flatbuffer, but a small file must not become a huge one: bytes referred to are counted.
    """

    size: int
    spent: int
    tables: int
    field_lists: dict[int, tuple[int, tuple[int, ...]]]  # field list -> bytes of its table, offsets of the fields
    opened: dict[int, tuple[int, ...]]  # table -> offsets of its fields
    asked: dict[int, int] | None  # table -> a bit for each field that was asked for

    def __new__(cls, model: bytes, strict: bool = False) -> CountedBytes:
        """A copy of ``model`` with an empty account, for :meth:`unknown_fields` too where it is ``strict``."""
        self = super().__new__(cls, model)
        self.size = len(model)
        self.spent = self.tables = 0
        self.field_lists, self.opened = {}, {}
        self.asked = {} if strict else None
        return self

    def spend(self, count: int, position: int) -> None:
        """Count ``count`` bytes referred to at ``position``.

        Raises:
            ModelError: If they are more than any file of this size holds.
        """
        self.spent += count
        if self.spent > 8 * self.size + 65536:
            raise ModelError(f"the parts of the file overlap beyond measure, at byte {position}.", REBUILD)

    def fields_at(self, position: int) -> tuple[int, ...]:
        """Offsets of the fields of the table at ``position``, 0 for those that are absent.

        Raises:
            ModelError: If they lie outside the file.
        """
        if not 0 < position <= self.size - 4:
            raise ModelError(f"a table at byte {position} lies outside the file of {self.size} bytes.", REBUILD)
        place = position - _SIGNED.unpack_from(self, position)[0]
        found = self.field_lists.get(place)
        if found is None:
            if not 0 <= place <= self.size - 4:
                raise ModelError(f"the table at byte {position} has its field list outside the file.", REBUILD)
            length, size = _PAIR.unpack_from(self, place)
            if length < 4 or length % 2 or place + length > self.size:
                raise ModelError(f"the table at byte {position} has its field list outside the file.", REBUILD)
            offsets = struct.unpack_from(f"<{length // 2 - 2}H", self, place + 4)
            wrong = [offset for offset in offsets if offset and not 4 <= offset < size]
            if wrong:
                raise ModelError(f"a field of the table at byte {position} lies outside its table.", REBUILD)
            found = self.field_lists[place] = size, offsets
        if position + found[0] > self.size:
            raise ModelError(f"the table at byte {position} reaches out of the file.", REBUILD)
        self.opened[position] = found[1]
        return found[1]

    def unknown_fields(self) -> list[int]:
        """Positions of fields that are there and that nobody asked for, of all tables that were opened."""
        unknown = set()
        for position, offsets in self.opened.items():
            asked = (self.asked or {}).get(position, 0)
            unknown |= {number for number, offset in enumerate(offsets) if offset and not asked >> number & 1}
        return sorted(unknown)


_numpy_type = functools.cache(number_types.to_numpy_type)


class CheckedTable(flatbuffers.table.Table):
    """A table of a :class:`CountedBytes`; what generated readers ask ``flatbuffers.table.Table``, answered with care.

    Raises:
        ModelError: From every method, where the answer lies outside the file.
    """

    __slots__ = ("_asked", "_offsets")

    def __init__(self, buf: CountedBytes, pos: int) -> None:
        self.Bytes, self.Pos = buf, pos  # type: ignore[misc]  # slots of the base, which has no types
        buf.tables += 1
        if buf.tables > MAX_TABLES:
            raise ModelError(f"more than {MAX_TABLES} tables.", REBUILD)
        buf.spend(4, pos)
        self._offsets = buf.opened.get(pos) or buf.fields_at(pos)
        self._asked = buf.asked

    def Offset(self, vtableOffset: int) -> int:
        """Where the field of this slot lies in the table, 0 where it is absent."""
        number = (vtableOffset >> 1) - 2
        if self._asked is not None:
            self._asked[self.Pos] = self._asked.get(self.Pos, 0) | 1 << number
        return self._offsets[number] if number < len(self._offsets) else 0

    def Indirect(self, off: int) -> int:
        """Follow the unsigned offset stored at ``off``."""
        source = self.Bytes
        step = _UNSIGNED.unpack_from(source, off)[0]
        target = off + step
        if step == 0 or target + 4 > source.size:
            raise ModelError(f"the offset {step} at byte {off} leads out of the file.", REBUILD)
        return target

    def Get(self, flags: Any, off: int) -> Any:
        """The number at ``off``."""
        return flags.packer_type.unpack_from(self.Bytes, off)[0]

    def String(self, off: int) -> bytes:
        """The string whose offset is stored at ``off``."""
        start, length = self._extent(self.Indirect(off), 1)
        return bytes(self.Bytes[start : start + length])

    def VectorLen(self, off: int) -> int:
        """Entries of the vector whose offset is stored ``off`` bytes into the table, each of a byte at least."""
        return self._extent(self.Indirect(self.Pos + off), 1)[1]

    def Vector(self, off: int) -> int:
        """Where its entries begin."""
        return self.Indirect(self.Pos + off) + 4

    def GetVectorAsNumpy(self, flags: Any, off: int) -> np.ndarray:
        """Its entries, as a view of the file."""
        start, length = self._extent(self.Indirect(self.Pos + off), flags.bytewidth)
        return np.frombuffer(self.Bytes, _numpy_type(flags), length, start)

    def Union(self, t2: flatbuffers.table.Table, off: int) -> None:
        """Let ``t2`` point to the table of the union whose offset is stored ``off`` bytes into this one."""
        t2.Bytes, t2.Pos = self.Bytes, self.Indirect(self.Pos + off)

    def _extent(self, position: int, width: int) -> tuple[int, int]:
        """Start and length of the vector or string at ``position``."""
        source = self.Bytes
        length = _UNSIGNED.unpack_from(source, position)[0]
        if length * width > source.size - position - 4:
            raise ModelError(
                f"the vector at byte {position} claims {length} entries of {width} bytes, beyond the end of the file.",
                REBUILD,
            )
        source.spend(length * width, position)
        return position + 4, length
