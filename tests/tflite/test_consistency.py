"""Operators that do not fit their tensors are refused before TFLM, which would read beyond them, sees the file."""

from __future__ import annotations

import numpy as np
import pytest
from tflite_builders import build, ds_cnn, operator, tensor

from kws_tfmot.errors import ModelError
from kws_tfmot.tflite.consistency import check_operators
from kws_tfmot.tflite.document import pack, unpack
from kws_tfmot.tflite.interpreter import open_interpreter
from kws_tfmot.tflite.reader import read_model


def spoiled(model: bytes, index: int, **fields) -> bytes:
    """The model with fields of one tensor changed."""
    root = unpack(model)
    root["subgraphs"][0]["tensors"][index].update(fields)
    return pack(root)


def shape(*sizes: int) -> np.ndarray:
    return np.array(sizes, np.int32)


@pytest.mark.parametrize("seed", range(3))
def test_good_models_pass(seed):
    check_operators(read_model(ds_cnn(np.random.default_rng(seed), width=3 + seed)))


@pytest.mark.parametrize(
    ("index", "fields", "message"),
    [
        (3, {"shape": shape(1, 9, 5, 16)}, r"operator 0 \(CONV_2D\): expected the output shape \(1, 10, 5, 16\)"),
        (3, {"shape": shape(1, 10, 5, 17)}, "expected the output shape"),
        (3, {"shape": shape()}, "expected the output shape"),
        (0, {"shape": shape(1, 200, 1, 1)}, "expected the output shape"),
        (1, {"shape": shape(16, 20, 1)}, "rank 4"),
        (4, {"shape": shape(3, 3, 16, 1)}, r"expected weights \[1, h, w, c\]|does not fit|do not fit"),
        (3, {"quantization": {}}, "has no scale"),
        (17, {"shape": shape(1, 15)}, r"\(MEAN\): expected the output shape \(1, 16\)"),
        (20, {"shape": shape(1, 1, 5)}, r"\(SOFTMAX\)"),
        (20, {"quantization": {"scale": np.array([1e-30], np.float32)}}, "multiplier|beta"),
    ],
)
def test_misfits_are_named(model, index, fields, message):
    changed = spoiled(model, index, **fields)
    with pytest.raises(ModelError, match=message):
        check_operators(read_model(changed))
    with pytest.raises(ModelError):
        open_interpreter(changed, "tflm")


@pytest.mark.parametrize("beta", [0.0, -1.0, float("nan"), float("inf"), 1e-44])
def test_absurd_softmax(model, beta):
    root = unpack(model)
    root["subgraphs"][0]["operators"][-1]["builtin_options"] = ("SoftmaxOptions", {"beta": beta})
    with pytest.raises(ModelError, match="beta"):
        open_interpreter(pack(root), "tflm")


def one(code: str, inputs: list, output: tuple[int, ...], options=None) -> bytes:
    tensors = [
        each if isinstance(each, dict) else tensor(each, "int8", 0.5, data=np.ones(each, np.int8) if number else None)
        for number, each in enumerate(inputs)
    ]
    tensors.append(tensor(output, "int8", 0.5))
    return build(tensors, [operator(code, list(range(len(inputs))), [len(inputs)], options)], [0], [len(inputs)])


WINDOW = {"padding": 1, "stride_w": 2, "stride_h": 1, "filter_width": 3, "filter_height": 2}
PADDINGS = tensor((2, 2), "int32", data=np.array([[0, 0], [1, 2]], np.int32))


@pytest.mark.parametrize(
    ("code", "inputs", "right", "wrong", "options"),
    [
        ("AVERAGE_POOL_2D", [(1, 6, 7, 2)], (1, 5, 3, 2), (1, 5, 3, 3), ("Pool2DOptions", WINDOW)),
        ("CONCATENATION", [(1, 4), (1, 3)], (1, 7), (1, 8), ("ConcatenationOptions", {"axis": 1})),
        ("CONCATENATION", [(1, 4), (1, 3)], (1, 7), (7, 1), ("ConcatenationOptions", {"axis": -1})),
        ("ADD", [(1, 4, 3), (3,)], (1, 4, 3), (1, 4), ("AddOptions", {})),
        ("RESHAPE", [(1, 4, 3)], (1, 12), (1, 11), ("ReshapeOptions", {})),
        ("PAD", [(1, 4), PADDINGS], (1, 7), (1, 4), None),
        ("FULLY_CONNECTED", [(1, 4), (3, 4)], (1, 3), (1, 4), ("FullyConnectedOptions", {})),
        ("LOGISTIC", [(1, 4)], (1, 4), (1, 5), None),
    ],
)
def test_shapes_that_follow_from_the_inputs(code, inputs, right, wrong, options):
    check_operators(read_model(one(code, inputs, right, options)))
    with pytest.raises(ModelError, match=code):
        check_operators(read_model(one(code, inputs, wrong, options)))
