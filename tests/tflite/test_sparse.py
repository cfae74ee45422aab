"""Decoding TFLite's sparse tensors, against encodings written out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from kws_tfmot.errors import ModelError
from kws_tfmot.tflite.schema import DimensionMetadataT, Int32VectorT, SparsityParametersT, Uint8VectorT
from kws_tfmot.tflite.sparse import densify


def level(size: int = 0, segments=None, indices=None) -> DimensionMetadataT:
    """A dense level of a size, or a compressed one."""
    if segments is None:
        return DimensionMetadataT(denseSize=size)
    return DimensionMetadataT(
        format=1,
        arraySegments=Int32VectorT(values=np.array(segments, np.int32)),
        arrayIndices=Uint8VectorT(values=np.array(indices, np.uint8)),
    )


def axes(*order: int):
    return np.array(order, np.int32)


def test_compressed_rows():
    encoding = SparsityParametersT(traversalOrder=axes(0, 1), dimMetadata=[level(3), level(0, [0, 1, 1, 3], [2, 0, 3])])
    dense = densify(np.array([5, 6, 7], np.int8), (3, 4), encoding)
    assert dense.tolist() == [[0, 0, 5, 0], [0, 0, 0, 0], [6, 0, 0, 7]]


def test_compressed_columns():
    encoding = SparsityParametersT(traversalOrder=axes(1, 0), dimMetadata=[level(3), level(0, [0, 1, 2, 2], [1, 0])])
    assert densify(np.array([5, 6], np.int8), (2, 3), encoding).tolist() == [[0, 6, 0], [5, 0, 0]]


def test_blocks():
    encoding = SparsityParametersT(
        traversalOrder=axes(0, 1, 2),
        blockMap=axes(1),
        dimMetadata=[level(2), level(0, [0, 1, 2], [1, 0]), level(2)],
    )
    dense = densify(np.array([1, 2, 3, 4], np.float32), (2, 4), encoding)
    assert dense.tolist() == [[0, 0, 1, 2], [3, 4, 0, 0]]


def test_random_matrices_come_back():
    rng = np.random.default_rng(0)
    for _ in range(50):
        shape = tuple(rng.integers(1, 9, 3))
        dense = rng.integers(1, 9, shape) * (rng.random(shape) < 0.3)
        rows = dense.reshape(-1, shape[2])
        segments = [0, *np.cumsum((rows != 0).sum(axis=1))]
        encoding = SparsityParametersT(
            traversalOrder=axes(0, 1, 2),
            dimMetadata=[level(int(shape[0])), level(int(shape[1])), level(0, segments, np.nonzero(rows)[1])],
        )
        assert np.array_equal(densify(dense[dense != 0], shape, encoding), dense)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"traversalOrder": axes(0, 0)}, "traversal order"),
        ({"traversalOrder": axes(0)}, "traversal order"),
        ({"blockMap": axes(5), "traversalOrder": axes(0, 1, 2)}, "does not fit|cannot be decoded"),
        ({"dimMetadata": [level(3), level(0, [0, 1, 1, 3], [2, 0, 9])]}, "indices"),
        ({"dimMetadata": [level(3), level(0, [0, 2, 1, 3], [2, 0, 3])]}, "segments"),
        ({"dimMetadata": [level(3), level(0, [0, 1, 1], [2])]}, "segments"),
        ({"dimMetadata": [level(3), level(0, [0, 1, 1, 2], [2, 0])]}, "3 values for 2 positions"),
        ({"dimMetadata": [level(3), DimensionMetadataT(format=1)]}, "lacks"),
    ],
)
def test_inconsistent_encodings_are_refused(changes, message):
    good = {"traversalOrder": axes(0, 1), "dimMetadata": [level(3), level(0, [0, 1, 1, 3], [2, 0, 3])]}
    with pytest.raises(ModelError, match=message):
        densify(np.array([5, 6, 7], np.int8), (3, 4), SparsityParametersT(**good | changes))


def test_a_shape_that_is_no_multiple_of_the_block_is_refused():
    encoding = SparsityParametersT(
        traversalOrder=axes(0, 1, 2),
        blockMap=axes(1),
        dimMetadata=[level(2), level(0, [0, 1, 2], [1, 0]), level(2)],
    )
    with pytest.raises(ModelError, match="no multiple of its block of 2"):
        densify(np.array([1, 2, 3, 4], np.float32), (2, 5), encoding)
