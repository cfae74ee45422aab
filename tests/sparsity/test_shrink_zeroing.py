"""Zeroing makes removable what padding would keep, says what it changes, and can be held during training."""

from __future__ import annotations

import numpy as np
import pytest
from shrink_support import assert_equal_outputs, inputs, network, prune_randomly

from kws_tfmot.errors import ModelError
from kws_tfmot.keras import keras, tf
from kws_tfmot.sparsity.shrink.shrink import shrink
from kws_tfmot.sparsity.shrink.zeroing import zero_dead, zeroing_factors

FAMILIES = ("dnn", "cnn", "ds_cnn", "tc_resnet8")


def dead_channels(model: keras.Model, layer: str, channels: list[int], beta: float) -> None:
    """Channels of a convolution without any weight, that say ``beta`` after their batch norm."""
    kernel, norm = model.get_layer(layer).kernel, model.get_layer(f"{layer}_bn")
    alive = np.ones(kernel.shape[-1], np.float32)
    alive[channels] = 0
    kernel.assign(kernel * alive)
    norm.moving_mean.assign(norm.moving_mean * alive)
    norm.beta.assign(np.where(alive, norm.beta, beta))


def test_zeroed_channels_can_be_removed() -> None:
    model = network("ds_cnn", width=6, blocks=1)
    dead_channels(model, "conv", [1, 4], beta=0.5)
    assert [row.units_after for row in shrink(model)[1]][:2] == [6, 6]
    (change,) = zero_dead(model)
    assert (change.layer, change.units, change.reader) == ("conv_bn", (1, 4), "block1_depthwise")
    assert change.before == pytest.approx((0.5, 0.5))
    behind = keras.Model(model.inputs, model.get_layer("conv_relu").output)(inputs(3)).numpy()
    np.testing.assert_array_equal(behind[..., [1, 4]], 0)
    smaller, sizes = shrink(model)
    assert_equal_outputs(model, smaller)
    assert [row.units_after for row in sizes] == [4, 4, 6, 4]
    assert not any(row.reason for row in sizes)


def test_a_zeroed_channel_may_kill_the_next_one() -> None:
    model = network("ds_cnn", width=4, blocks=2)
    dead_channels(model, "conv", [2], beta=1.0)
    kernel = model.get_layer("block1_pointwise").kernel
    values = kernel.numpy()
    values[:, :, [0, 1, 3], 0] = 0  # channel 0 hears channel 2 only
    kernel.assign(values)
    norm = model.get_layer("block1_pointwise_bn")
    norm.set_weights([np.ones(4), np.full(4, 9.0), np.zeros(4), np.ones(4)])
    changes = zero_dead(model)
    assert [(change.layer, change.units) for change in changes] == [("conv_bn", (2,)), ("block1_pointwise_bn", (0,))]
    smaller, sizes = shrink(model)
    assert_equal_outputs(model, smaller)
    assert [row.units_after for row in sizes] == [3, 3, 3, 3, 4, 4]


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
def test_after_zeroing_nothing_is_kept_by_padding_alone(name: str, seed: int) -> None:
    model = network(name, seed, width=16)
    prune_randomly(model, 0.9, seed, units=0.3)
    zero_dead(model)
    assert zero_dead(model) == []
    smaller, sizes = shrink(model)
    assert_equal_outputs(model, smaller)
    assert not any("padded" in row.reason for row in sizes)


def test_nothing_is_zeroed_that_can_be_folded() -> None:
    model = network("dnn", width=16)
    prune_randomly(model, 0.9, 0, units=0.3)
    before = model.get_weights()
    assert zero_dead(model) == [] and zeroing_factors(model) == []
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_the_factors_hold_through_training() -> None:
    model = network("ds_cnn", width=6, blocks=1)
    dead_channels(model, "conv", [0], beta=0.5)
    dead_channels(model, "conv", [5], beta=-0.5)  # zero behind its ReLU so far, but free to change
    kernel = model.get_layer("conv").kernel
    mask = (kernel.numpy() != 0).astype(np.float32)
    held = [*zeroing_factors(model), (kernel, mask)]
    assert sorted(variable.name for variable, _ in held[:2]) == ["conv_bn/beta:0", "conv_bn/gamma:0"]
    np.testing.assert_array_equal(held[0][1], [0, 1, 1, 1, 1, 0])
    optimizer = keras.optimizers.Adam(0.05)
    target = tf.one_hot(np.arange(8) % 4, 4)

    @tf.function
    def step(x: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(keras.losses.categorical_crossentropy(target, model(x, training=True)))
        optimizer.apply_gradients(
            zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables, strict=True)
        )
        for variable, factors in held:
            variable.assign(variable * tf.cast(factors, variable.dtype))

    for seed in range(5):
        step(tf.constant(inputs(8, seed)))
    assert zero_dead(model) == []
    smaller, sizes = shrink(model)
    assert_equal_outputs(model, smaller)
    assert sizes[0].units_after == 4
    np.testing.assert_array_equal(zeroing_factors(model)[0][1], [0, 1, 1, 1, 1, 0])


