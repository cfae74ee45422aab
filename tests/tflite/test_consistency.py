"""Operators that do not fit their tensors are refused before TFLM, which would read beyond them, sees the file."""

from __future__ import annotations

import numpy as np
import pytest
from tflite_builders import build, ds_cnn, operator, tensor

from kws_tfmot.errors import ModelError
from kws_tfmot.tflite.consistency import check_operators
from kws_tfmot.tflite.document import pack, unpack
from kws_tfmot.tflite.edit import new_quantization, set_options
from kws_tfmot.tflite.interpreter import open_interpreter
from kws_tfmot.tflite.operator_options import EXPECTED_OPTIONS
from kws_tfmot.tflite.operator_specs import SPECS, spec_fault
from kws_tfmot.tflite.reader import read_model
from kws_tfmot.tflite.schema import enum_values


def spoiled(model: bytes, index: int, **fields) -> bytes:
    """The model with fields of one tensor changed."""
    root = unpack(model)
    for name, value in fields.items():
        setattr(root.subgraphs[0].tensors[index], name, value)
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
        (3, {"quantization": None}, "has no scale"),
        (17, {"shape": shape(1, 15)}, r"\(MEAN\): expected the output shape \(1, 16\)"),
        (20, {"shape": shape(1, 1, 5)}, r"\(SOFTMAX\)"),
        (20, {"quantization": new_quantization([1e-30], [0])}, "multiplier|beta"),
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
    set_options(root.subgraphs[0].operators[-1], "SoftmaxOptions", beta=beta)
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
BLOCK = tensor((1,), "int32", data=np.array([2], np.int32))
CUT = tensor((1, 2), "int32", data=np.zeros((1, 2), np.int32))
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
        ("SPACE_TO_BATCH_ND", [(1, 6, 3), BLOCK, CUT], (2, 3, 3), (1, 3, 3), ("SpaceToBatchNDOptions", {})),
        ("BATCH_TO_SPACE_ND", [(2, 3, 3), BLOCK, CUT], (1, 6, 3), (2, 6, 3), ("BatchToSpaceNDOptions", {})),
    ],
)
def test_shapes_that_follow_from_the_inputs(code, inputs, right, wrong, options):
    check_operators(read_model(one(code, inputs, right, options)))
    with pytest.raises(ModelError, match=code):
        check_operators(read_model(one(code, inputs, wrong, options)))


REAL, INDEX = tensor((1, 4), "int8", 0.5), tensor((1,), "int32", data=np.zeros(1, np.int32))
SAMPLES = {"real": REAL, "number": REAL, "any": REAL, "weights": REAL, "index": INDEX}
SAMPLES["bias"] = tensor((4,), "int32", data=np.zeros(4, np.int32))
SAMPLES["bool"] = tensor((1, 4), "bool")


def with_inputs(code: str, rows: list[dict], absent: int | None = None) -> bytes:
    """One operator whose inputs are ``rows``; the first that is no constant is the model's input."""
    places = [-1 if place == absent else place + 1 for place in range(len(rows))]
    return build([REAL, *rows, REAL], [operator(code, places, [len(rows) + 1])], [0, *_open(rows)], [len(rows) + 1])


def _open(rows: list[dict]) -> list[int]:
    return [place + 1 for place, row in enumerate(rows) if row["data"] is None]


def fault_of(model: bytes) -> str:
    graph = read_model(model)
    return spec_fault(graph, graph.operators[0])


@pytest.mark.parametrize("code", sorted(SPECS))
def test_number_and_types_of_the_inputs_of_every_operator(code):
    spec = SPECS[code]
    rows = [SAMPLES[each.rstrip("?")] for each in spec.inputs]
    options = EXPECTED_OPTIONS.get(code)
    whole = lambda given, absent=None: fault_of(_with_options(with_inputs(code, given, absent), options))  # noqa: E731
    assert whole(rows) == ""
    if not spec.inputs[-1].endswith("?"):
        assert "inputs" in whole(rows[:-1])
    if not spec.rest:
        assert "inputs" in whole([*rows, REAL])
    for place, wanted in enumerate(spec.inputs):
        text = tensor((1,), "string")
        assert "type string" in whole([*rows[:place], text, *rows[place + 1 :]])
        deadly = (code, wanted) == ("DEPTHWISE_CONV_2D", "bias?")
        assert ("absent" in whole(rows, place)) == (deadly or not wanted.endswith("?"))


def _with_options(model: bytes, name: str | None) -> bytes:
    root = unpack(model)
    if name is not None:
        sizes = {"stride_w": 1, "stride_h": 1} if name == "Pool2DOptions" or "Conv" in name else {}
        sizes |= {"filter_width": 1, "filter_height": 1} if name == "Pool2DOptions" else {}
        set_options(root.subgraphs[0].operators[0], name, **sizes)
    return pack(root)


def test_every_row_is_an_operator_of_the_schema():
    assert set(SPECS) <= set(enum_values("BuiltinOperator"))


def test_a_shape_that_a_converter_left_open_has_its_own_way_out() -> None:
    """Keras' layer normalisation at a batch of any size: SHAPE and RESHAPE, with 1 for what is not known."""
    tensors = [tensor((1, 4, 2), "int8", 0.1), tensor((3,), "int32"), tensor((1, 1, 2), "int8", 0.1)]
    operators = [
        operator("SHAPE", [0], [1], ("ShapeOptions", {"outType": 2})),
        operator("RESHAPE", [0, 1], [2], ("ReshapeOptions", {})),
    ]
    with pytest.raises(ModelError, match="says 2 elements where 8 come in") as refusal:
        check_operators(read_model(build(tensors, operators, [0], [2])))
    assert "batch_size=1" in refusal.value.hint and "corrupt" not in str(refusal.value)
