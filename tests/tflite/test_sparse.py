"""Decoding TFLite's sparse tensors, against encodings written out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from kws_tfmot.errors import ModelError
from kws_tfmot.tflite.sparse import densify


def level(size: int = 0, segments=None, indices=None):
    """A dense level of a size, or a compressed one."""
    if segments is None:
        return {"dense_size": size}
    pack = {"values": np.array(segments, np.int32)}, {"values": np.array(indices, np.uint8)}
    return {"format": 1, "array_segments": ("Int32Vector", pack[0]), "array_indices": ("Uint8Vector", pack[1])}


def axes(*order: int):
    return np.array(order, np.int32)


def test_compressed_rows():
    encoding = {"traversal_order": axes(0, 1), "dim_metadata": [level(3), level(0, [0, 1, 1, 3], [2, 0, 3])]}
    dense = densify(np.array([5, 6, 7], np.int8), (3, 4), encoding)
    assert dense.tolist() == [[0, 0, 5, 0], [0, 0, 0, 0], [6, 0, 0, 7]]


def test_compressed_columns():
    encoding = {"traversal_order": axes(1, 0), "dim_metadata": [level(3), level(0, [0, 1, 2, 2], [1, 0])]}
    assert densify(np.array([5, 6], np.int8), (2, 3), encoding).tolist() == [[0, 6, 0], [5, 0, 0]]


def test_blocks():
    encoding = {
        "traversal_order": axes(0, 1, 2),
        "block_map": axes(1),
        "dim_metadata": [level(2), level(0, [0, 1, 2], [1, 0]), level(2)],
    }
    dense = densify(np.array([1, 2, 3, 4], np.float32), (2, 4), encoding)
    assert dense.tolist() == [[0, 0, 1, 2], [3, 4, 0, 0]]


def test_random_matrices_come_back():
    rng = np.random.default_rng(0)
    for _ in range(50):
        shape = tuple(rng.integers(1, 9, 3))
        dense = rng.integers(1, 9, shape) * (rng.random(shape) < 0.3)
        rows = dense.reshape(-1, shape[2])
        segments = [0, *np.cumsum((rows != 0).sum(axis=1))]
        encoding = {
            "traversal_order": axes(0, 1, 2),
            "dim_metadata": [level(int(shape[0])), level(int(shape[1])), level(0, segments, np.nonzero(rows)[1])],
        }
        assert np.array_equal(densify(dense[dense != 0], shape, encoding), dense)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"traversal_order": axes(0, 0)}, "traversal order"),
        ({"traversal_order": axes(0)}, "traversal order"),
        ({"block_map": axes(5), "traversal_order": axes(0, 1, 2)}, "does not fit|cannot be decoded"),
        ({"dim_metadata": [level(3), level(0, [0, 1, 1, 3], [2, 0, 9])]}, "indices"),
        ({"dim_metadata": [level(3), level(0, [0, 2, 1, 3], [2, 0, 3])]}, "segments"),
        ({"dim_metadata": [level(3), level(0, [0, 1, 1], [2])]}, "segments"),
        ({"dim_metadata": [level(3), level(0, [0, 1, 1, 2], [2, 0])]}, "3 values for 2 positions"),
        ({"dim_metadata": [level(3), {"format": 1}]}, "lacks"),
    ],
)
def test_inconsistent_encodings_are_refused(changes, message):
    good = {"traversal_order": axes(0, 1), "dim_metadata": [level(3), level(0, [0, 1, 1, 3], [2, 0, 3])]}
    with pytest.raises(ModelError, match=message):
        densify(np.array([5, 6, 7], np.int8), (3, 4), good | changes)


def test_a_shape_that_is_no_multiple_of_the_block_is_refused():
    encoding = {
        "traversal_order": axes(0, 1, 2),
        "block_map": axes(1),
        "dim_metadata": [level(2), level(0, [0, 1, 2], [1, 0]), level(2)],
    }
    with pytest.raises(ModelError, match="no multiple of its block of 2"):
        densify(np.array([1, 2, 3, 4], np.float32), (2, 5), encoding)
