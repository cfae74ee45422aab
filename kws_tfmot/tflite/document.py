"""A flatbuffer as nested dictionaries and back: the one place that parses or writes the bytes of a ``.tflite``.

Reading trusts nothing: every position, length and vtable is checked before it is used, the number of tables and the
bytes referred to are bounded by the size of the file, and vectors stay views of it. Writing is byte-stable and shares
equal tables, strings and vectors.

A table is a dictionary of the fields that are present, by schema name; a vector of scalars is a read-only NumPy array,
a string is ``bytes``, a union is a pair ``(name of the table, its fields)``.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from flatbuffers import number_types

from kws_tfmot.errors import ModelError, did_you_mean
from kws_tfmot.kinds import received
from kws_tfmot.tflite.schema import UNION_TYPES, Field, Kind, enum_names, enum_values, table_fields
from kws_tfmot.zoo import PREFIX, model_names

Table = dict[str, Any]

IDENTIFIER = b"TFL3"
MAX_FILE_BYTES = 1 << 30
MAX_TABLES = 200_000
MAX_DEPTH = 16
BUFFER_ALIGNMENT = 16  # the schema's force_align of a buffer's data
_REBUILD = "The file is corrupt or not a TFLite model: download or convert it again."


def read_source(source: str | Path | bytes) -> bytes:
    """The bytes of ``source``, a path or the bytes themselves.

    Raises:
        ModelError: If there is no such file, or it is larger than ``MAX_FILE_BYTES``.
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        return bytes(source)
    path = Path(source)
    if other := received(path, "a TFLite model"):
        raise ModelError(*other)
    if not path.is_file():
        names = model_names()
        guess = did_you_mean(str(path).removeprefix(PREFIX), names)
        raise ModelError(
            f"no model file at {str(path)!r}.{guess}",
            f"Give the path of a .tflite file, or the name of a model that ships: {', '.join(names)}.",
        )
    if path.stat().st_size > MAX_FILE_BYTES:
        raise ModelError(f"expected a file of at most {MAX_FILE_BYTES} bytes. Received: {path.stat().st_size} bytes.")
    return path.read_bytes()


def unpack(model: bytes, *, strict: bool = False) -> Table:
    """Read the whole flatbuffer ``model`` into nested dictionaries.

    Data of new-style large buffers (``offset`` and ``size`` beside the flatbuffer proper) is put in its place.

    Args:
        model: The bytes of a ``.tflite`` file.
        strict: Refuse fields that the schema of the ``tflite`` package does not know, since :func:`pack` would lose
            them.

    Raises:
        ModelError: If anything in it does not fit the file or the schema.
    """
    if len(model) < 8 or model[4:8] != IDENTIFIER:
        raise ModelError(f"expected the identifier {IDENTIFIER!r} at byte 4. Received: {model[4:8]!r}", _REBUILD)
    parser = _Parser(model, strict)
    try:
        root = parser.table(parser.reference(0), "Model", 0)
    except (struct.error, IndexError, ValueError, OverflowError) as err:
        raise ModelError(f"the flatbuffer cannot be read: {err}.", _REBUILD) from None
    for number, buffer in enumerate(root.get("buffers", [])):
        _bring_home(buffer, number, model)
    return root


def _bring_home(buffer: Table, number: int, model: bytes) -> None:
    """Replace offset and size of a large buffer by its data. Offset 0 and 1 are the schema's "no data"."""
    offset, size = buffer.pop("offset", 0), buffer.pop("size", 0)
    if offset <= 1:
        return
    if offset + size > len(model):
        raise ModelError(
            f"buffer {number} lies at bytes {offset} to {offset + size}, outside the file of {len(model)} bytes.",
            _REBUILD,
        )
    buffer["data"] = np.frombuffer(model, np.uint8, size, offset)