def test_masks_that_are_not_in_the_kernels_yet() -> None:
    model = network("ds_cnn", width=6, blocks=1)
    mask = np.ones(model.get_layer("conv").kernel.shape, bool)
    mask[..., 3] = False
    factors = zeroing_factors(model, {"conv": mask})
    assert [np.flatnonzero(values == 0).tolist() for _, values in factors] == [[3], [3]]
    assert zeroing_factors(model) == []
    with pytest.raises(ModelError, match="mask of layer 'conv' does not fit"):
        zeroing_factors(model, {"conv": mask[..., :2]})


def test_an_addition_is_silent_only_where_both_branches_are() -> None:
    model = network("tc_resnet8", width=12, blocks=2)
    dead_channels(model, "block1_conv2", [0, 1], beta=1.0)
    dead_channels(model, "block1_shortcut", [1, 2], beta=1.0)
    changes = zero_dead(model)
    assert sorted((c.layer, c.units) for c in changes) == [("block1_conv2_bn", (1,)), ("block1_shortcut_bn", (1,))]
    smaller, sizes = shrink(model)
    assert_equal_outputs(model, smaller)
    reasons = {row.layer: row.reason for row in sizes}
    assert reasons["block1_conv2"] == "1 unit without live inputs: added to live units in block1_add"


def test_a_bias_without_batch_norm_is_zeroed_and_a_batch_norm_without_gamma_is_not() -> None:
    source = keras.Input((12, 8, 1))
    x = keras.layers.Conv2D(3, 3, name="biased", bias_initializer="ones", activation="relu")(source)
    x = keras.layers.Conv2D(3, 3, padding="same", name="conv")(x)
    x = keras.layers.BatchNormalization(scale=False, name="conv_bn", beta_initializer="ones")(x)
    x = keras.layers.DepthwiseConv2D(3, padding="same", name="depthwise")(x)
    model = keras.Model(source, keras.layers.Dense(2, name="classifier")(keras.layers.GlobalAveragePooling2D()(x)))
    for name in ("biased", "conv"):
        kernel = model.get_layer(name).kernel
        kernel.assign(kernel * np.array([0, 1, 1]))
    assert [(c.layer, c.units, c.before) for c in zero_dead(model)] == [("biased", (0,), (1.0,))]
    _, sizes = shrink(model)
    assert [row.units_after for row in sizes] == [2, 3, 3, 2]
    assert "padded kernel of depthwise" in sizes[1].reason


def test_an_addition_that_cannot_become_silent_is_left_as_it_is() -> None:
    source = keras.Input((12, 8, 1))
    branches = []
    for name, scale in (("first", True), ("second", False)):
        x = keras.layers.Conv2D(3, 1, use_bias=False, name=name)(source)
        branches.append(
            keras.layers.BatchNormalization(scale=scale, name=f"{name}_bn", beta_initializer="ones")(x)
        )  # fmt: skip
    x = keras.layers.Conv2D(3, 3, padding="same", name="conv")(keras.layers.Add(name="add")(branches))
    model = keras.Model(source, keras.layers.Dense(2, name="classifier")(keras.layers.Flatten()(x)))
    for name in ("first", "second"):
        kernel = model.get_layer(name).kernel
        kernel.assign(kernel * np.array([1, 0, 1]))
    assert zero_dead(model) == [] and zeroing_factors(model) == []
    _, sizes = shrink(model)
    assert sizes[0].reason == "1 unit without live inputs: not zero before the padded kernel of conv"
