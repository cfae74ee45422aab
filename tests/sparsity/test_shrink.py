"""Shrinking never changes what a network says, and says what it kept and why."""

from __future__ import annotations

import numpy as np
import pytest
from shrink_support import CLASSES, SHAPE, assert_equal_outputs, inputs, network, prune_randomly

from kws_tfmot.errors import ModelError
from kws_tfmot.keras import keras
from kws_tfmot.models.counting import count_layers, total_macs
from kws_tfmot.sparsity.coverage import kernel_of
from kws_tfmot.sparsity.shrink.shrink import shrink
from kws_tfmot.sparsity.shrink.shrink_report import LayerSize, size_table

FAMILIES = ("dnn", "cnn", "ds_cnn", "tc_resnet8")


def units_of(sizes: list[LayerSize]) -> dict[str, tuple[int, int]]:
    return {row.layer: (row.units_before, row.units_after) for row in sizes}


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("case", [0, *(pytest.param(case, marks=pytest.mark.slow) for case in range(1, 6))])
def test_random_zeros_in_every_family_keep_the_outputs(name: str, case: int) -> None:
    rng = np.random.default_rng([case, FAMILIES.index(name)])
    blocks = {} if name == "cnn" else {"blocks": int(rng.integers(1, 4))}
    model = network(name, case, width=int(rng.choice([4, 9, 24])), dropout=float(rng.choice([0.0, 0.3])), **blocks)
    sparsity = float(rng.choice([0.5, 0.9, 0.95, 0.97, 0.99]))
    prune_randomly(model, sparsity, case, units=float(rng.choice([0, 0.3])), depthwise=float(rng.choice([0, 0.2])))
    before = model.get_weights()
    smaller, sizes = shrink(model)
    assert_equal_outputs(model, smaller, case)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert [layer.name for layer in smaller.layers] == [layer.name for layer in model.layers]
    counts = {count.name: count for count in count_layers(smaller)}
    for row in sizes:
        kernel = keras.backend.get_value(kernel_of(smaller.get_layer(row.layer)))
        assert 1 <= row.units_after <= row.units_before
        assert counts[row.layer].weights == row.weights_after == kernel.size
        assert row.nonzero == np.count_nonzero(kernel) or "all units are dead" in row.reason
    assert shrink(smaller)[0].count_params() == smaller.count_params()


