"""Shapes and options that the random models do not reach, each against TFLM."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from engine_support import reference, run

from firmware_export.engine import build
from firmware_export.graphs.graph_writer import GraphWriter
from firmware_export.operators.kernels.clamp import Clamp
from firmware_export.operators.kernels.convolution import Convolution
from firmware_export.operators.kernels.reshape_tensor import Reshape
from kws_tfmot.errors import ModelError

Maker = Callable[[GraphWriter, np.random.Generator], tuple[int, int]]
WHOLE = {"padding": "VALID", "stride_h": 1, "stride_w": 1}


def activation(w: GraphWriter, shape: tuple[int, ...], scale: float = 0.05, zero: int = -3) -> int:
    return w.activation(shape, scale, zero)


def matrix(w: GraphWriter, rng: np.random.Generator, shape: tuple[int, ...]) -> int:
    return w.weights(rng.integers(-127, 128, shape), np.array([0.01], np.float32), 0)


def rows_of_a_matrix(w: GraphWriter, rng: np.random.Generator) -> tuple[int, int]:
    x, y = activation(w, (1, 7, 12)), activation(w, (1, 7, 5), 0.4)
    w.operator("FULLY_CONNECTED", [x, matrix(w, rng, (5, 12)), -1], [y], keep_num_dims=True)
    return x, y


def rows_from_an_image(w: GraphWriter, rng: np.random.Generator) -> tuple[int, int]:
    x, a, y = activation(w, (1, 6, 5, 4)), activation(w, (5, 3), 0.4), activation(w, (1, 15), 0.4)
    w.operator("FULLY_CONNECTED", [x, matrix(w, rng, (3, 24)), -1], [a])
    shape = np.array([1, 15], np.int32)
    w.operator("RESHAPE", [a, w.constant(shape)], [y], new_shape=shape)
    return x, y


def image_straight_into_a_matrix(w: GraphWriter, rng: np.random.Generator) -> tuple[int, int]:
    x, y = activation(w, (1, 5, 5, 4)), activation(w, (1, 6), 0.6)
    w.operator("FULLY_CONNECTED", [x, matrix(w, rng, (6, 100)), -1], [y])
    return x, y


def whole_window(w: GraphWriter, rng: np.random.Generator) -> tuple[int, int]:
    x, y = activation(w, (1, 9, 4, 3)), activation(w, (1, 1, 1, 8), 0.6)
    w.operator("CONV_2D", [x, matrix(w, rng, (8, 9, 4, 3)), -1], [y], **WHOLE)
    return x, y


def dilated_window_as_large_as_the_input(w: GraphWriter, rng: np.random.Generator) -> tuple[int, int]:
    x, y = activation(w, (1, 2, 1, 3)), activation(w, (1, 1, 1, 8), 0.2)
    options = {"padding": "SAME", "stride_h": 2, "stride_w": 1, "dilation_h_factor": 2}
    w.operator("CONV_2D", [x, matrix(w, rng, (8, 2, 1, 3)), -1], [y], **options)
    return x, y


def squeeze_and_expand(w: GraphWriter, rng: np.random.Generator) -> tuple[int, int]:
    x, a, b = activation(w, (1, 4, 1, 6)), activation(w, (1, 4, 6)), activation(w, (1, 1, 4, 6))
    y = activation(w, (1, 1, 4, 5), 0.4)
    w.operator("SQUEEZE", [x], [a], squeeze_dims=np.array([2], np.int32))
    w.operator("EXPAND_DIMS", [a, w.constant(np.array(1, np.int32))], [b])
    w.operator("CONV_2D", [b, matrix(w, rng, (5, 1, 1, 6)), -1], [y], **WHOLE)
    return x, y


def mean_without_its_dimensions(w: GraphWriter, rng: np.random.Generator) -> tuple[int, int]:
    x, y = activation(w, (1, 9, 7, 5)), activation(w, (1, 5), 0.03, 17)
    w.operator("MEAN", [x, w.constant(np.array([1, 2], np.int32))], [y], keep_dims=False)
    return x, y


def softmax_of_many_rows(w: GraphWriter, rng: np.random.Generator) -> tuple[int, int]:
    x, y = activation(w, (1, 3, 4, 6)), w.activation((1, 3, 4, 6), 1 / 256, -128)
    w.operator("SOFTMAX", [x], [y], beta=1.0)
    return x, y


def uint8_at_both_ends(w: GraphWriter, rng: np.random.Generator) -> tuple[int, int]:
    x, a = w.activation((1, 16), 0.05, 128, "uint8"), activation(w, (1, 16), 0.05, 0)
    b, y = activation(w, (1, 4), 0.4, -5), w.activation((1, 4), 0.4, 123, "uint8")
    w.operator("QUANTIZE", [x], [a])
    w.operator("FULLY_CONNECTED", [a, matrix(w, rng, (4, 16)), -1], [b])
    w.operator("QUANTIZE", [b], [y])
    return x, y


def padding_with_a_value(w: GraphWriter, rng: np.random.Generator) -> tuple[int, int]:
    x, y = activation(w, (1, 3, 2, 2)), activation(w, (1, 6, 5, 2))
    table = w.constant(np.array([[0, 0], [2, 1], [0, 3], [0, 0]], np.int32))
    w.operator("PADV2", [x, table, w.constant(np.array([77], np.int8), 0.05, -3)], [y])
    return x, y


def a_multiplier_above_one(w: GraphWriter, rng: np.random.Generator) -> tuple[int, int]:
    x, y = activation(w, (1, 5, 4, 3), 2.0), activation(w, (1, 5, 4, 6), 0.01)
    w.operator("CONV_2D", [x, matrix(w, rng, (6, 1, 1, 3)), -1], [y], **WHOLE)
    return x, y


def rows_longer_than_a_segment(w: GraphWriter, rng: np.random.Generator) -> tuple[int, int]:
    x, y = activation(w, (1, 6, 6, 70)), activation(w, (1, 4, 4, 5), 60.0)
    data = np.full((5, 3, 3, 70), 127)
    w.operator("CONV_2D", [x, w.weights(data, np.array([0.01], np.float32), 0), -1], [y], **WHOLE)
    return x, y


CASES: tuple[Maker, ...] = (
    *(rows_of_a_matrix, rows_from_an_image, image_straight_into_a_matrix, whole_window),
    *(dilated_window_as_large_as_the_input, squeeze_and_expand, mean_without_its_dimensions, softmax_of_many_rows),
    *(uint8_at_both_ends, padding_with_a_value, a_multiplier_above_one, rows_longer_than_a_segment),
)


@pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__)
@pytest.mark.parametrize("encoding", ["dense", "delta4"])
def test_equals_tflm(make: Maker, encoding: str) -> None:
    writer = GraphWriter()
    model = writer.finish(*([end] for end in make(writer, np.random.default_rng(1))))
    known = reference(model, 2, 40)
    assert known is not None
    assert len(np.unique(known[1])) > 2
    produced = run(build(model, name="m", encodings=(encoding,)), known[0])
    np.testing.assert_array_equal(produced.reshape(known[1].shape), known[1])


def layers_of(make: Maker) -> list[type]:
    writer = GraphWriter()
    model = writer.finish(*([end] for end in make(writer, np.random.default_rng(1))))
    return [type(layer.operation) for layer in build(model, name="m").program.layers]


def test_an_image_feeds_a_matrix_without_being_rearranged() -> None:
    assert layers_of(image_straight_into_a_matrix) == [Reshape, Convolution]  # the caller's order, then planes
    assert layers_of(whole_window) == [Reshape, Convolution]


def test_a_separate_relu_is_fused_and_one_that_costs_more_is_not() -> None:
    def relu(zero: int) -> list[type]:
        def make(w: GraphWriter, rng: np.random.Generator) -> tuple[int, int]:
            x, a, y = (
                activation(w, (1, 6, 4, 1)),
                activation(w, (1, 6, 4, 3), 0.4, zero),
                activation(w, (1, 6, 4, 3), 0.4, zero),
            )
            w.operator("CONV_2D", [x, matrix(w, rng, (3, 1, 1, 1)), -1], [a], **WHOLE)
            w.operator("RELU", [a], [y])
            return x, y

        return layers_of(make)

    assert relu(-128) == [Convolution, Reshape]
    assert relu(-6) == [Convolution, Clamp, Reshape]


def test_a_bias_of_another_scale_is_refused_as_tflm_refuses_it() -> None:
    w = GraphWriter()
    x, y = activation(w, (1, 4)), activation(w, (1, 2), 0.4)
    bias = w.biases(np.array([5, 6]), np.array([0.9], np.float32))
    w.operator("FULLY_CONNECTED", [x, matrix(w, np.random.default_rng(1), (2, 4)), bias], [y])
    model = w.finish([x], [y])
    assert reference(model, 1) is None
    with pytest.raises(ModelError, match=r"the bias has scale 0\.9"):
        build(model)
