"""Shapes that a file computes at run time, as Keras 3 leaves them, become constants; every output byte stays."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from tflite_builders import build, operator, tensor

from firmware_export.emulation.host import EngineInterpreter
from kws_tfmot.errors import ModelError
from kws_tfmot.keras import tf
from kws_tfmot.tflite.interpreter import open_interpreter
from kws_tfmot.tflite.reader import read_model
from kws_tfmot.tflite.shape_folding import fold_shapes

SHAPES = {"SHAPE", "STRIDED_SLICE", "PACK", "GATHER", "REDUCE_PROD", "FILL"}


def sequence_model() -> bytes:
    """Int8: a Dense over 9 frames of any batch, a first state of zeros beside it, flattened into another Dense."""
    rng = np.random.default_rng(2)
    inner, outer = (rng.normal(size=size).astype(np.float32) for size in ((6, 5), (49, 3)))

    @tf.function(input_signature=[tf.TensorSpec([None, 9, 6], tf.float32)])
    def network(x):
        frames = tf.nn.relu(tf.tensordot(x, inner, [[2], [0]]))
        state = tf.tanh(tf.zeros([tf.shape(x)[0], 4]) + x[:, 0, :4])
        flat = tf.concat([tf.reshape(frames, [-1, 45]), state], -1)
        return tf.matmul(tf.reshape(flat, tf.stack([tf.shape(x)[0], 49])), outer)

    converter = tf.lite.TFLiteConverter.from_concrete_functions([network.get_concrete_function()])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([rng.normal(size=(1, 9, 6)).astype(np.float32)] for _ in range(8))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    return converter.convert()


def test_the_engine_and_tflm_compute_what_litert_does_from_the_file_itself() -> None:
    model = sequence_model()
    assert {one.code for one in read_model(model).operators} >= SHAPES - {"STRIDED_SLICE"}
    folded = fold_shapes(model)
    assert not {one.code for one in read_model(folded).operators} & (SHAPES - {"STRIDED_SLICE"})
    assert fold_shapes(folded) == folded
    dense = next(one for one in read_model(folded).operators if one.code == "FULLY_CONNECTED")
    assert read_model(folded).tensor(dense.outputs[0]).shape == (9, 5)  # the converter wrote (1, 5)
    inputs = np.random.default_rng(1).integers(-128, 128, (16, 9, 6), dtype=np.int8)
    expected = open_interpreter(model, "builtin").run(inputs)
    found = open_interpreter(model, "tflm").run(inputs)
    assert len(np.unique(expected)) > 20
    # Layers without ReLU round ties of negative sums another way in LiteRT (kws_tfmot.tflite.rewrite).
    assert np.abs(found.astype(int) - expected.astype(int)).max() <= 1
    np.testing.assert_array_equal(EngineInterpreter(model).run(inputs), found)


def model_of(operators: list[tuple], constants: list[np.ndarray], shape: tuple[int, ...]) -> bytes:
    """RESHAPE of an input (1, 4, 6) to ``shape``, by what the ``operators`` make of its shape and the ``constants``."""
    tensors = [tensor((1, 4, 6), "int8", 0.5), tensor(shape, "int8", 0.5), tensor((3,), "int32")]
    tensors += [tensor(each.shape, "int32", data=each.astype(np.int32)) for each in constants]
    rows = [operator("SHAPE", [0], [2], ("ShapeOptions", {"out_type": 2}))]
    for code, inputs, size, options in operators:
        tensors.append(tensor(size, "int32"))
        rows.append(operator(code, inputs, [len(tensors) - 1], options))
    reshape = operator("RESHAPE", [0, len(tensors) - 1], [1], ("ReshapeOptions", {}))
    return build(tensors, [*rows, reshape], [0], [1])


CASES = {
    "slice by masks": (
        [
            ("STRIDED_SLICE", [2, 3, 4, 5], (2,), ("StridedSliceOptions", {"begin_mask": 0, "end_mask": 1})),
            ("PACK", [6, 6], (2,), ("PackOptions", {"values_count": 2, "axis": 0})),
        ],
        [np.array([1]), np.array([0]), np.array([1])],
        None,
    ),
    "reversed": (
        [("STRIDED_SLICE", [2, 3, 4, 5], (3,), ("StridedSliceOptions", {"begin_mask": 1, "end_mask": 1}))],
        [np.array([0]), np.array([0]), np.array([-1])],
        [6, 4, 1],
    ),
    "product": (
        [
            ("GATHER", [2, 3], (2,), ("GatherOptions", {"axis": 0})),
            ("REDUCE_PROD", [6, 4], (1,), ("ReducerOptions", {"keep_dims": True})),
            ("CONCATENATION", [7, 5], (2,), ("ConcatenationOptions", {"axis": 0})),
        ],
        [np.array([0, 1]), np.array([0]), np.array([-1])],
        [4, -1],
    ),
    "arithmetic": (
        [
            ("SLICE", [2, 3, 4], (1,), ("SliceOptions", {})),
            ("MUL", [6, 5], (1,), ("MulOptions", {})),
        ],
        [np.array([1]), np.array([1]), np.array([6])],
        [24],
    ),
    "a division by zero": (
        [("FLOOR_DIV", [2, 3], (3,), ("FloorDivOptions", {}))],
        [np.array([0])],
        None,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_rules_follow_what_operators_do(name: str) -> None:
    operators, constants, expected = CASES[name]
    shape = np.empty((4, 6)).reshape(expected or (1, 24)).shape
    graph = read_model(fold_shapes(model_of(operators, constants, shape)))
    last = graph.operators[-1]
    data = graph.tensor(last.inputs[1]).data
    if expected is None:  # what does not fit is left for an interpreter to refuse
        assert data is None and len(graph.operators) > 1
    else:
        assert data.tolist() == expected and len(graph.operators) == 1


def test_no_rule_makes_a_product_of_two_long_tensors() -> None:
    long = np.ones(4096)
    operators = [("MUL", [3, 4], (4096, 4096), ("MulOptions", {})), ("SLICE", [6, 5, 5], (1, 1), ("SliceOptions", {}))]
    model = model_of(operators, [long.reshape(-1, 1), long.reshape(1, -1), np.array([1, 1])], (1, 24))
    tracemalloc.start()
    try:
        fold_shapes(model)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000  # 64 MB and more for the product
    finally:
        tracemalloc.stop()


def test_weights_of_half_precision_open_in_tflm() -> None:
    weights = np.random.default_rng(3).normal(size=(3, 8)).astype(np.float16)
    tensors = [
        tensor((1, 8), "float32"),
        tensor((3, 8), "float16", data=weights),
        tensor((3, 8), "float32"),
        tensor((1, 3), "float32"),
    ]
    dense = operator("FULLY_CONNECTED", [0, 2, -1], [3], ("FullyConnectedOptions", {}))
    model = build(tensors, [operator("DEQUANTIZE", [1], [2], ("DequantizeOptions", {})), dense], [0], [3])
    inputs = np.random.default_rng(1).normal(size=(4, 8)).astype(np.float32)
    np.testing.assert_allclose(open_interpreter(model, "tflm").run(inputs), inputs @ weights.T.astype(np.float32), 1e-5)
    with pytest.raises(ModelError, match=r"must be int8(.|\n)*representative_dataset"):
        EngineInterpreter(model)
