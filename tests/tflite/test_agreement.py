"""Which interpreters agree, operator by operator: the findings that conversion builds on."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tflite_builders import build, dense, ds_cnn, operator, softmax, tensor

from kws_tfmot.errors import ModelError
from kws_tfmot.tflite.agreement import compare
from kws_tfmot.tflite.document import pack, unpack
from kws_tfmot.tflite.interpreter import open_interpreter, random_inputs
from kws_tfmot.tflite.reader import read_model

ZERO_ACTIVATIONS = (1, 8, 8, 8)


def layer(code: str, zero_point: int, activation: int, seed: int = 0) -> bytes:
    """A convolution or depthwise convolution over a plane, its result clamped at zero or not."""
    rng = np.random.default_rng(seed)
    depthwise = code == "DEPTHWISE_CONV_2D"
    shape, axis = ((1, 3, 3, 8), 3) if depthwise else ((8, 3, 3, 8), 0)
    scales = rng.uniform(0.002, 0.006, 8).astype(np.float32)
    options = {"padding": 0, "stride_w": 1, "stride_h": 1, "fused_activation_function": activation}
    kind = "DepthwiseConv2DOptions" if depthwise else "Conv2DOptions"
    tensors = [
        tensor(ZERO_ACTIVATIONS, "int8", 0.05, 3),
        tensor(shape, "int8", scales, 0, axis, rng.integers(-127, 128, shape).astype(np.int8)),
        tensor((8,), "int32", scales * np.float32(0.05), 0, 0, rng.integers(-2000, 2000, 8).astype(np.int32)),
        tensor(ZERO_ACTIVATIONS, "int8", 0.05 if depthwise else 0.15, zero_point),
    ]
    extra = {"depth_multiplier": 1} if depthwise else {}
    return build(tensors, [operator(code, [0, 1, 2], [3], (kind, options | extra), 3)], [0], [3])


def differing(model: bytes, kind: str, samples: int = 300) -> int:
    return compare(model, random_inputs(read_model(model), samples, 0), ("tflm", kind), max_traced=0).differing_values


@pytest.mark.parametrize("code", ["CONV_2D", "DEPTHWISE_CONV_2D"])
def test_layers_clamped_at_their_zero_point_agree(code):
    for zero_point, activation in ((-128, 0), (-128, 1), (-20, 1)):
        assert differing(layer(code, zero_point, activation), "builtin") == 0


def test_unclamped_convolutions_round_ties_differently_but_not_in_the_reference_kernels():
    model = layer("CONV_2D", -20, 0)
    assert 0 < differing(model, "builtin") < 300 * 512 / 200
    assert differing(model, "reference") == 0


def test_the_two_roundings_as_formulas():
    """TFLM: ties of the second rounding away from zero; builtin: upwards."""
    model = dense(np.random.default_rng(0), 64, 12, per_channel=False)
    graph = read_model(model)
    inputs = random_inputs(graph, 3000, seed=1)
    weights, bias = (graph.tensors[index].data.astype(np.int64) for index in (1, 2))
    accumulated = (inputs.astype(np.int64) + 128) @ weights.T + bias
    source, kernel, _, result = (each.quantization.scales[0] for each in graph.tensors)
    fraction, exponent = math.frexp(source * kernel / result)
    product = accumulated * round(fraction * 2**31)
    nudged = product + np.where(product >= 0, 1 << 30, 1 - (1 << 30))
    first = np.where(nudged >= 0, nudged >> 31, -(-nudged >> 31))
    half = 1 << (-exponent - 1)
    away = np.where(first >= 0, (first + half) >> -exponent, -((-first + half) >> -exponent))
    upwards = (first + half) >> -exponent

    def stored(values):
        return np.clip(values + 5, -128, 127).astype(np.int8)

    assert np.array_equal(open_interpreter(model, "tflm").run(inputs), stored(away))
    assert np.array_equal(open_interpreter(model, "builtin").run(inputs), stored(upwards))
    assert (away != upwards).any() and (accumulated[away != upwards] < 0).all()


@pytest.mark.parametrize("per_channel", [False, True])
def test_fully_connected_differs_without_a_clamp(per_channel):
    model = dense(np.random.default_rng(3), 64, 12, per_channel=per_channel)
    assert 0 < differing(model, "builtin", 3000) < 3000 * 12 / 500
    assert 0 < differing(model, "reference", 3000) < 3000 * 12 / 500  # rounds in float


def test_softmax_differs_in_the_builtin_kernels_alone():
    model = softmax(12, 0.1)
    assert 0 < differing(model, "builtin", 40_000) < 40
    assert differing(model, "reference", 5000) == 0


def test_the_first_differing_operator_is_named():
    model = ds_cnn(np.random.default_rng(2))
    result = compare(model, random_inputs(read_model(model), 1000, 0))
    assert 0 < result.differing_samples == result.traced <= result.differing_values < 40
    assert result.first_operators.keys() <= {"FULLY_CONNECTED #6", "SOFTMAX #7"}
    assert sum(result.first_operators.values()) == result.traced
    assert not result.identical and result.max_difference >= 1 and result.values == 5000


def test_xnnpack_is_traced_by_cutting_the_model():
    model = ds_cnn(np.random.default_rng(2))
    result = compare(model, random_inputs(read_model(model), 100, 0), ("tflm", "xnnpack"), max_traced=5)
    assert result.differing_samples > 10 and result.traced == 5
    assert sum(result.first_operators.values()) == 5 and "CONV_2D #0" in result.first_operators


def test_a_model_agrees_with_itself():
    model = ds_cnn(np.random.default_rng(2))
    result = compare(model, random_inputs(read_model(model), 50, 0), ("tflm", "tflm"))
    assert result.identical and result.first_operators == {} and result.max_difference == 0


def test_other_weights_are_seen():
    """A change of one weight by one is noticed: the comparison can fail."""
    model = ds_cnn(np.random.default_rng(2), with_softmax=False)
    root = unpack(model)
    buffer = root.buffers[root.subgraphs[0].tensors[1].buffer]
    buffer.data = buffer.data.copy()
    buffer.data[0] ^= 1
    inputs = random_inputs(read_model(model), 200, 0)
    assert (open_interpreter(model, "tflm").run(inputs) != open_interpreter(pack(root), "tflm").run(inputs)).any()


def test_no_samples(model):
    with pytest.raises(ModelError, match="at least one sample"):
        compare(model, np.zeros((0, 20, 10, 1), np.int8))
