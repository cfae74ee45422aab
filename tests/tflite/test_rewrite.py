"""Rewriting a model so that desktop and device agree on every byte."""

from __future__ import annotations

import numpy as np
import pytest
from tflite_builders import build, dense, ds_cnn, operator, tensor

from kws_tfmot.tflite.agreement import compare
from kws_tfmot.tflite.document import pack, unpack
from kws_tfmot.tflite.edit import finish, open_for_edit
from kws_tfmot.tflite.interpreter import available_kinds, open_interpreter, random_inputs
from kws_tfmot.tflite.reader import read_model
from kws_tfmot.tflite.rewrite import (
    clamp_linear_layers,
    drop_softmax,
    lift_logits,
    revive_dead_channels,
    set_input_quantization,
)

EXACT_KINDS = [kind for kind in ("builtin", "tflite_runtime") if kind in available_kinds()]


def rewritten(model: bytes, *changes) -> bytes:
    root = open_for_edit(model)
    for change in changes:
        assert change(root)
    return finish(root)


@pytest.mark.parametrize("seed", range(4))
def test_lifted_logits_agree_on_every_byte(seed):
    model = ds_cnn(np.random.default_rng(seed))
    exact = rewritten(model, drop_softmax, lift_logits)
    inputs = random_inputs(read_model(model), 1500, seed)
    for kind in EXACT_KINDS:
        assert compare(exact, inputs, ("tflm", kind)).identical
    assert [o.code for o in read_model(exact).operators][-1] == "FULLY_CONNECTED"


@pytest.mark.parametrize("per_channel", [False, True])
def test_lifting_moves_no_logit_but_by_the_tie(per_channel):
    model = dense(np.random.default_rng(4), 64, 12, per_channel=per_channel)
    inputs = random_inputs(read_model(model), 2000, 0)
    baseline, lifted = open_interpreter(model, "tflm"), open_interpreter(rewritten(model, lift_logits), "tflm")
    assert baseline.output.zero_point == 5 and lifted.output.zero_point == -128
    assert baseline.output.scale == lifted.output.scale
    difference = np.abs(baseline.run(inputs).astype(int) - lifted.run(inputs))
    assert difference.max() <= 1 and difference.mean() < 0.003


def test_softmax_of_lifted_logits_is_the_same():
    model = ds_cnn(np.random.default_rng(5))
    inputs = random_inputs(read_model(model), 500, 1)
    before, after = (open_interpreter(each, "tflm").run(inputs) for each in (model, rewritten(model, lift_logits)))
    assert np.abs(before.astype(int) - after).max() <= 1 and (before != after).mean() < 0.01


def test_lifting_twice_or_behind_an_activation_changes_nothing():
    model = rewritten(ds_cnn(np.random.default_rng(0)), lift_logits)
    assert not lift_logits(open_for_edit(model))
    root = unpack(ds_cnn(np.random.default_rng(0)))
    root.subgraphs[0].operators[-2].builtinOptions.fusedActivationFunction = 1
    assert not lift_logits(root)


def with_a_dead_channel(bias: int) -> bytes:
    """A 1x1 convolution one of whose channels is all zero, with the minute scale that the converter gives it."""
    root = unpack(dense(np.random.default_rng(6), 32, 4, per_channel=True, code="CONV_2D"))
    weights = root.subgraphs[0].tensors[1]
    values = root.buffers[weights.buffer].data.copy().reshape(4, 32)
    values[2] = 0
    root.buffers[weights.buffer].data = values.reshape(-1)
    scales = np.array(weights.quantization.scale)
    scales[2] = 1e-9
    weights.quantization.scale = scales
    biases = root.subgraphs[0].tensors[2]
    values = root.buffers[biases.buffer].data.view("<i4").copy()
    values[2] = bias
    root.buffers[biases.buffer].data = values.view(np.uint8)
    biases.quantization.scale = scales * np.float32(0.02)
    return pack(root)


def test_dead_channels_with_minute_scales_are_lifted():
    model = with_a_dead_channel(2000)
    inputs = random_inputs(read_model(model), 1000, 0)
    lifted = rewritten(model, lift_logits)
    before, after = (open_interpreter(each, "tflm").run(inputs) for each in (model, lifted))
    assert np.abs(before.astype(int) - after).max() <= 1 and compare(lifted, inputs).identical


def test_revived_channels_give_the_same_bytes_with_small_biases():
    model = with_a_dead_channel(2**30)
    revived = rewritten(model, revive_dead_channels)
    inputs = random_inputs(read_model(model), 500, 0)
    before, after = (open_interpreter(each, "tflm").run(inputs) for each in (model, revived))
    np.testing.assert_array_equal(before, after)
    largest = [int(np.abs(np.asarray(read_model(each).tensors[2].data, np.int64)).max()) for each in (model, revived)]
    assert largest[0] == 2**30 and largest[1] < 2**12
    assert not revive_dead_channels(open_for_edit(revived))


def test_softmax_is_dropped_only_at_the_end():
    assert not drop_softmax(open_for_edit(dense(np.random.default_rng(0), 8, 3, per_channel=False)))
    logits = rewritten(ds_cnn(np.random.default_rng(0)), drop_softmax)
    assert not drop_softmax(open_for_edit(logits))
    inputs = random_inputs(read_model(logits), 200, 0)
    scores = open_interpreter(ds_cnn(np.random.default_rng(0)), "tflm").run(inputs)
    order = open_interpreter(logits, "tflm").run(inputs)
    winners = order.argmax(axis=1)
    assert (scores[np.arange(200), winners] == scores.max(axis=1)).all()


