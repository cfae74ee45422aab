from __future__ import annotations

import functools
import resource
from pathlib import Path

import numpy as np
import pytest

from kws_tfmot.errors import ModelError
from kws_tfmot.keras import keras, seed_everything
from kws_tfmot.models import ModelSettings, build_model, model_names
from kws_tfmot.quantization.quantization_settings import QuantizationSettings
from kws_tfmot.quantization.tfmot_clustering import strip_clustering, wrap_for_clustering
from kws_tfmot.quantization.tfmot_qat import apply_qat, check_quantizable, load_qat, save_qat
from kws_tfmot.tflite.convert import convert
from kws_tfmot.tflite.graph import Graph
from kws_tfmot.tflite.reader import read_model
from kws_tfmot.training import TrainSettings
from kws_tfmot.training.epoch_features import ArraySource
from kws_tfmot.training.loop import train

pytestmark = pytest.mark.xdist_group("test_tfmot_qat")  # networks are made once
SHAPE, CLASSES, SCALE = (24, 8), 4, 2.0**-5


def model(name: str) -> keras.Model:
    seed_everything(1)
    size = {"cells": ["5x5 e2"]} if name == "mbconv" else {"blocks": 1}
    return build_model(ModelSettings(name=name, width=8, **size), SHAPE, CLASSES)


def small() -> keras.Model:
    """A convolution and a fully connected layer: what training these takes is mostly the layers of its graph."""
    seed_everything(1)
    inputs = keras.Input((*SHAPE, 1))
    x = keras.layers.Conv2D(8, (5, 4), strides=2, use_bias=False, name="conv")(inputs)
    x = keras.layers.ReLU(name="relu")(keras.layers.BatchNormalization(name="norm")(x))
    x = keras.layers.Flatten(name="flatten")(x)
    return keras.Model(inputs, keras.layers.Dense(CLASSES, activation="softmax", name="classifier")(x))


def features(count: int) -> np.ndarray:
    steps = np.random.default_rng(0).integers(-128, 128, (count, *SHAPE, 1))
    return (steps * SCALE).astype(np.float32)


def make_sparse(network: keras.Model, share: float) -> dict[str, np.ndarray]:
    """Zero the smallest weights of every kernel but the depthwise ones; return where the zeros are."""
    zeros = {}
    for layer in network.layers:
        if hasattr(layer, "kernel"):
            kernel = layer.kernel.numpy()
            zeros[layer.name] = np.abs(kernel) <= np.quantile(np.abs(kernel), share)
            layer.kernel.assign(np.where(zeros[layer.name], 0, kernel))
    return zeros


def train_a_little(network: keras.Model, epochs: int = 2) -> None:
    x = features(150)
    y = np.eye(CLASSES, dtype=np.float32)[np.arange(150) % CLASSES]
    settings = TrainSettings(epochs=epochs, batch_size=25, warmup_epochs=0, learning_rate=1e-2, select="last")
    train(network, ArraySource(x[:100], y[:100]), (x[100:], y[100:]), settings)


def int8_zeros(data: bytes) -> dict[int, tuple[int, int]]:
    """{weights of the tensor: (zeros, weights)} of everything that multiplies."""
    graph = read_model(data)
    counts = {}
    for operator in graph.operators:
        if operator.code in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
            values = graph.tensor(operator.inputs[1]).data
            counts[operator.index] = (int(np.count_nonzero(values == 0)), int(values.size))
    return counts


@functools.cache
def prepared(name: str) -> Graph:
    """An untrained network of a family as it is before quantisation-aware training, converted."""
    network = apply_qat(model(name), "nothing", SCALE, features(40))
    return read_model(convert(network, "int8", input_quantization=(SCALE, 0)))


DEEP = (
    "bc_resnet",
    "mbconv",
    "matchboxnet",
    "tenet",
    "tc_resnet8",
    "cnn",
)  # minutes on a busy machine; check_quantizable sees them every time


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name in DEEP else []) for name in model_names()]
)
def test_every_family_is_prepared_for_int8_and_takes_the_features_byte_for_byte(name: str) -> None:
    graph = prepared(name)
    entry = graph.tensor(graph.inputs[0])
    assert entry.dtype == "int8"
    assert (entry.quantization.scales, entry.quantization.zero_points) == ((SCALE,), (0,))


@pytest.mark.parametrize(("preserve", "kept"), [("sparsity", True), ("nothing", False)])
def test_prune_preserving_qat_keeps_every_zero_and_qat_alone_does_not(preserve: str, kept: bool) -> None:
    sparse = small()
    zeros = make_sparse(sparse, 0.75)
    network = apply_qat(sparse, preserve, SCALE, features(100))
    train_a_little(network)
    counts = int8_zeros(convert(network, "int8", input_quantization=(SCALE, 0)))
    wanted = sum(int(mask.sum()) for mask in zeros.values())
    found = sum(zero for zero, _ in counts.values())
    assert (found >= wanted) is kept