@pytest.mark.parametrize("name", FAMILIES)
def test_a_network_without_zeros_stays_as_it_is(name: str) -> None:
    model = network(name, width=8)
    smaller, sizes = shrink(model)
    assert all(row.units_before == row.units_after and not row.reason for row in sizes)
    for old, new in zip(model.get_weights(), smaller.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_units_macs_and_parameters_of_a_dnn_counted_by_hand() -> None:
    model = network("dnn", width=10, blocks=2)
    first, second = model.get_layer("dense1").kernel, model.get_layer("dense2").kernel
    values = [first.numpy(), second.numpy()]
    values[0][:, 3] = 0  # no inputs
    values[1][5] = 0  # no outputs
    values[1][:, [1, 2]] = 0  # no inputs
    first.assign(values[0])
    second.assign(values[1])
    smaller, sizes = shrink(model)
    assert_equal_outputs(model, smaller)
    assert units_of(sizes) == {"dense1": (10, 8), "dense2": (10, 8), "classifier": (4, 4)}
    assert total_macs(smaller) == 192 * 8 + 8 * 8 + 8 * CLASSES
    assert smaller.count_params() == 192 * 8 + 4 * 8 + 8 * 8 + 4 * 8 + 8 * CLASSES + CLASSES


def test_a_death_spreads_both_ways() -> None:
    model = network("dnn", width=4, blocks=3)
    kernels = [model.get_layer(f"dense{i}").kernel for i in (1, 2, 3)]
    values = [kernel.numpy() for kernel in kernels]
    values[0][:, 0] = 0  # unit 0 of dense1 has no input ...
    values[1][1:, 0] = 0  # ... and is the only input of unit 0 of dense2, ...
    values[2][1:, 0] = 0  # ... which is the only input of unit 0 of dense3
    values[2][3, :] = 0  # unit 3 of dense2 has no output ...
    values[1][3, :3] = 0  # ... and is all that unit 3 of dense1 speaks to
    for kernel, value in zip(kernels, values, strict=True):
        kernel.assign(value)
    smaller, sizes = shrink(model)
    assert_equal_outputs(model, smaller)
    assert [row.units_after for row in sizes] == [2, 2, 3, 4]


def test_a_channel_before_zero_padding_goes_only_if_it_is_zero() -> None:
    model = network("ds_cnn", width=6, blocks=1)
    conv, norm = model.get_layer("conv"), model.get_layer("conv_bn")
    conv.kernel.assign(conv.kernel * np.array([0, 0, 1, 1, 1, 1]))
    norm.moving_mean.assign(np.zeros(6))
    norm.beta.assign(np.array([0.7, -0.7, 1, 1, 1, 1]))  # after ReLU: 0.7 and 0
    smaller, sizes = shrink(model)
    assert_equal_outputs(model, smaller)
    assert units_of(sizes)["conv"] == units_of(sizes)["block1_depthwise"] == (6, 5)
    reasons = {row.layer: row.reason for row in sizes}
    assert reasons["conv"] == "1 unit without live inputs: not zero before the padded kernel of block1_depthwise"
    assert reasons["block1_depthwise"] == ""


def test_a_constant_goes_into_the_next_batch_norm_or_bias() -> None:
    model = network("ds_cnn", width=6, blocks=1)
    depthwise, pointwise = model.get_layer("block1_depthwise"), model.get_layer("block1_pointwise")
    kernel = depthwise.depthwise_kernel.numpy()
    kernel[:, :, 2] = 0  # the convolution's channel 2 is lost here: only the batch norm's constant is left
    depthwise.depthwise_kernel.assign(kernel)
    model.get_layer("block1_depthwise_bn").beta.assign(np.full(6, 2.0))
    pointwise.kernel.assign(pointwise.kernel * np.array([1, 1, 1, 1, 0, 1]))
    model.get_layer("block1_pointwise_bn").beta.assign(np.full(6, 2.0))
    smaller, sizes = shrink(model)
    assert_equal_outputs(model, smaller)
    assert [row.units_after for row in sizes] == [5, 5, 5, 4]
    moved = smaller.get_layer("block1_pointwise_bn").moving_mean.numpy()
    assert np.all(moved != model.get_layer("block1_pointwise_bn").moving_mean.numpy()[[0, 1, 2, 3, 5]])
    assert np.any(smaller.get_layer("classifier").bias.numpy() != model.get_layer("classifier").bias.numpy())


def test_a_live_unit_that_its_batch_norm_multiplies_with_zero_is_a_constant() -> None:
    model = network("dnn", width=6, blocks=2)
    norm = model.get_layer("dense1_bn")
    norm.gamma.assign(norm.gamma * np.array([1, 0, 1, 1, 1, 1]))
    norm.beta.assign(np.full(6, 2.0))
    smaller, sizes = shrink(model)
    assert_equal_outputs(model, smaller)
    assert units_of(sizes)["dense1"] == (6, 5)


def test_a_layer_with_neither_bias_nor_batch_norm_gets_a_bias() -> None:
    inputs_ = keras.Input((*SHAPE, 1), name="features")
    x = keras.layers.Conv2D(5, (3, 3), name="conv", bias_initializer="ones")(inputs_)
    x = keras.layers.ReLU(name="relu")(x)
    x = keras.layers.Conv2D(4, (2, 2), use_bias=False, activation="tanh", name="conv2")(x)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    model = keras.Model(inputs_, keras.layers.Dense(3, name="classifier")(x))
    model.get_layer("conv").kernel.assign(model.get_layer("conv").kernel * np.array([1, 0, 1, 0, 1]))
    smaller, sizes = shrink(model)
    assert_equal_outputs(model, smaller)
    assert units_of(sizes)["conv"] == (5, 3)
    assert smaller.get_layer("conv2").use_bias and not model.get_layer("conv2").use_bias


@pytest.mark.parametrize("name", FAMILIES)
def test_a_wholly_dead_network_keeps_one_unit_a_layer(name: str) -> None:
    model = network(name, width=4)
    first = next(layer for layer in model.layers if kernel_of(layer) is not None)
    kernel_of(first).assign(np.zeros(kernel_of(first).shape))
    last = model.get_layer("classifier").kernel
    last.assign(np.zeros(last.shape))
    smaller, sizes = shrink(model)
    assert_equal_outputs(model, smaller)
    assert [row.units_after for row in sizes] == [1] * (len(sizes) - 1) + [CLASSES]
    assert all("one with zero weights replaces them" in row.reason for row in sizes[:-1])


def test_two_channels_of_which_one_dies() -> None:
    inputs_ = keras.Input((*SHAPE, 1), name="features")
    x = keras.layers.Conv2D(2, (3, 3), padding="same", use_bias=False, name="conv")(inputs_)
    x = keras.layers.BatchNormalization(name="conv_bn", beta_initializer="ones")(x)
    x = keras.layers.ReLU(6.0, name="relu6")(x)
    x = keras.layers.DepthwiseConv2D((3, 3), name="valid")(x)
    x = keras.layers.MaxPooling2D(2, padding="same", name="max")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    x = keras.layers.BatchNormalization(name="flat_bn")(x)
    model = keras.Model(inputs_, keras.layers.Dense(3, activation="softmax", name="classifier")(x))
    rng = np.random.default_rng(0)
    norm = model.get_layer("flat_bn")
    norm.set_weights([rng.uniform(0.5, 1, w.shape) for w in norm.get_weights()])
    model.get_layer("conv").kernel.assign(model.get_layer("conv").kernel * np.array([0, 1]))
    smaller, sizes = shrink(model)
    assert_equal_outputs(model, smaller)
    assert units_of(sizes) == {"conv": (2, 1), "valid": (2, 1), "classifier": (3, 3)}
    assert smaller.get_layer("flat_bn").gamma.shape[0] * 2 == norm.gamma.shape[0]


def test_an_empty_padding_is_none() -> None:
    """With stride 2 on an even size a SAME 2x2 kernel reads no zeros, and any constant can be folded."""
    inputs_ = keras.Input((*SHAPE, 1), name="features")
    x = keras.layers.Conv2D(4, 1, name="conv", bias_initializer="ones")(inputs_)
    x = keras.layers.Conv2D(4, 2, strides=2, padding="same", name="conv2")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    model = keras.Model(inputs_, keras.layers.Dense(3, name="classifier")(x))
    model.get_layer("conv").kernel.assign(model.get_layer("conv").kernel * np.array([0, 1, 1, 0]))
    smaller, sizes = shrink(model)
    assert_equal_outputs(model, smaller)
    assert units_of(sizes)["conv"] == (4, 2)


def test_units_next_to_unknown_layers_stay_and_the_report_says_so() -> None:
    inputs_ = keras.Input((*SHAPE, 1), name="features")
    x = keras.layers.Conv2D(4, 3, name="conv")(inputs_)
    x = keras.layers.LayerNormalization(name="layer_norm")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    model = keras.Model(inputs_, keras.layers.Dense(3, name="classifier")(x))
    model.get_layer("conv").kernel.assign(model.get_layer("conv").kernel * np.array([0, 1, 1, 0]))
    smaller, sizes = shrink(model)
    assert_equal_outputs(model, smaller)
    assert units_of(sizes)["conv"] == (4, 4)
    assert "read by layer_norm: units are not followed through layers of type LayerNorm" in sizes[0].reason


def test_models_of_other_shapes_are_refused() -> None:
    one = keras.Input((4,))
    shared = keras.layers.Dense(4, name="again")
    with pytest.raises(ModelError, match="used twice cannot lose units: again"):
        shrink(keras.Model(one, shared(shared(one))))
    with pytest.raises(ModelError, match="one input and one output"):
        shrink(keras.Model(one, [keras.layers.Dense(2)(one), keras.layers.Dense(2)(one)]))


def test_a_model_that_others_were_built_on_can_be_shrunk() -> None:
    model = network("dnn", width=8)
    prune_randomly(model, 0.9, 1, units=0.3)
    layer = model.get_layer("dense2")
    layer(keras.Input(layer.input_shape[1:]))
    assert_equal_outputs(model, shrink(model)[0])


def test_the_table_ends_with_the_whole_network() -> None:
    model = network("ds_cnn", width=8)
    prune_randomly(model, 0.9, 1, units=0.4)
    smaller, sizes = shrink(model)
    rows = size_table(sizes)
    assert [row["layer"] for row in rows] == [row.layer for row in sizes] + ["total"]
    weights = sum(count.weights for count in count_layers(smaller))
    assert rows[-1]["weights"] == f"{sum(row.weights_before for row in sizes)} -> {weights}"
    assert inputs(2).shape == (2, *model.input_shape[1:])
