"""Tensors of a ``.tflite``: shapes, types, constants and quantisation, checked against each other."""

from __future__ import annotations

import math
from collections.abc import Set
from typing import Any

import numpy as np

from kws_tfmot.errors import ModelError
from kws_tfmot.tflite.graph import Quantization, Tensor
from kws_tfmot.tflite.schema import QuantizationParametersT, TensorT, enum_names

MAX_RANK = 8
MAX_ELEMENTS = 1 << 26  # of one tensor: 64 M, a thousand times a large keyword spotter's
MAX_TOTAL_ELEMENTS = 1 << 28
MAX_CHANNELS_IN_ALL = 1 << 20

# Types whose constants can be viewed as NumPy arrays; the others stay raw bytes.
NUMPY_TYPES = {
    "float16": "<f2",
    "float32": "<f4",
    "float64": "<f8",
    "int8": "|i1",
    "int16": "<i2",
    "int32": "<i4",
    "int64": "<i8",
    "uint8": "|u1",
    "uint16": "<u2",
    "uint32": "<u4",
    "uint64": "<u8",
    "bool": "|b1",
    "complex64": "<c8",
    "complex128": "<c16",
    "bfloat16": "<u2",
}
_RANGES = {"int4": (-8, 7), "int8": (-128, 127), "uint8": (0, 255), "int16": (-32768, 32767), "uint16": (0, 65535)}


def read_tensors(
    entries: list[TensorT], buffers: list[np.ndarray | None], unread: Set[int] = frozenset()
) -> tuple[Tensor, ...]:
    """Turn the tensor tables of a subgraph into :class:`Tensor` values.

    Args:
        entries: As :func:`kws_tfmot.tflite.document.unpack` returns them.
        buffers: Bytes of each buffer, ``None`` where it is empty.
        unread: Tensors that no operator reads or writes, such as those that hold the quantisation of an LSTM's gates:
            they may have no elements.

    Raises:
        ModelError: If a shape is absurd, or type, shape, buffer and quantisation do not fit each other.
    """
    tensors = []
    elements = channels = 0
    for index, entry in enumerate(entries):
        tensor = _tensor(entry, index, buffers, empty=index in unread)
        elements += math.prod(tensor.shape)
        channels += len(tensor.quantization.scales) if tensor.quantization else 0
        if elements > MAX_TOTAL_ELEMENTS or channels > MAX_CHANNELS_IN_ALL:
            raise ModelError(f"expected at most {MAX_TOTAL_ELEMENTS} elements in all tensors, at tensor {index}.")
        tensors.append(tensor)
    return tuple(tensors)


def _tensor(entry: TensorT, index: int, buffers: list[np.ndarray | None], *, empty: bool) -> Tensor:
    name = (entry.name or b"").decode("utf-8", "replace")
    where = f"tensor {index} ({name!r})"
    dtype = enum_names("TensorType").get(entry.type, "").lower()
    if not dtype:
        raise ModelError(f"{where}: unknown type {entry.type}. Allowed: {sorted(enum_names('TensorType'))}")
    shape = _shape(entry, where, 0 if empty else 1)
    number = entry.buffer
    if number >= len(buffers):
        raise ModelError(f"{where}: refers to buffer {number}; the model has {len(buffers)}.")
    sparse = entry.sparsity is not None
    data = _constant(buffers[number], shape, dtype, sparse, where)
    if data is not None and entry.isVariable:
        raise ModelError(
            f"{where}: a constant that is marked as a variable; interpreters differ in what they make of it."
        )
    quantization = _quantization(entry.quantization, shape, dtype, data is not None, where)
    return Tensor(index, name, shape, dtype, data, quantization, sparse, bool(entry.isVariable))