def test_a_qat_model_survives_saving(tmp_path) -> None:
    network = apply_qat(model("ds_cnn"), "sparsity", SCALE, features(100))
    save_qat(network, tmp_path / "model.h5")
    x = features(5)
    np.testing.assert_array_equal(network(x).numpy(), load_qat(tmp_path / "model.h5")(x).numpy())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))  # what a full disk does
    try:
        with pytest.raises(OSError, match="File too large"):
            save_qat(network, tmp_path / "full.h5")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_unsupported_layers_are_reported_all_at_once() -> None:
    inputs = keras.Input((*SHAPE, 1))
    x = keras.layers.Conv2D(4, 3, name="bare_conv")(inputs)
    x = keras.layers.ReLU()(x)
    x = keras.layers.BatchNormalization(name="late_norm")(x)
    x = keras.layers.LayerNormalization(name="layer_norm")(x)
    network = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Flatten()(x)))
    with pytest.raises(ModelError) as refusal:
        check_quantizable(network)
    for name in ("bare_conv", "late_norm", "layer_norm"):
        assert name in refusal.value.message


def ends_in(activation: str, *, last: bool) -> keras.Model:
    """A network with an activation inside its last Dense layer, or inside the one before."""
    inputs = keras.Input((4,))
    x = keras.layers.Dense(3, activation=activation, name="active")(inputs)
    return keras.Model(inputs, x if last else keras.layers.Dense(2)(x))


@pytest.mark.parametrize(
    ("activation", "last", "refused"),
    [
        ("relu", False, False),
        ("linear", False, False),
        ("softmax", True, False),
        ("softmax", False, True),
        ("sigmoid", True, True),
        ("sigmoid", False, True),
    ],
)
def test_an_activation_inside_a_layer_is_relu_or_the_last_softmax(activation: str, last: bool, refused: bool) -> None:
    network = ends_in(activation, last=last)
    if not refused:
        check_quantizable(network)
        return
    with pytest.raises(ModelError, match=f"the activation {activation} must be a layer of its own"):
        check_quantizable(network)


def test_an_activation_layer_without_a_scheme_is_refused() -> None:
    inputs = keras.Input((4,))
    network = keras.Model(inputs, keras.layers.Activation("selu")(keras.layers.Dense(3)(inputs)))
    with pytest.raises(ModelError, match="there is no int8 scheme for the activation selu"):
        check_quantizable(network)


@pytest.mark.parametrize("keep_zeros", [pytest.param(False, marks=pytest.mark.slow), True])
def test_clustered_kernels_have_few_values(keep_zeros: bool) -> None:
    sparse = small()
    zeros = make_sparse(sparse, 0.5)
    clustered = wrap_for_clustering(sparse, 4, keep_zeros)
    train_a_little(clustered)
    for name, mask in zeros.items():
        kernel = strip_clustering(clustered).get_layer(name).kernel.numpy()
        assert len(np.unique(kernel)) <= 4 + keep_zeros
        if keep_zeros:
            assert np.all(kernel[mask] == 0)


def clustered_kernels(model: bytes) -> list[np.ndarray]:
    """The integers of every convolution that is not depthwise, a row an output channel."""
    tensors = read_model(model).tensors
    kernels = [t for t in tensors if t.dtype == "int8" and t.data is not None and len(t.shape) == 4 and t.shape[0] > 1]
    return [np.asarray(t.data).reshape(t.shape[0], -1) for t in kernels]


def test_clusters_and_zeros_survive_qat_saving_and_loading(tmp_path: Path) -> None:
    sparse = small()
    zeros = make_sparse(sparse, 0.5)
    clustered = strip_clustering(wrap_for_clustering(sparse, 8, keep_zeros=True))
    network = apply_qat(clustered, "clusters_and_sparsity", SCALE, features(100))
    train_a_little(network)
    before = network.predict(features(20), verbose=0)
    save_qat(network, tmp_path / "clustered.h5")
    loaded = load_qat(tmp_path / "clustered.h5")
    np.testing.assert_allclose(loaded.predict(features(20), verbose=0), before, atol=1e-6)
    data = convert(loaded, "int8", input_quantization=(SCALE, 0))
    assert sum(zero for zero, _ in int8_zeros(data).values()) >= sum(int(mask.sum()) for mask in zeros.values())
    found = clustered_kernels(data)
    assert found and all(len(np.unique(row)) <= 9 for kernel in found for row in kernel)


@pytest.mark.slow
def test_clusters_without_zeros_survive_qat() -> None:
    clustered = strip_clustering(wrap_for_clustering(model("ds_cnn"), 4, keep_zeros=False))
    network = apply_qat(clustered, "clusters", SCALE, features(100))
    train_a_little(network)
    found = clustered_kernels(convert(network, "int8", input_quantization=(SCALE, 0)))
    assert found and all(len(np.unique(row)) <= 4 for kernel in found for row in kernel)


def test_auto_preserves_what_was_made() -> None:
    settings = QuantizationSettings()
    assert settings.preserves(sparse=False) == "nothing"
    assert settings.preserves(sparse=True) == "sparsity"
    assert QuantizationSettings(clusters=16).preserves(sparse=True) == "clusters_and_sparsity"
    assert QuantizationSettings(preserve="nothing").preserves(sparse=True) == "nothing"


def test_activation_ranges_start_where_the_activations_are() -> None:
    """Without calibration the ReLU ranges would start at [-6, 6]."""
    graph = prepared("ds_cnn")
    for operator in graph.operators:
        if operator.code in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            assert graph.tensor(operator.outputs[0]).quantization.zero_points == (-128,)
