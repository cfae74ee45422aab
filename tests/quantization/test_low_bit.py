"""Weights of few bits, from training or rounding to the integers of the int8 file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kws_tfmot.errors import ModelError, RecipeError
from kws_tfmot.keras import keras
from kws_tfmot.models import model_names
from kws_tfmot.quantization.batch_statistics import estimate_statistics
from kws_tfmot.quantization.integer_kernels import (
    GridKernel,
    grid_kernels,
    integer_kernels,
    load_kernels,
    save_kernels,
    write_into,
)
from kws_tfmot.quantization.low_bit_layers import kernels_of, low_bit_layers
from kws_tfmot.quantization.low_bit_settings import LowBitSettings
from kws_tfmot.quantization.low_bit_training import LowBitTraining
from kws_tfmot.quantization.quantization_settings import QuantizationSettings
from kws_tfmot.tflite.convert import convert
from kws_tfmot.tflite.interpreter import open_interpreter
from kws_tfmot.tflite.reader import read_model
from kws_tfmot.training import TrainSettings
from kws_tfmot.training.epoch_features import ArraySource
from kws_tfmot.training.loop import Plugins, TrainResult, train
from tests.quantization.test_tfmot_qat import CLASSES, SCALE, features, make_sparse, model
from tests.resuming import copies

SETTINGS = [LowBitSettings(bits=bits, levels="without_zero" if bits < 8 else "auto") for bits in (1, 2, 3, 4, 8)]
SETTINGS += [LowBitSettings(bits=2, levels="with_zero"), LowBitSettings(bits=3, scale="tensor")]


def values_of(network: keras.Model) -> dict[str, np.ndarray]:
    return {name: kernel.numpy() for name, kernel in kernels_of(network).items()}


def train_low_bit(
    network: keras.Model, settings: LowBitSettings, epochs: int = 3, **more: object
) -> tuple[LowBitTraining, TrainResult]:
    x = features(150)
    training = LowBitTraining(network, low_bit_layers(network, settings), "least_squares", x[:100])
    y = np.eye(CLASSES, dtype=np.float32)[np.arange(150) % CLASSES]
    rates = TrainSettings(epochs=epochs, batch_size=25, warmup_epochs=0, learning_rate=1e-2)
    plugins = Plugins([training], [], [training.after_step])
    return training, train(network, ArraySource(x[:100], y[:100]), (x[100:], y[100:]), rates, plugins=plugins, **more)


def trained(network: keras.Model, settings: LowBitSettings) -> dict[str, GridKernel]:
    training, result = train_low_bit(network, settings)
    return training.kernels(result.selected_epoch)


def rounded(network: keras.Model, settings: LowBitSettings, fit: str = "range") -> dict[str, GridKernel]:
    kernels = grid_kernels(low_bit_layers(network, settings), values_of(network), fit)
    write_into(network, kernels)
    return kernels


def converted(network: keras.Model, kernels: dict[str, GridKernel]) -> bytes:
    integers = integer_kernels(network, kernels)
    return convert(network, "int8", features(100), input_quantization=(SCALE, 0), exact_linear=True, kernels=integers)


def file_levels(data: bytes) -> list[np.ndarray]:
    graph = read_model(data)
    codes = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
    return [graph.tensor(o.inputs[1]).data for o in graph.operators if o.code in codes]


@pytest.mark.parametrize("settings", [SETTINGS[0], *SETTINGS[-2:]], ids=lambda s: f"{s.bits}-{s.levels}-{s.scale}")
def test_trained_weights_lie_on_the_grid_and_move(settings: LowBitSettings) -> None:
    network = model("ds_cnn")
    layers = {layer.name: layer for layer in low_bit_layers(network, settings)}
    before = rounded(model("ds_cnn"), settings, "least_squares")
    kernels = trained(network, settings)
    for name, kernel in kernels.items():
        assert set(np.unique(kernel.levels)) <= set(layers[name].grid.levels)
        np.testing.assert_allclose(values_of(network)[name], kernel.levels * kernel.steps, rtol=1e-6)
        assert kernel.steps.size == (kernel.levels.size // np.prod([kernel.levels.shape[a] for a in layers[name].axes]))
    assert any(np.any(kernels[name].levels != before[name].levels) for name in kernels)


def test_the_gradient_passes_the_rounding() -> None:
    """What the optimiser does to the rounded weights is done to the latent ones, to the last bit of a small step."""
    network = model("ds_cnn")
    training = LowBitTraining(network, low_bit_layers(network, LowBitSettings(bits=1)), "range")
    kernel, latent = network.get_layer("conv").kernel, training.get_state()["latent/conv"]
    kernel.assign_add(np.full(kernel.shape, 0.25, np.float32))
    training.after_step(keras.optimizers.SGD())
    np.testing.assert_allclose(training.get_state()["latent/conv"], latent + 0.25, atol=1e-6)
    assert len(np.unique(np.abs(kernel.numpy()[..., 0]))) == 1


@pytest.mark.parametrize("bits", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_zeros_of_pruning_stay_zeros_through_training_and_file(bits: int) -> None:
    network = model("ds_cnn")
    zeros = make_sparse(network, 0.75)
    kernels = trained(network, LowBitSettings(bits=bits))
    for name, mask in zeros.items():
        assert np.all(kernels[name].levels[mask] == 0)
        assert len(np.unique(kernels[name].levels)) <= 2**bits + (bits == 1)
    found = file_levels(converted(network, kernels))
    assert sum(int((data == 0).sum()) for data in found) >= sum(int(mask.sum()) for mask in zeros.values())


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param(each, marks=[pytest.mark.slow] if each.bits in (3, 4) and each.scale == "channel" else [])
        for each in SETTINGS
    ],
    ids=lambda s: f"{s.bits}-{s.levels}-{s.scale}",
)
def test_levels_in_the_file_are_those_of_the_model_and_outputs_agree(settings: LowBitSettings) -> None:
    network = model("ds_cnn")
    for layer in network.layers:  # batch norms that also negate and shift
        if isinstance(layer, keras.layers.BatchNormalization):
            rng = np.random.default_rng(len(layer.name))
            layer.gamma.assign(rng.uniform(0.5, 1.5, layer.gamma.shape) * rng.choice([-1, 1], layer.gamma.shape))
            layer.beta.assign(rng.normal(0, 0.3, layer.beta.shape))
            layer.moving_mean.assign(rng.normal(0, 0.5, layer.beta.shape))
            layer.moving_variance.assign(rng.uniform(0.5, 2.0, layer.beta.shape))
    kernels = rounded(network, settings, "least_squares")
    data = converted(network, kernels)
    for kernel, found in zip(integer_kernels(network, kernels), file_levels(data), strict=True):
        np.testing.assert_array_equal(kernel.values, found)
    for kernel, integers in zip(kernels.values(), file_levels(data), strict=True):
        assert sorted(np.unique(np.abs(integers))) == sorted(
            np.unique(np.abs(kernel.levels)) * (integers.max() // max(1, np.abs(kernel.levels).max()))
        )
    logits = keras.Model(network.inputs, network.get_layer("classifier").output)
    logits.get_layer("classifier").activation = keras.activations.linear
    interpreter = open_interpreter(data, "tflm")
    x = features(60)[40:]
    steps = (x / SCALE).round().astype(np.int8)
    out = read_model(data).tensor(read_model(data).outputs[0]).quantization
    got = interpreter.run(steps).reshape(len(x), -1).astype(np.float64) * out.scales[0]
    want = logits.predict(x, verbose=0)
    off = (got - got.mean(axis=1, keepdims=True)) - (want - want.mean(axis=1, keepdims=True))
    assert np.abs(off).max() < 0.06 * np.ptp(want)


QUICK = ("ds_cnn", "tc_resnet8", "mbconv")  # depthwise, strided residuals, expansions


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow]) for name in model_names()]
)
def test_every_family_converts(name: str) -> None:
    network = model(name)
    kernels = rounded(network, LowBitSettings(bits={"default": 2, "first": 8, "depthwise": 4}))
    assert len(file_levels(converted(network, kernels))) == len(kernels)


def test_a_resumed_training_ends_with_the_same_bits(tmp_path: Path) -> None:
    settings, x = LowBitSettings(bits=2), features(150)
    y = np.eye(CLASSES, dtype=np.float32)[np.arange(150) % CLASSES]
    rates = TrainSettings(epochs=4, batch_size=25, warmup_epochs=0, learning_rate=1e-2, select="last")

    def go(state: Path, on_epoch: Callable[[int, object], None]) -> dict[str, GridKernel]:
        network = model("ds_cnn")
        training = LowBitTraining(network, low_bit_layers(network, settings), "least_squares", x[:60])
        result = train(
            network, ArraySource(x[:100], y[:100]), (x[100:], y[100:]), rates,
            plugins=Plugins([training], [], [training.after_step]),
            run_key="k", state_path=state, save_seconds=0, on_epoch=on_epoch,
        )  # fmt: skip
        return training.kernels(result.selected_epoch)

    state, half, again = tmp_path / "state.npz", tmp_path / "half.npz", []
    whole = go(state, copies(state, half, epoch=1))
    resumed = go(half, lambda epoch, _: again.append(epoch))
    assert again == [2, 3]
    for name, kernel in whole.items():
        np.testing.assert_array_equal(kernel.levels, resumed[name].levels)
        np.testing.assert_array_equal(kernel.steps, resumed[name].steps)


def test_bits_by_layer_and_role() -> None:
    names = {"default": 3, "first": 8, "depthwise": 4, "last": 6, "block1_pointwise": 1}
    layers = low_bit_layers(model("ds_cnn"), LowBitSettings(bits=names))
    bits = {layer.name: layer.grid.bits for layer in layers}
    assert bits == {"conv": 8, "block1_depthwise": 4, "block1_pointwise": 1, "classifier": 6}
    assert {layer.grid.bits for layer in low_bit_layers(model("dnn"), LowBitSettings(bits={"last": 2}))} == {8, 2}


def test_a_step_is_shared_by_all_weights_of_an_output_channel() -> None:
    def axes(scale: Any) -> dict[str, tuple[int, ...]]:
        return {one.name: one.axes for one in low_bit_layers(model("ds_cnn"), LowBitSettings(bits=4, scale=scale))}

    spatial = {"conv": (0, 1, 2), "block1_depthwise": (0, 1), "block1_pointwise": (0, 1, 2), "classifier": (0,)}
    assert axes("channel") == spatial
    assert axes("tensor") == {name: (0, 1) if name == "classifier" else (0, 1, 2, 3) for name in spatial}


def test_depthwise_kernels_keep_four_bits_unless_they_are_named() -> None:
    def of(bits: int | dict[str, int]) -> int:
        layers = low_bit_layers(model("ds_cnn"), LowBitSettings(bits=bits))
        return next(layer.grid.bits for layer in layers if layer.name == "block1_depthwise")

    assert [of(1), of(6), of({"default": 2})] == [4, 6, 4]
    assert [of({"default": 2, "depthwise": 1}), of({"default": 2, "block1_depthwise": 3, "depthwise": 1})] == [1, 3]


def test_an_unknown_layer_is_refused_with_those_that_are_there() -> None:
    with pytest.raises(RecipeError, match="Did you mean 'classifier'") as refusal:
        low_bit_layers(model("ds_cnn"), LowBitSettings(bits={"clasifier": 2}))
    assert "block1_pointwise" in str(refusal.value) and "depthwise" in str(refusal.value)


@pytest.mark.parametrize(
    ("values", "reported"),
    [
        ({"low_bit": {"bits": 0}}, "greater than or equal to 1"),
        ({"low_bit": {"bits": 9}}, "less than or equal to 8"),
        ({"low_bit": {"bits": {"conv": 12}}}, "less than or equal to 8"),
        ({"low_bit": {"bits": 1, "levels": "with_zero"}}, "one bit has no zero level"),
        ({"low_bit": {}, "mode": "none"}, "mode=none"),
        ({"low_bit": {}, "clusters": 4}, "clusters=0"),
        ({"low_bit": {}, "preserve": "sparsity"}, "preserve=auto"),
        ({"low_bit": {"bits": {"default": 2, "first": 1}, "levels": "with_zero"}}, "one bit has no zero level"),
        ({"clusters": 1}, "at least 2 clusters"),
    ],
)
def test_settings_that_cannot_be_are_refused(values: dict, reported: str) -> None:
    with pytest.raises(RecipeError, match=reported):
        QuantizationSettings.parse(values)


def test_levels_and_steps_survive_saving(tmp_path: Path) -> None:
    kernels = rounded(model("ds_cnn"), LowBitSettings(bits={"default": 3, "conv": 8}))
    save_kernels(kernels, tmp_path / "k.npz")
    loaded = load_kernels(tmp_path / "k.npz")
    assert list(loaded) == list(kernels)
    for name, kernel in kernels.items():
        assert (loaded[name].bits, loaded[name].zero) == (kernel.bits, kernel.zero)
        np.testing.assert_array_equal(loaded[name].levels, kernel.levels)
        np.testing.assert_array_equal(loaded[name].steps, kernel.steps)


def test_the_bias_in_the_file_is_that_of_the_folded_batch_norm() -> None:
    """``beta + g (bias - mean)``, the norm's own outputs for a channel without weights."""
    network = model("ds_cnn")
    norm = network.get_layer("conv_bn")
    rng = np.random.default_rng(3)
    for weight, low, high in (
        (norm.gamma, 0.5, 2.0), (norm.beta, -1.0, 1.0), (norm.moving_mean, 1.0, 3.0), (norm.moving_variance, 0.5, 2.0)
    ):  # fmt: skip
        weight.assign(rng.uniform(low, high, weight.shape))
    kernels = rounded(network, LowBitSettings(bits=2))
    found = dict(zip(kernels, integer_kernels(network, kernels), strict=True))["conv"]
    zero = norm(np.zeros((1, 1, 1, norm.beta.shape[0]), np.float32), training=False).numpy().ravel()
    np.testing.assert_allclose(found.bias, zero, rtol=1e-5)


