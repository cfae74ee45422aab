"""Weights of few bits beside their formulas written out, without a training: grids of layers, steps, folded kernels."""

from __future__ import annotations

import functools
import itertools
from types import SimpleNamespace

import numpy as np
import pytest

from kws_tfmot.keras import keras, seed_everything, tf
from kws_tfmot.quantization.activation_ranges import calibrate_ranges
from kws_tfmot.quantization.grids import Grid, least_squares_steps, nearest_levels, range_steps
from kws_tfmot.quantization.integer_kernels import GridKernel, grid_kernels, integer_kernels, write_into
from kws_tfmot.quantization.low_bit_layers import LowBitLayer, kernels_of, low_bit_layers
from kws_tfmot.quantization.low_bit_settings import LowBitSettings
from kws_tfmot.quantization.low_bit_training import LowBitTraining
from kws_tfmot.quantization.quantization_settings import QuantizationSettings
from kws_tfmot.quantization.tfmot_clustering import is_clustered

L = keras.layers


def network() -> keras.Model:
    """A convolution with batch norm, a depthwise one of two outputs a channel with one, and two layers with biases."""
    seed_everything(1)
    entry = keras.Input((6, 5, 2))
    x = L.Conv2D(4, 3, use_bias=False, name="conv")(entry)
    x = L.ReLU()(L.BatchNormalization(name="conv_bn")(x))
    x = L.DepthwiseConv2D(2, depth_multiplier=2, use_bias=True, name="depthwise")(x)
    x = L.ReLU()(L.BatchNormalization(scale=False, name="depthwise_bn")(x))
    x = L.Conv2D(3, 1, activation="relu", name="bare")(x)
    x = L.BatchNormalization(center=False, name="late_bn")(x)  # behind an activation: nothing to fold
    model = keras.Model(entry, L.Dense(2, name="classifier")(L.Flatten()(x)))
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, L.BatchNormalization):
            for weight in layer.weights:
                low = 0.5 if "variance" in weight.name else -1.0
                weight.assign(rng.uniform(low, 1.5, weight.shape))
        elif getattr(layer, "bias", None) is not None:
            layer.bias.assign(rng.normal(size=layer.bias.shape))
    return model


LEVELS = [Grid(1, False), Grid(2, False), Grid(2, True), Grid(4, True)]


