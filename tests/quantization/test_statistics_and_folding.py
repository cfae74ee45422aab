"""Batch norm before quantisation: its statistics over chunks, and what is folded into fully connected layers."""

from __future__ import annotations

import numpy as np
import pytest

from kws_tfmot.keras import keras, seed_everything
from kws_tfmot.quantization.batch_norm_folding import fold_dense_batch_norm, only_follower
from kws_tfmot.quantization.batch_statistics import estimate_statistics

L = keras.layers


@pytest.mark.parametrize(
    ("count", "chunks"), [(1, 1), (249, 1), (250, 1), (499, 1), (500, 2), (749, 2), (760, 3), (1000, 4)]
)
def test_statistics_are_the_mean_of_chunks_of_250_or_more(count: int, chunks: int) -> None:
    """Chunks are of equal size; what is left of the last, fewer than there are chunks, is not used."""
    entry = keras.Input((3,))
    norms = [L.BatchNormalization(momentum=0.7, name="a"), L.BatchNormalization(momentum=0.25, name="b")]
    network = keras.Model(entry, [norm(entry) for norm in norms])
    x = np.random.default_rng(count).normal(2, 3, (count, 3)).astype(np.float32)
    estimate_statistics(network, x)
    parts = x[: count // chunks * chunks].reshape(chunks, -1, 3).astype(float)
    for norm in norms:
        np.testing.assert_allclose(norm.moving_mean.numpy(), parts.mean(axis=(0, 1)), rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(norm.moving_variance.numpy(), parts.var(axis=1).mean(axis=0), rtol=1e-4, atol=1e-5)
    assert [norm.momentum for norm in norms] == [0.7, 0.25]


def test_a_network_without_batch_norm_is_not_run() -> None:
    class Refuses(keras.layers.Layer):
        def call(self, inputs: object) -> object:
            raise AssertionError("run")

    network = keras.Sequential([Refuses()])
    estimate_statistics(network, np.zeros((5, 3), np.float32))


def randomised(model: keras.Model) -> keras.Model:
    rng = np.random.default_rng(0)
    model.set_weights([rng.uniform(0.4, 1.6, w.shape) * rng.choice([-1, 1], w.shape) if "variance" not in v.name
                       else rng.uniform(0.2, 2, w.shape)
                       for v, w in zip(model.weights, model.get_weights(), strict=True)])  # fmt: skip
    return model


def network() -> keras.Model:
    """Dense layers in every surrounding that decides whether they are folded."""
    seed_everything(0)
    entry = keras.Input((6,), name="entry")
    x = L.Dense(4, use_bias=False, name="bare")(entry)
    x = L.ReLU(name="bare_relu")(L.BatchNormalization(name="bare_bn")(x))
    x = L.Dense(5, name="biased")(x)
    x = L.BatchNormalization(center=False, name="uncentred")(x)
    x = L.Dense(4, name="unscaled_before")(x)
    both = L.BatchNormalization(scale=False, name="unscaled")(x)
    six = L.ReLU(max_value=6.0, name="six")(both)
    a = L.BatchNormalization(name="leaky_bn")(L.Dense(4, name="leaky")(six))
    a = L.ReLU(negative_slope=0.1, name="leaky_relu")(a)
    b = L.BatchNormalization(name="late_bn")(L.Dense(4, activation="relu", name="late")(six))
    c = L.Dense(4, name="twice")(six)
    c = L.Add(name="sum")([L.BatchNormalization(name="twice_bn")(c), c, a, b])
    d = L.BatchNormalization(name="bent_bn")(L.Dense(3, name="bent")(c))
    d = L.ReLU(threshold=0.5, name="bent_relu")(d)
    return randomised(keras.Model(entry, L.Dense(2, name="classifier")(d), name="everything"))


def test_every_norm_behind_a_linear_dense_layer_alone_is_folded() -> None:
    model = network()
    before = model.get_weights()
    folded = fold_dense_batch_norm(model)
    kept = [layer.name for layer in folded.layers]
    gone = {"bare_bn", "bare_relu", "uncentred", "unscaled", "leaky_bn", "bent_bn"}
    assert set(kept) == {layer.name for layer in model.layers} - gone
    assert folded.name == "everything" and folded.input_shape == (None, 6) and folded.input_names == ["entry"]
    activations = {
        name: folded.get_layer(name).activation.__name__ for name in kept if hasattr(folded.get_layer(name), "units")
    }
    assert activations == {
        "bare": "relu", "biased": "linear", "unscaled_before": "linear", "leaky": "linear", "late": "relu",
        "twice": "linear", "bent": "linear", "classifier": "linear",
    }  # fmt: skip
    x = np.random.default_rng(1).normal(size=(9, 6)).astype(np.float32)
    np.testing.assert_allclose(folded(x).numpy(), model(x).numpy(), rtol=2e-4, atol=1e-4)
    for name, norm in (("bare", "bare_bn"), ("biased", "uncentred"), ("unscaled_before", "unscaled")):
        dense, own = model.get_layer(name), model.get_layer(norm)
        gamma = 1.0 if own.gamma is None else own.gamma.numpy()
        beta = 0.0 if own.beta is None else own.beta.numpy()
        g = gamma / np.sqrt(own.moving_variance.numpy() + own.epsilon)
        bias = dense.bias.numpy() if dense.use_bias else 0.0
        np.testing.assert_allclose(folded.get_layer(name).kernel.numpy(), dense.kernel.numpy() * g, rtol=1e-5)
        expected = beta + g * (bias - own.moving_mean.numpy())
        np.testing.assert_allclose(folded.get_layer(name).bias.numpy(), expected, rtol=1e-4, atol=1e-6)
    for name in ("twice", "late", "classifier"):
        for found, expected in zip(
            folded.get_layer(name).get_weights(), model.get_layer(name).get_weights(), strict=True
        ):
            np.testing.assert_array_equal(found, expected)
    for after, was in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(after, was)


def test_a_model_with_nothing_to_fold_is_given_back() -> None:
    entry = keras.Input((6,))
    model = keras.Model(entry, L.Dense(2, activation="relu")(entry))
    assert fold_dense_batch_norm(model) is model


def test_the_one_follower_is_of_its_kind_and_alone() -> None:
    model = network()
    assert only_follower(model.get_layer("bare"), L.BatchNormalization) is model.get_layer("bare_bn")
    assert only_follower(model.get_layer("bare"), L.ReLU) is None
    assert only_follower(model.get_layer("twice"), L.BatchNormalization) is None  # another layer reads it too
    assert only_follower(model.get_layer("classifier"), L.Dense) is None
