"""Sparse-encoded tensors (SparsityParameters) of a ``.tflite``: decoding them, and checking them against dense ones.

The format is that of TACO-like tree compression as TFLite has it: dimensions (and blocks, appended as extra dimensions)
are visited in ``traversal_order``, each either dense or in compressed rows (segments and indices).
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from kws_tfmot.errors import ModelError, way_out
from kws_tfmot.tflite.document import read_source
from kws_tfmot.tflite.edit import constant_of, open_for_edit, tensors_of
from kws_tfmot.tflite.schema import DimensionMetadataT, SparsityParametersT, snake_case

_DENSE, _CSR = 0, 1
_MAX_DENSE_ELEMENTS = 1 << 26


def densify(values: np.ndarray, shape: tuple[int, ...], sparsity: SparsityParametersT) -> np.ndarray:
    """The dense array that a sparse encoding represents.

    Args:
        values: Stored values, in traversal order.
        shape: Shape of the dense tensor.
        sparsity: The table of that name.

    Raises:
        ModelError: If the encoding does not describe an array of this shape; among others where a blocked dimension is
            no multiple of its block, which the converter writes with the last columns missing.
    """
    order = [int(axis) for axis in _present(sparsity.traversalOrder)]
    blocked = [int(axis) for axis in _present(sparsity.blockMap)]
    levels = sparsity.dimMetadata or []
    rank = len(shape)
    if sorted(order) != list(range(rank + len(blocked))) or len(levels) != len(order):
        raise ModelError(f"the traversal order {order} does not fit shape {list(shape)} with blocks of {blocked}.")
    if math.prod(shape) > _MAX_DENSE_ELEMENTS or any(not 0 <= axis < rank for axis in blocked):
        raise ModelError(f"the shape {list(shape)} with blocks of {blocked} cannot be decoded.")
    extents = _extents(shape, order, blocked, levels)
    coordinates = _walk(levels, [extents[axis] for axis in order])
    if len(coordinates) != values.size:
        raise ModelError(f"the encoding has {values.size} values for {len(coordinates)} positions.")
    by_axis = np.empty_like(coordinates)
    by_axis[:, order] = coordinates
    position = by_axis[:, :rank].copy()
    for number, axis in enumerate(blocked):
        position[:, axis] = position[:, axis] * extents[rank + number] + by_axis[:, rank + number]
    dense = np.zeros(shape, values.dtype)
    dense[tuple(position.T)] = values
    return dense


def _extents(
    shape: tuple[int, ...], order: list[int], blocked: list[int], levels: list[DimensionMetadataT]
) -> list[int]:
    """Size of every dimension: of the outer ones in blocks, then of the blocks themselves."""
    extents = [*shape, *([0] * len(blocked))]
    for number, axis in enumerate(blocked):
        size = int(levels[order.index(len(shape) + number)].denseSize)
        if size < 1 or shape[axis] % size:
            raise ModelError(
                f"dimension {axis} of {list(shape)} is no multiple of its block of {size}: the converter drops data.",
                "Make the layer's input size a multiple of 16 (int8) or 4 (float32), or use no sparse encoding.",
            )
        extents[len(shape) + number] = size
        extents[axis] //= size
    return extents


def _walk(levels: list[DimensionMetadataT], sizes: list[int]) -> np.ndarray:
    """Coordinates ``[values, levels]`` in traversal order."""
    coordinates = np.zeros((1, 0), np.int64)
    for level, size in zip(levels, sizes, strict=True):
        count = len(coordinates)
        if level.format == _DENSE:
            if count * size > _MAX_DENSE_ELEMENTS:
                raise ModelError("the sparse encoding expands beyond measure.")
            new = np.tile(np.arange(size), count)
            parents = np.repeat(np.arange(count), size)
        else:
            segments, indices = _vector(level, "arraySegments"), _vector(level, "arrayIndices")
            if len(segments) != count + 1 or (np.diff(segments) < 0).any() or segments[0] != 0:
                raise ModelError("the segments of a sparse dimension are inconsistent.")
            if segments[-1] != len(indices) or (len(indices) and not 0 <= indices.min() <= indices.max() < size):
                raise ModelError("the indices of a sparse dimension are inconsistent.")
            new = indices
            parents = np.repeat(np.arange(count), np.diff(segments))
        coordinates = np.concatenate([coordinates[parents], new[:, None]], axis=1)
    return coordinates


def _vector(level: DimensionMetadataT, name: str) -> np.ndarray:
    union = getattr(level, name)
    if union is None:
        raise ModelError(f"a sparse dimension lacks its {snake_case(name)}.")
    return np.asarray(_present(union.values), np.int64)


def _present(values: Any) -> Any:
    return () if values is None else values


@way_out("Convert it again, without sparse encoding.")
def sparse_weights(source: str | Path | bytes) -> dict[int, np.ndarray]:
    """Every sparse-encoded tensor of a model, decoded, by tensor index.

    Raises:
        ModelError: If the file is corrupt, or an encoding does not fit its tensor.
    """
    root = open_for_edit(read_source(source))
    decoded = {}
    for index, tensor in enumerate(tensors_of(root)):
        if tensor.sparsity is None:
            continue
        values = constant_of(root, tensor)
        if values is None:
            raise ModelError(f"the sparse tensor {index} has no data.")
        try:
            decoded[index] = densify(values, tuple(int(size) for size in tensor.shape), tensor.sparsity)
        except ModelError as err:
            name = (tensor.name or b"").decode("utf-8", "replace")
            raise ModelError(f"tensor {index} ({name!r}): {err.message}", err.hint) from None
    return decoded


def check_against_dense(sparse_model: bytes, dense_model: bytes) -> int:
    """Check that every sparse tensor decodes to a constant of the dense model; return how many there are.

    Raises:
        ModelError: If a tensor decodes to something else.
    """
    decoded = sparse_weights(sparse_model)
    root = open_for_edit(dense_model)
    constants = [constant_of(root, tensor) for tensor in tensors_of(root)]
    dense = {_unsigned_zeros(values) for values in constants if values is not None}
    wrong = [index for index, array in decoded.items() if _unsigned_zeros(array) not in dense]
    if wrong:
        raise ModelError(
            f"the sparse-encoded tensors {wrong} do not decode to the dense model's weights (a bug of the converter).",
            "Convert without sparse encoding.",
        )
    return len(decoded)


def _unsigned_zeros(values: np.ndarray) -> bytes:
    """The bytes with -0.0 written as 0.0: a mask times a negative float keeps the sign, an encoding does not."""
    return (values + values.dtype.type(0)).tobytes()