@pytest.mark.parametrize("shape", [(2, 3, 2, 4), (3, 2, 4, 2), (5, 4)])
@pytest.mark.parametrize("tensor", [False, True])
@pytest.mark.parametrize("grid", LEVELS, ids=str)
@pytest.mark.parametrize("fit", ["range", "least_squares"])
def test_weights_that_share_a_step_are_fitted_together(shape, tensor: bool, grid: Grid, fit: str) -> None:
    axes = tuple(range(len(shape))) if tensor else tuple(range(len(shape) - 1))
    layer = LowBitLayer("x", grid, axes)
    kernel = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    kernel[0, 0] = 0
    columns = [kernel.ravel()] if tensor else [kernel[..., channel].ravel() for channel in range(shape[-1])]
    one = {"range": range_steps, "least_squares": least_squares_steps}[fit]
    wanted = [float(one(column[:, None].astype(float), grid)[0]) for column in columns]
    steps = layer.steps(kernel, fit)
    assert steps.shape == (1,) * (len(shape) - 1) + (1 if tensor else shape[-1],) and steps.dtype == np.float32
    np.testing.assert_allclose(steps.ravel(), wanted, rtol=1e-6)
    levels = layer.levels(kernel, steps)
    np.testing.assert_array_equal(levels, nearest_levels(kernel / steps, grid) * (kernel != 0))
    assert not levels[0, 0].any()
    assert layer.columns(kernel).shape == (kernel.size // len(columns), len(columns))
    dead = layer.steps(np.zeros(shape, np.float32), fit)
    assert (dead > 0).all()


@pytest.mark.parametrize("grid", LEVELS, ids=str)
def test_least_squares_are_the_least_of_many_steps(grid: Grid) -> None:
    """For one bit exactly the mean size; of few bits no step of a fine ladder is better, of four by a fifth at most."""
    columns = np.random.default_rng(3).normal(size=(40, 5))
    columns[::7] = 0
    used = np.ones(columns.shape, bool) if grid.zero else columns != 0

    def error(steps: np.ndarray) -> np.ndarray:
        return ((columns - steps * nearest_levels(columns / steps, grid) * used) ** 2).sum(axis=0)

    found = least_squares_steps(columns, grid)
    ladder = np.linspace(0.02, 2.5, 800)[:, None] * np.ones(5)
    best = np.min([error(steps) for steps in ladder], axis=0)
    assert np.all(error(found) <= best * (1.001 if grid.bits < 4 else 1.2))
    if grid.bits == 1:
        np.testing.assert_allclose(found, [np.abs(column[column != 0]).mean() for column in columns.T])


@functools.cache
def once(pruned: bool) -> keras.Model:
    """The network, which nobody changes, with a zero in each column of its classifier or none."""
    model = network()
    if pruned:
        kernel = model.get_layer("classifier").kernel
        kernel.assign(np.where(np.arange(kernel.shape[0])[:, None] == 3, 0, kernel))
    return model


@pytest.mark.parametrize("levels", ["auto", "without_zero", "with_zero"])
@pytest.mark.parametrize("bits", [1, 2, 7, 8])
@pytest.mark.parametrize("pruned", [False, True])
def test_which_grids_have_a_zero(levels, bits: int, pruned: bool) -> None:
    if bits == 1 and levels == "with_zero":
        return
    model = once(pruned)
    grids = {one.name: one.grid for one in low_bit_layers(model, LowBitSettings(bits=bits, levels=levels))}
    zero = {1: False, 8: True}.get(bits, pruned if levels == "auto" else levels == "with_zero")
    assert grids["classifier"] == Grid(bits, zero)
    assert grids["bare"].zero == (bits == 8 or (levels == "with_zero" and bits > 1))


def test_a_step_for_each_output_of_a_depthwise_kernel() -> None:
    layers = {one.name: one for one in low_bit_layers(network(), LowBitSettings(bits=2))}
    assert layers["depthwise"].axes == (0, 1) and layers["depthwise"].grid.bits == 4
    assert [one.name for one in low_bit_layers(network(), LowBitSettings(bits=2))] == list(kernels_of(network()))


def outputs_of(model: keras.Model, name: str, x: np.ndarray) -> np.ndarray:
    """What a layer, and the batch norm directly behind it, give."""
    layer = model.get_layer(name)
    linear = layer.activation is keras.activations.linear
    last = f"{name}_bn" if linear and name != "classifier" else name
    return keras.Model(layer.input, model.get_layer(last).output)(x).numpy()


@pytest.mark.parametrize("scale", ["channel", "tensor"])
def test_integers_scales_and_biases_are_the_layer_with_its_batch_norm(scale) -> None:
    """The layer's own outputs, computed again from what the file will hold."""
    model = network()
    kernels = grid_kernels(low_bit_layers(model, LowBitSettings(bits=2, scale=scale)), values(model), "range")
    write_into(model, kernels)
    for name, value in values(model).items():
        np.testing.assert_allclose(value, kernels[name].steps * kernels[name].levels, rtol=1e-6)
    rng = np.random.default_rng(1)
    for one in integer_kernels(model, kernels):
        layer, grid = model.get_layer(one.layer), Grid(kernels[one.layer].bits, kernels[one.layer].zero)
        assert one.values.dtype == np.int8 and one.scales.dtype == np.float32
        assert set(np.unique(np.abs(one.values))) <= {abs(int(level)) * grid.factor for level in grid.levels}
        shape = [1] * one.values.ndim
        shape[one.axis] = -1
        np.testing.assert_allclose(one.real, one.values * one.scales.astype(float).reshape(shape))
        assert (one.scales > 0).all()
        x = rng.normal(size=(2, *layer.input_shape[1:])).astype(np.float32)
        real = one.real.astype(np.float32)
        if one.layer == "depthwise":
            kernel = real[0].reshape(2, 2, 4, 2)
            found = keras.backend.depthwise_conv2d(x, kernel).numpy() + one.bias
        elif real.ndim == 2:
            found = x @ real.T + one.bias
        else:
            found = keras.backend.conv2d(x, np.moveaxis(real, 0, -1)).numpy() + one.bias
        found = np.maximum(found, 0) if one.layer == "bare" else found
        np.testing.assert_allclose(found, outputs_of(model, one.layer, x), rtol=1e-3, atol=1e-4, err_msg=one.layer)


def values(model: keras.Model) -> dict[str, np.ndarray]:
    return {name: kernel.numpy() for name, kernel in kernels_of(model).items()}


def test_channels_without_weights_take_the_largest_scale_of_their_layer() -> None:
    model = network()
    levels = np.random.default_rng(0).integers(1, 3, (3, 3, 2, 4)).astype(np.int16)
    levels[..., [0, 2]] = 0
    steps = np.array([9.0, 0.5, 9.0, 0.25], np.float32).reshape(1, 1, 1, 4)
    norm = model.get_layer("conv_bn")
    norm.gamma.assign(np.ones(4))
    norm.moving_variance.assign(np.full(4, 1.0 - norm.epsilon))
    (found,) = integer_kernels(model, {"conv": GridKernel(2, False, levels, steps)})
    np.testing.assert_allclose(found.scales, np.array([0.5, 0.5, 0.5, 0.25]) / 32, rtol=1e-6)
    (dead,) = integer_kernels(model, {"conv": GridKernel(2, False, 0 * levels, steps)})
    assert dead.scales.tolist() == [1.0] * 4


def in_words(latent: np.ndarray, steps: np.ndarray, mask: np.ndarray, moved: np.ndarray, layer: LowBitLayer, follow):
    """One step of training: what the optimiser did to ``step * level`` is done to the latent weights, the step follows
    by least squares under the present levels, and the kernel is rounded again."""
    before = nearest_levels(latent / steps, layer.grid) * mask
    latent = latent + (moved - steps * before) * mask
    levels = nearest_levels(latent / steps, layer.grid) * mask
    if follow:
        weight = (levels**2).sum(axis=layer.axes, keepdims=True)
        product = (latent * levels).sum(axis=layer.axes, keepdims=True)
        steps = np.where((weight > 0) & (product > 0), product / np.maximum(weight, 1), steps)
    return latent, steps, steps * nearest_levels(latent / steps, layer.grid) * mask


@pytest.mark.parametrize("fit", ["least_squares", "range"])
@pytest.mark.parametrize(
    "settings", [LowBitSettings(bits=2), LowBitSettings(bits=3, levels="with_zero", scale="tensor")]
)
def test_a_step_of_training_by_its_documentation(settings: LowBitSettings, fit: str) -> None:
    model = network()
    kernel = model.get_layer("conv").kernel
    pruned = np.where(np.random.default_rng(5).random(kernel.shape) < 0.4, 0, kernel.numpy())
    pruned[..., 1] = 0  # a channel without a weight keeps its step
    kernel.assign(pruned)
    layers = low_bit_layers(model, settings)
    training = LowBitTraining(model, layers, fit)
    start = training.get_state()
    for layer in layers:
        np.testing.assert_array_equal(start[f"mask/{layer.name}"], start[f"latent/{layer.name}"] != 0)
    rng, past = np.random.default_rng(0), {}
    for epoch in range(2):
        for layer in layers:
            past[layer.name] = {key: training.get_state()[f"{key}/{layer.name}"] for key in ("latent", "steps", "mask")}
        moved = {name: value + rng.normal(0, 0.3, value.shape) for name, value in values(model).items()}
        for name, value in moved.items():
            kernels_of(model)[name].assign(value)
        training.after_step(keras.optimizers.SGD())
        training.on_epoch_end(epoch)
        for layer in layers:
            was = past[layer.name]
            latent, steps, rounded = in_words(
                was["latent"], was["steps"], was["mask"], moved[layer.name], layer, fit == "least_squares"
            )
            state = training.get_state()
            np.testing.assert_allclose(state[f"latent/{layer.name}"], latent, atol=1e-5)
            np.testing.assert_allclose(state[f"steps/{layer.name}"], steps, rtol=1e-4)
            np.testing.assert_allclose(values(model)[layer.name], rounded, atol=1e-4)
            found = training.kernels(epoch)[layer.name]
            np.testing.assert_allclose(found.steps * found.levels, rounded, atol=1e-4)
            assert (found.bits, found.zero) == (layer.grid.bits, layer.grid.zero)
            assert state[f"past/{layer.name}"].shape[0] == epoch + 1
    same = all(np.array_equal(start[key], training.get_state()[key]) for key in start if key.startswith("steps"))
    assert same == (fit == "range")
    training.on_epoch_end(1)  # an epoch that is done again, after an interruption
    assert training.get_state()["past/conv"].shape[0] == 2
    other = LowBitTraining(network(), layers, fit)
    other.set_state(training.get_state())
    for key, value in training.get_state().items():
        np.testing.assert_array_equal(other.get_state()[key], value)


def test_ranges_are_the_means_of_each_batch_s_ends_and_hold_zero() -> None:
    entry = keras.Input((4,))
    hidden = L.Dense(3, activation="relu", name="hidden")(entry)
    never = L.Dense(2, activation="relu", name="never")(hidden)
    softmax = L.Dense(2, activation="softmax", use_bias=False, name="last")(hidden)
    model = keras.Model(entry, [softmax, never])
    model.get_layer("never").kernel.assign(np.full((3, 2), -1.0))
    ends = ("post_activation", "pre_activation", "output")
    wrappers = [  # what TFMOT's have of a layer
        SimpleNamespace(
            layer=SimpleNamespace(name=name),
            weights=[tf.Variable(9.0, name=f"quant_{name}/{end}_{side}") for side in ("min", "max")],
        )
        for name, end in (("hidden", ends[0]), ("last", ends[1]), ("hidden", ends[2]), ("never", ends[0]))
    ]
    wrappers.append(
        SimpleNamespace(layer=SimpleNamespace(name="hidden"), weights=[tf.Variable(7.0, name="kernel_min")])
    )
    x = np.random.default_rng(0).normal(size=(250, 4)).astype(np.float32)
    calibrate_ranges(SimpleNamespace(layers=wrappers), model, x)  # type: ignore[arg-type]
    rows = keras.Model(entry, hidden)(x).numpy()
    logits = rows @ model.get_layer("last").kernel.numpy()
    for wrapper, seen in zip(wrappers, (rows, logits, rows, -rows[:, :1] * 0), strict=False):
        batches = np.split(seen, [100, 200])
        low, high = np.mean([b.min() for b in batches]), np.mean([b.max() for b in batches])
        found = [float(weight) for weight in wrapper.weights]
        assert found == pytest.approx([min(0.0, low), max(1e-3, high)], rel=1e-4)
    assert float(wrappers[-1].weights[0]) == 7.0


@pytest.mark.parametrize(
    ("layer", "clustered"),
    [(L.Conv2D(1, 1), True), (L.Dense(1), True), (L.DepthwiseConv2D(1), False), (L.ReLU(), False)],
)
def test_what_is_clustered(layer: keras.layers.Layer, clustered: bool) -> None:
    assert is_clustered(layer) is clustered


@pytest.mark.parametrize(("clusters", "sparse"), itertools.product([0, 2], [False, True]))
def test_auto_preserves_clusters_and_zeros_as_they_were_made(clusters: int, sparse: bool) -> None:
    made = " and ".join(["clusters"] * bool(clusters) + ["sparsity"] * sparse).replace(" ", "_") or "nothing"
    assert QuantizationSettings(clusters=clusters).preserves(sparse) == made
    assert QuantizationSettings(clusters=clusters, preserve="clusters").preserves(sparse) == "clusters"