class _Parser:
    """Reads tables of one file, and keeps account of how much was read."""

    def __init__(self, model: bytes, strict: bool) -> None:
        self._model = model
        self._size = len(model)
        self._strict = strict
        self._tables = 0
        self._spent = 0

    def _spend(self, count: int, where: str) -> None:
        """Count bytes referred to: sharing is legal, but a small file must not stand for a huge one."""
        self._spent += count
        if self._spent > 8 * self._size + 65536:
            raise ModelError(f"the parts of the file overlap beyond measure, at {where}.", _REBUILD)

    def reference(self, position: int) -> int:
        """Follow the unsigned offset stored at ``position``."""
        (offset,) = struct.unpack_from("<I", self._model, position)
        target = position + offset
        if offset == 0 or target + 4 > self._size:
            raise ModelError(f"the offset {offset} at byte {position} leads out of the file.", _REBUILD)
        return target

    def table(self, position: int, name: str, depth: int) -> Table:
        """Read the table of type ``name`` at ``position``."""
        self._tables += 1
        self._spend(4, name)
        if self._tables > MAX_TABLES or depth > MAX_DEPTH:
            raise ModelError(f"more than {MAX_TABLES} tables or {MAX_DEPTH} levels, at {name}.", _REBUILD)
        (back,) = struct.unpack_from("<i", self._model, position)
        vtable = position - back
        if not 0 <= vtable <= self._size - 4:
            raise ModelError(f"the table {name} at byte {position} has its field list outside the file.", _REBUILD)
        vtable_size, table_size = struct.unpack_from("<HH", self._model, vtable)
        if (
            vtable_size < 4
            or vtable_size % 2
            or vtable + vtable_size > self._size
            or position + table_size > self._size
        ):
            raise ModelError(f"the table {name} at byte {position} reaches out of the file.", _REBUILD)
        offsets = struct.unpack_from(f"<{vtable_size // 2 - 2}H", self._model, vtable + 4)
        fields = table_fields(name)
        values: Table = {}
        for field in fields:
            number = field.slot // 2 - 2
            if number >= len(offsets) or not offsets[number]:
                continue
            if not 4 <= offsets[number] <= table_size - field.width:
                raise ModelError(f"the field {name}.{field.name} at byte {position} lies outside its table.", _REBUILD)
            values[field.name] = self._value(field, position + offsets[number], values, f"{name}.{field.name}", depth)
        if self._strict:
            self._refuse_unknown(name, fields, offsets)
        return {key: value for key, value in values.items() if value is not None}

    def _refuse_unknown(self, name: str, fields: tuple[Field, ...], offsets: tuple[int, ...]) -> None:
        known = {field.slot // 2 - 2 for field in fields}
        unknown = [number for number, offset in enumerate(offsets) if offset and number not in known]
        if unknown:
            raise ModelError(
                f"the table {name} has fields at positions {unknown} that are newer than the schema used here.",
                "Convert the model with the pinned TensorFlow, or update the package tflite.",
            )

    def _value(self, field: Field, position: int, so_far: Table, where: str, depth: int) -> Any:
        if field.kind is Kind.SCALAR:
            return field.flags.packer_type.unpack_from(self._model, position)[0]
        if field.kind is Kind.UNION:
            return self._union(field, position, so_far, depth)
        target = self.reference(position)
        if field.kind is Kind.TABLE:
            return self.table(target, field.table, depth + 1)
        if field.kind is Kind.STRING:
            start, length = self._extent(target, 1, where)
            return self._model[start : start + length]
        if field.kind is Kind.SCALARS:
            start, length = self._extent(target, field.flags.bytewidth, where)
            return np.frombuffer(self._model, dtype_of(field), length, start)
        start, length = self._extent(target, 4, where)
        targets = [self.reference(start + 4 * number) for number in range(length)]
        if field.kind is Kind.TABLES:
            return [self.table(each, field.table, depth + 1) for each in targets]
        extents = [self._extent(each, 1, where) for each in targets]
        return [self._model[first : first + count] for first, count in extents]

    def _union(self, field: Field, position: int, so_far: Table, depth: int) -> Any:
        number = so_far.pop(f"{field.name}_type", 0)
        table = enum_names(UNION_TYPES[field.name]).get(number)
        if table is None:
            if self._strict:
                raise ModelError(f"unknown type {number} of the union {field.name}.", _REBUILD)
            return None
        if number == 0 or table == "CustomQuantization":
            return None
        return (table, self.table(self.reference(position), table, depth + 1))

    def _extent(self, position: int, width: int, where: str) -> tuple[int, int]:
        """Start and length of the vector or string at ``position``."""
        (length,) = struct.unpack_from("<I", self._model, position)
        if length * width > self._size - position - 4:
            raise ModelError(f"{where} claims {length} entries of {width} bytes, beyond the end of the file.", _REBUILD)
        self._spend(length * width, where)
        return position + 4, length


def dtype_of(field: Field) -> np.dtype[Any]:
    """NumPy type of the entries of a vector of scalars."""
    if field.flags is number_types.BoolFlags:
        return np.dtype(np.uint8)
    return np.dtype(number_types.to_numpy_type(field.flags)).newbyteorder("<")


def pack(root: Table) -> bytes:
    """Write nested dictionaries as :func:`unpack` returns them; the data of buffers is aligned to 16 bytes.

    Equal inputs give equal bytes. Fields that hold their default are left out, equal parts are written once.

    Raises:
        ModelError: If a value does not fit its field.
    """
    builder = flatbuffers.Builder(1024)
    try:
        builder.Finish(_Writer(builder).table(root, "Model"), file_identifier=IDENTIFIER)
    except (TypeError, ValueError, struct.error, OverflowError, flatbuffers.builder.BuilderSizeError) as err:
        raise ModelError(f"the model cannot be written as a flatbuffer: {err}.") from err
    return bytes(builder.Output())


class _Writer:
    """Writes tables bottom-up and remembers what is written already."""

    def __init__(self, builder: flatbuffers.Builder) -> None:
        self._builder = builder
        self._written: dict[Any, int] = {}

    def table(self, values: Table, name: str) -> int:
        """Write the table ``values`` of type ``name`` and return its offset."""
        fields = {field.name: field for field in table_fields(name)}
        unknown = sorted(set(values) - set(fields))
        if unknown:
            raise ModelError(f"the table {name} has no fields {unknown}. Allowed: {sorted(fields)}.")
        row: list[tuple[Field, Any]] = []
        for key, field in fields.items():  # in schema order, whatever the order of the dictionary
            value = values.get(key)
            if value is None:
                continue
            if field.kind is Kind.UNION:
                kind, inner = value
                row.append((fields[f"{key}_type"], enum_values(UNION_TYPES[key])[kind]))
                row.append((field, self.table(inner, kind)))
            else:
                row.append((field, value if field.kind is Kind.SCALAR else self._child(field, value)))
        # Widest first, then by slot: no padding between fields.
        row.sort(key=lambda entry: (-entry[0].width, entry[0].slot))
        row = [(f, v) for f, v in row if f.kind is not Kind.SCALAR or v != f.default]
        identity = (name, tuple((field.slot, value) for field, value in row))
        if identity not in self._written:
            self._written[identity] = self._object(row)
        return self._written[identity]

    def _object(self, row: list[tuple[Field, Any]]) -> int:
        slots = max([field.slot // 2 - 1 for field, _ in row], default=0)
        self._builder.StartObject(slots)
        for field, value in reversed(row):
            if field.kind is Kind.SCALAR:
                self._builder.PrependSlot(field.flags, field.slot // 2 - 2, value, None)
            else:
                self._builder.PrependUOffsetTRelativeSlot(field.slot // 2 - 2, value, 0)
        return self._builder.EndObject()

    def _child(self, field: Field, value: Any) -> int:
        if field.kind is Kind.TABLE:
            return self.table(value, field.table)
        if field.kind is Kind.TABLES:
            return self._references([self.table(each, field.table) for each in value])
        if field.kind is Kind.STRING:
            return self._once(("string", value), lambda: self._builder.CreateString(value))
        if field.kind is Kind.STRINGS:
            return self._references([self._once(("s", v), lambda v=v: self._builder.CreateString(v)) for v in value])
        data = np.ascontiguousarray(value, dtype_of(field)).tobytes()
        width = field.flags.bytewidth
        alignment = BUFFER_ALIGNMENT if (field.name, width) == ("data", 1) else max(width, 4)
        return self._once((alignment, data), lambda: self._scalars(data, width, alignment))

    def _scalars(self, data: bytes, width: int, alignment: int) -> int:
        self._builder.Prep(alignment, len(data))
        position = self._builder.CreateByteVector(data)
        if width > 1:  # CreateByteVector counted bytes; the length prefix counts entries
            start = len(self._builder.Bytes) - position
            struct.pack_into("<I", self._builder.Bytes, start, len(data) // width)
        return position

    def _references(self, offsets: list[int]) -> int:
        self._builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self._builder.PrependUOffsetTRelative(offset)
        return self._builder.EndVector()

    def _once(self, identity: Any, write: Any) -> int:
        if identity not in self._written:
            self._written[identity] = write()
        return self._written[identity]