def test_the_input_can_be_given_the_front_ends_quantisation():
    model = ds_cnn(np.random.default_rng(7), with_softmax=False)
    root = open_for_edit(model)
    set_input_quantization(root, 1 / 32, 4)
    changed = open_interpreter(finish(root), "tflm")
    original = open_interpreter(model, "tflm")
    assert (changed.input.scale, changed.input.zero_point) == (1 / 32, 4)
    steps = np.random.default_rng(0).integers(-60, 60, (300, 20, 10, 1))
    same = original.run(steps.astype(np.int8)), changed.run((2 * steps + 4).astype(np.int8))
    difference = np.abs(same[0].astype(int) - same[1])
    assert difference.max() <= 2 and difference.mean() < 0.1  # biases are rounded to other steps


def test_the_input_keeps_its_numbers_through_padding():
    """Networks that pad frequency alone begin with PAD, whose zeros are the input's zero point."""
    rng = np.random.default_rng(3)
    data = rng.integers(-40, 40, (4, 3, 3, 1)).astype(np.int8)
    tensors = [
        tensor((1, 6, 4, 1), "int8", 1 / 16),
        tensor((4, 2), "int32", data=np.array([[0, 0], [0, 0], [1, 1], [0, 0]], np.int32)),
        tensor((1, 6, 6, 1), "int8", 1 / 16),
        tensor((4, 3, 3, 1), "int8", [0.02] * 4, [0] * 4, 0, data),
        tensor((1, 4, 4, 4), "int8", 0.1),
    ]
    window = ("Conv2DOptions", {"padding": 1, "stride_w": 1, "stride_h": 1})
    steps = [operator("PAD", [0, 1], [2]), operator("CONV_2D", [2, 3], [4], window)]
    model = build(tensors, steps, [0], [4])
    root = open_for_edit(model)
    set_input_quantization(root, 1 / 32, 4)
    changed, original = open_interpreter(finish(root), "tflm"), open_interpreter(model, "tflm")
    inputs = rng.integers(-60, 60, (200, 6, 4, 1))
    same = original.run(inputs.astype(np.int8)), changed.run((2 * inputs + 4).astype(np.int8))
    assert len(np.unique(same[0])) > 50
    assert np.abs(same[0].astype(int) - same[1]).max() <= 1


def test_what_depends_on_the_inputs_scale_reads_it_requantised():
    tensors = [tensor((1, 4), "int8", 0.5), tensor((1, 4), "int8", 1 / 256, -128)]
    root = open_for_edit(build(tensors, [operator("LOGISTIC", [0], [1])], [0], [1]))
    set_input_quantization(root, 0.25, 0)
    changed = open_interpreter(finish(root), "tflm")
    assert [o.code for o in read_model(finish(root)).operators] == ["QUANTIZE", "LOGISTIC"]
    assert (changed.input.scale, changed.input.zero_point) == (0.25, 0)
    reals = np.array([[-2, -0.5, 0, 3]])
    outputs = changed.run(np.rint(reals / 0.25).astype(np.int8)).reshape(1, 4)
    np.testing.assert_allclose((outputs.astype(float) + 128) / 256, 1 / (1 + np.exp(-reals)), atol=1 / 256)


def residual(seed: int) -> bytes:
    """A linear convolution and a linear depthwise one, added."""
    rng = np.random.default_rng(seed)
    plane = (1, 6, 6, 8)
    tensors = [tensor(plane, "int8", 0.05, 3)]
    operators = []
    for code, shape, axis in (("CONV_2D", (8, 3, 3, 8), 0), ("DEPTHWISE_CONV_2D", (1, 3, 3, 8), 3)):
        first = len(tensors)
        scales = rng.uniform(0.002, 0.006, 8).astype(np.float32)
        tensors.append(tensor(shape, "int8", scales, 0, axis, rng.integers(-127, 128, shape).astype(np.int8)))
        bias = rng.integers(-2000, 2000, 8).astype(np.int32)
        tensors.append(tensor((8,), "int32", scales * np.float32(0.05), data=bias))
        tensors.append(tensor(plane, "int8", 0.12, -7 - first))
        options = {"padding": 0, "stride_w": 1, "stride_h": 1} | ({"depth_multiplier": 1} if axis else {})
        kind = "DepthwiseConv2DOptions" if axis else "Conv2DOptions"
        operators.append(operator(code, [0, first, first + 1], [first + 2], (kind, options), 3))
    tensors.append(tensor(plane, "int8", 0.2, 4))
    operators.append(operator("ADD", [3, 6], [7], ("AddOptions", {}), 2))
    return build(tensors, operators, [0], [7])


@pytest.mark.parametrize("seed", range(3))
def test_linear_layers_inside_agree_on_every_byte(seed):
    model = residual(seed)
    root = open_for_edit(model)
    assert clamp_linear_layers(root) == 2
    assert clamp_linear_layers(root) == 0
    exact = finish(root)
    inputs = random_inputs(read_model(model), 500, seed)
    assert not compare(model, inputs, max_traced=0).identical
    for kind in EXACT_KINDS:
        assert compare(exact, inputs, ("tflm", kind), max_traced=0).identical
    before, after = (open_interpreter(each, "tflm").run(inputs) for each in (model, exact))
    assert np.abs(before.astype(int) - after).max() <= 1 and (before != after).mean() < 0.003
