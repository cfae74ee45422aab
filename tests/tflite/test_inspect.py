"""What is inside a model, counted."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tflite_builders import build, ds_cnn, operator, tensor

from kws_tfmot.tflite.inspect import TABLE_HEADER, inspect, inspect_table
from kws_tfmot.tflite.metadata import write_settings
from kws_tfmot.tflite.reader import read_model


def test_counts_of_a_ds_cnn_by_hand(model):
    """Width 16, 10x5 positions, two blocks, 5 classes."""
    summary = inspect(model)
    first, depthwise, pointwise, last = 50 * 16 * 20, 50 * 16 * 9, 50 * 16 * 16, 5 * 16
    assert [o.macs for o in summary.operators] == [first, depthwise, pointwise, depthwise, pointwise, 0, last, 0]
    assert summary.macs == first + 2 * depthwise + 2 * pointwise + last
    assert summary.parameters == 320 + 16 + 2 * (144 + 16) + 2 * (256 + 16) + 80 + 5
    assert summary.operator_counts["DEPTHWISE_CONV_2D"] == 2
    assert summary.inputs[0].shape == [1, 20, 10, 1] and summary.inputs[0].scale == 1 / 16


def test_macs_of_mlperf_tinys_ds_cnn():
    """2.66 million, as published: 49x10 input, 64 channels, 4 blocks, 12 classes."""
    convolution = {"padding": 0, "stride_w": 1, "stride_h": 1}
    shapes = [(1, 49, 10, 1), *[(1, 25, 5, 64)] * 9, (1, 12)]
    kernels = [(64, 10, 4, 1), *[(1, 3, 3, 64), (64, 1, 1, 64)] * 4]
    tensors = [tensor(shape, "int8", 1.0) for shape in shapes]
    operators = []
    for number, kernel in enumerate(kernels):
        tensors.append(tensor(kernel, "int8", 1.0, data=np.ones(kernel, np.int8)))
        code = "DEPTHWISE_CONV_2D" if kernel[0] == 1 else "CONV_2D"
        kind = "DepthwiseConv2DOptions" if kernel[0] == 1 else "Conv2DOptions"
        operators.append(operator(code, [number, len(tensors) - 1], [number + 1], (kind, convolution)))
    tensors += [tensor((1, 64), "int8", 1.0), tensor((12, 64), "int8", 1.0, data=np.ones((12, 64), np.int8))]
    operators.append(operator("MEAN", [9], [len(tensors) - 2], ("ReducerOptions", {})))
    operators.append(
        operator("FULLY_CONNECTED", [len(tensors) - 2, len(tensors) - 1], [10], ("FullyConnectedOptions", {}))
    )
    summary = inspect(build(tensors, operators, [0], [10]))
    assert summary.macs == 2_656_768 and sum(w.elements for w in summary.weights) == 22_016


def test_zeros_are_counted(sparse_weights_model):
    summary = inspect(sparse_weights_model)
    graph = read_model(sparse_weights_model)
    for weight in summary.weights:
        assert weight.zeros == int((graph.tensor(weight.index).data == 0).sum())
        assert weight.bytes == weight.elements and weight.zero_share == weight.zeros / weight.elements
    assert 0.6 < summary.zero_share < 0.85
    assert summary.nonzero_macs < 0.5 * summary.macs


def test_zero_is_where_the_zero_point_is():
    tensors = [
        tensor((1, 4), "int8", 1.0),
        tensor((2, 4), "uint8", 1.0, 100, data=np.full((2, 4), 100, np.uint8)),
        tensor((1, 2), "int8", 1.0),
    ]
    model = build(tensors, [operator("FULLY_CONNECTED", [0, 1], [2], ("FullyConnectedOptions", {}))], [0], [2])
    assert inspect(model).zero_share == 1.0


def test_bytes_add_up_to_the_file(model, sparse_weights_model):
    for each in (model, sparse_weights_model, write_settings(model, {"labels": ["ä"]})):
        summary = inspect(each)
        assert sum(summary.bytes.values()) == summary.size == len(each)
        assert summary.bytes["weights"] == sum(w.bytes for w in summary.weights)
        assert all(count >= 0 for count in summary.bytes.values())


def test_settings_and_metadata(model):
    summary = inspect(write_settings(model, {"labels": ["ä", "b"]}))
    assert summary.settings == {"labels": ["ä", "b"]}
    assert summary.metadata == {"kws_tfmot": len('{"labels":["ä","b"]}'.encode())}
    assert inspect(model).settings is None


def test_everything_is_json(model):
    assert json.loads(json.dumps(inspect(model).to_json(), allow_nan=False))["macs"] == inspect(model).macs


def test_table(model):
    rows = inspect_table(inspect(model))
    assert len(rows) == 8 and all(len(row) == len(TABLE_HEADER) for row in rows)
    assert rows[0][0] == "0 CONV_2D" and rows[0][TABLE_HEADER.index("MACs")] == "16,000"


@pytest.mark.parametrize("width", [1, 3])
def test_odd_widths(width):
    assert inspect(ds_cnn(np.random.default_rng(0), width=width)).macs > 0