def test_statistics_follow_the_weights_in_training() -> None:
    """What validation judges, and what is kept, has the statistics of its own rounded weights."""
    network = model("ds_cnn")
    train_low_bit(network, LowBitSettings(bits=1), epochs=2)
    norm = network.get_layer("conv_bn")
    kept = norm.moving_mean.numpy().copy()
    estimate_statistics(network, features(150)[:100])
    np.testing.assert_allclose(kept, norm.moving_mean.numpy(), rtol=1e-4, atol=1e-5)


def test_weights_that_are_not_the_file_s_are_refused() -> None:
    network = model("ds_cnn")
    kernels = rounded(network, LowBitSettings(bits=2))
    integers = integer_kernels(network, kernels)
    network.get_layer("conv").kernel.assign(network.get_layer("conv").kernel * 1.5)
    with pytest.raises(ModelError, match="converter changed the weights"):
        convert(network, "int8", features(50), input_quantization=(SCALE, 0), kernels=integers)


def test_statistics_are_those_of_the_features_and_of_the_weights() -> None:
    """Both chunks count alike, the weights stay, and so does what training does with the averages."""
    network = model("ds_cnn")
    weights = [w.numpy() for w in network.trainable_weights]
    x = features(500)
    estimate_statistics(network, x)
    norm = network.get_layer("conv_bn")
    maps = keras.Model(network.inputs, network.get_layer("conv").output).predict(x, verbose=0)
    chunks = maps.reshape(2, -1, maps.shape[-1])
    np.testing.assert_allclose(norm.moving_mean.numpy(), chunks.mean(axis=(0, 1)), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(norm.moving_variance.numpy(), chunks.var(axis=1).mean(axis=0), rtol=1e-2)
    assert norm.momentum == 0.9
    for before, after in zip(weights, network.trainable_weights, strict=True):
        np.testing.assert_array_equal(before, after.numpy())
