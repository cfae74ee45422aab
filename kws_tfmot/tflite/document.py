"""A ``.tflite`` as one typed, editable model, LiteRT's ``ModelT``, and back: nothing else reads or writes its bytes.

Reading trusts nothing: every position, length and field list is checked before it is used, the number of tables and
the bytes referred to are bounded by the size of the file, and vectors stay read-only views of it. Writing is
byte-stable and shares equal tables, strings and vectors.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flatbuffers.builder
import numpy as np

from kws_tfmot.errors import ModelError, did_you_mean
from kws_tfmot.kinds import received
from kws_tfmot.tflite.checked_table import REBUILD, CountedBytes
from kws_tfmot.tflite.schema import BufferT, ModelT, enum_names
from kws_tfmot.tflite.sharing_builder import SharingBuilder
from kws_tfmot.zoo import PREFIX, model_names

IDENTIFIER = b"TFL3"
MAX_FILE_BYTES = 1 << 30
# What the vectors hold that are edited here; generated packers write an array as it is.
_TYPES = {
    "inputs": np.int32,
    "outputs": np.int32,
    "intermediates": np.int32,
    "shape": np.int32,
    "shapeSignature": np.int32,
    "min": np.float32,
    "max": np.float32,
    "scale": np.float32,
    "zeroPoint": np.int64,
    "customOptions": np.uint8,
    "data": np.uint8,
}


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
    try:
        return path.read_bytes()
    except OSError as err:
        raise ModelError(f"the model {path} cannot be read: {err.strerror}", "Check its permissions.") from None


def unpack(model: bytes, *, strict: bool = False) -> ModelT:
    """Read the whole flatbuffer ``model``.

    Data of new-style large buffers (``offset`` and ``size`` beside the flatbuffer proper) is put in its place.

    Args:
        model: The bytes of a ``.tflite`` file.
        strict: Refuse what the schema of the pinned LiteRT does not know, since :func:`pack` would lose it.

    Raises:
        ModelError: If anything in it does not fit the file or the schema.
    """
    source = CountedBytes(model, strict)
    root = _parsed(model, source)
    if strict:
        _refuse_unknown(root, source)
    for number, buffer in enumerate(root.buffers or ()):
        _bring_home(buffer, number, model)
    return root


def _parsed(model: bytes, source: CountedBytes) -> ModelT:
    if len(model) < 8 or model[4:8] != IDENTIFIER:
        raise ModelError(f"expected the identifier {IDENTIFIER!r} at byte 4. Received: {model[4:8]!r}", REBUILD)
    try:
        return ModelT.InitFromPackedBuf(source)
    except (struct.error, IndexError, ValueError, OverflowError, TypeError) as err:
        raise ModelError(f"the flatbuffer cannot be read: {err}.", REBUILD) from None


def gathered(model: bytes) -> bytes:
    """``model`` with the data of every buffer within the flatbuffer; the same bytes where they are.

    TFLM does not know data behind it, takes such weights for empty and computes on without an error.

    Raises:
        ModelError: As :func:`unpack`.
    """
    behind = any(buffer.offset > 1 for buffer in _parsed(model, CountedBytes(model, False)).buffers or ())
    return pack(unpack(model, strict=True)) if behind else model


def _refuse_unknown(root: ModelT, source: CountedBytes) -> None:
    if unknown := source.unknown_fields():
        raise ModelError(
            f"the model has tables with fields at positions {unknown} that are newer than the schema used here.",
            "Convert the model with the pinned TensorFlow, or update the package ai-edge-litert.",
        )
    for subgraph in root.subgraphs or ():
        for operator in subgraph.operators or ():
            for number, union in (
                (operator.builtinOptionsType, "BuiltinOptions"),
                (operator.builtinOptions2Type, "BuiltinOptions2"),
            ):
                if number not in enum_names(union):
                    raise ModelError(f"unknown type {number} of the union {union}.", REBUILD)


def _bring_home(buffer: BufferT, number: int, model: bytes) -> None:
    """Replace offset and size of a large buffer by its data. Offset 0 and 1 are the schema's "no data"."""
    offset, size = buffer.offset, buffer.size
    buffer.offset = buffer.size = 0
    if offset <= 1:
        return
    if offset + size > len(model):
        raise ModelError(
            f"buffer {number} lies at bytes {offset} to {offset + size}, outside the file of {len(model)} bytes.",
            REBUILD,
        )
    buffer.data = np.frombuffer(model, np.uint8, size, offset)


def pack(root: ModelT) -> bytes:
    """Write a model; the data of buffers is aligned to 16 bytes.

    Equal inputs give equal bytes. Fields that hold their default are left out, equal parts are written once.

    Raises:
        ModelError: If a value does not fit its field, or a table has an attribute that the schema does not have.
    """
    try:
        for table in _tables(root):
            for name, value in vars(table).items():
                if name in _TYPES and value is not None:
                    setattr(table, name, np.ascontiguousarray(value, _TYPES[name]))
        builder = SharingBuilder({id(buffer.data) for buffer in root.buffers or ()})
        builder.Finish(root.Pack(builder), file_identifier=IDENTIFIER)
    except (
        TypeError,
        ValueError,
        struct.error,
        OverflowError,
        AttributeError,
        flatbuffers.builder.BuilderSizeError,
    ) as err:
        raise ModelError(
            f"the model cannot be written as a flatbuffer: {err}.", "Give every field a value of its type and range."
        ) from err
    return bytes(builder.Output())


def _tables(root: ModelT) -> Iterator[Any]:
    """Every table with vectors of numbers that are edited."""
    yield from root.buffers or ()
    for subgraph in root.subgraphs or ():
        yield subgraph
        yield from subgraph.operators or ()
        for tensor in subgraph.tensors or ():
            yield tensor
            if tensor.quantization is not None:
                yield tensor.quantization