def _shape(entry: TensorT, where: str, least: int) -> tuple[int, ...]:
    """The static shape. A dynamic batch is -1 in ``shape_signature`` and 1 in ``shape``; TFLM reads the latter."""
    values, signature = _present(entry.shape), _present(entry.shapeSignature)
    if len(values) > MAX_RANK or len(signature) > MAX_RANK:
        raise ModelError(f"{where}: expected at most {MAX_RANK} dimensions. Received: {len(values)}")
    shape = [int(value) for value in values]
    if len(signature) not in (0, len(shape)):
        raise ModelError(f"{where}: shape {shape} and shape_signature {signature.tolist()} differ in rank.")
    if any(value < least for value in shape) or math.prod(shape) > MAX_ELEMENTS:
        raise ModelError(
            f"{where}: expected dimensions of at least {least} and at most {MAX_ELEMENTS} elements. Received: {shape}",
            "Dynamic dimensions other than the batch are not supported: convert with a fixed input shape.",
        )
    return tuple(shape)


def _constant(
    raw: np.ndarray | None, shape: tuple[int, ...], dtype: str, sparse: bool, where: str
) -> np.ndarray | None:
    """The buffer as an array of the tensor's type and shape; one-dimensional where it is sparse or has no such type."""
    if raw is None:
        return None
    if dtype == "int4" and not sparse:
        return _unpack_int4(raw, shape, where)
    if dtype not in NUMPY_TYPES:
        return raw
    numpy_type = np.dtype(NUMPY_TYPES[dtype])
    if sparse:
        if raw.size % numpy_type.itemsize:
            raise ModelError(f"{where}: {raw.size} bytes are no multiple of {numpy_type.itemsize} ({dtype}).")
        return raw.view(numpy_type)
    expected = math.prod(shape) * numpy_type.itemsize
    if raw.size != expected:
        raise ModelError(f"{where}: expected {expected} bytes for {dtype}{list(shape)}. Received: {raw.size}")
    return raw.view(numpy_type).reshape(shape)


def _unpack_int4(raw: np.ndarray, shape: tuple[int, ...], where: str) -> np.ndarray:
    """Two's complement nibbles, the low one first, as int8."""
    count = math.prod(shape)
    if raw.size != (count + 1) // 2:
        raise ModelError(f"{where}: expected {(count + 1) // 2} bytes for int4{list(shape)}. Received: {raw.size}")
    nibbles = np.stack([raw & 15, raw >> 4], axis=-1).reshape(-1)[:count].astype(np.int8)
    values = np.where(nibbles > 7, nibbles - 16, nibbles).astype(np.int8).reshape(shape)
    values.setflags(write=False)
    return values


def _quantization(
    entry: QuantizationParametersT | None, shape: tuple[int, ...], dtype: str, constant: bool, where: str
) -> Quantization | None:
    if entry is None or entry.scale is None or not len(entry.scale):
        return None
    scales = np.asarray(entry.scale, np.float32)
    points = np.asarray(np.zeros(1) if entry.zeroPoint is None else entry.zeroPoint, np.int64)
    axis = int(entry.quantizedDimension)
    if shape == (scales.size,):
        axis = 0  # the one there is: older converters wrote a bias's axis as its layer's
    if scales.size > 1 and not (0 <= axis < len(shape) and shape[axis] == scales.size):
        raise ModelError(f"{where}: {scales.size} scales do not fit axis {axis} of shape {list(shape)}.")
    if points.size not in (1, scales.size):
        raise ModelError(f"{where}: expected 1 or {scales.size} zero points. Received: {points.size}")
    if not np.isfinite(scales).all() or (scales < 0).any() or (not constant and (scales == 0).any()):
        raise ModelError(f"{where}: expected finite, positive scales. Received: {scales[:4].tolist()}")
    low, high = _RANGES.get(dtype, (0, 0))
    if "int" in dtype and ((points < low).any() or (points > high).any()):
        raise ModelError(f"{where}: expected zero points from {low} to {high}. Received: {points[:4].tolist()}")
    # A slimmed file may keep one zero point for all channels.
    return Quantization(tuple(scales.tolist()), tuple(np.broadcast_to(points, scales.shape).tolist()), axis)


def _present(values: Any) -> Any:
    return () if values is None else values
