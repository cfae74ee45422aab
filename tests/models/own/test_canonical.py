"""Any network becomes layers that every stage knows, and computes what it computed."""

from __future__ import annotations

import numpy as np
import pytest
from own_networks import CLASSES, OWN, SHAPE, L, made

from kws_tfmot.errors import ModelError, RecipeError
from kws_tfmot.keras import keras, tf
from kws_tfmot.models.counting import count_layers, total_macs
from kws_tfmot.models.model_settings import ModelSettings
from kws_tfmot.models.network_builder import build_model
from kws_tfmot.models.own.canonical import canonical
from kws_tfmot.models.own.load import from_builder, from_file


def softmax(values: np.ndarray) -> np.ndarray:
    powers = np.exp(values - values.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("name", OWN)
def test_outputs_stay(name: str) -> None:
    model = made(name)
    network = canonical(model, SHAPE, CLASSES)
    x = np.random.default_rng(1).normal(size=(5, *SHAPE, 1)).astype(np.float32)
    expected = model(x.reshape(5, *model.input_shape[1:])).numpy()
    expected = softmax(expected) if name == "one_dimensional" else expected
    np.testing.assert_allclose(network(x).numpy(), expected, atol=1e-6)
    assert network.input_shape == (None, *SHAPE, 1)
    kinds = {type(layer).__name__ for layer in network.layers}
    assert not kinds & {"Conv1D", "SeparableConv1D", "SeparableConv2D", "DepthwiseConv1D", "Sequential", "Functional"}


def test_what_nothing_trains_changes_nothing_and_stays() -> None:
    network = canonical(made("squeeze_and_excitation"), SHAPE, CLASSES)
    frozen = [layer for layer in network.layers if layer.weights and not layer.trainable]
    assert {type(layer).__name__ for layer in frozen} == {"DepthwiseConv2D", "BatchNormalization"}
    network.compile("sgd", "categorical_crossentropy")
    before = [weight.copy() for layer in frozen for weight in layer.get_weights()]
    x = np.random.default_rng(1).normal(size=(8, *SHAPE, 1)).astype(np.float32)
    network.fit(x, np.eye(CLASSES)[np.arange(8) % CLASSES], epochs=1, verbose=0)
    for old, new in zip(before, [w for layer in frozen for w in layer.get_weights()], strict=True):
        np.testing.assert_array_equal(old, new)


def test_macs_by_hand() -> None:
    inputs = L.Input((20, 4))
    x = L.Conv1D(8, 3, strides=2, padding="same")(inputs)
    x = L.SeparableConv1D(6, 5, padding="same")(x)
    x = L.LSTM(3)(x)
    model = keras.Model(inputs, L.Dense(2)(x))
    expected = 10 * 3 * 4 * 8 + 10 * (5 * 8 + 8 * 6) + 10 * (6 * 12 + 3 * 12) + 3 * 2
    assert total_macs(model) == expected
    assert total_macs(canonical(model, (20, 4), 2)) == expected


def test_layers_of_nested_models_are_counted() -> None:
    inner = keras.Sequential([L.Input((8,)), L.Dense(5), L.Dense(3)])
    outer = keras.Sequential([L.Input((8,)), inner])
    assert [count.macs for count in count_layers(outer)] == [0, 40, 15] or total_macs(outer) == 55


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: keras.Sequential([L.Input((48, 10)), L.Flatten(), L.Dense(CLASSES)]), "features of shape"),
        (lambda: keras.Sequential([L.Input(SHAPE), L.Flatten(), L.Dense(7)]), "4 outputs, one for each label"),
        (lambda: keras.Sequential([L.Flatten(), L.Dense(CLASSES)]), "no graph of layers"),
    ],
)
def test_what_does_not_fit_is_refused(make, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        canonical(make(), SHAPE, CLASSES)


def test_shared_layers_and_functions_are_refused_by_name() -> None:
    inputs = L.Input(SHAPE)
    shared = L.Dense(8, name="twice")
    both = L.Add()([shared(inputs), shared(L.ReLU()(inputs))])
    with pytest.raises(ModelError, match="twice"):
        canonical(keras.Model(inputs, L.Dense(CLASSES)(L.Flatten()(both))), SHAPE, CLASSES)
    with pytest.raises(ModelError, match="abs"):
        canonical(keras.Model(inputs, L.Dense(CLASSES)(L.Flatten()(tf.abs(inputs)))), SHAPE, CLASSES)


BUILDER = """
from kws_tfmot.keras import keras

def build(input_shape, classes):
    layers = [keras.layers.Input(input_shape), keras.layers.Conv1D(4, 3), keras.layers.GlobalAveragePooling1D()]
    return keras.Sequential([*layers, keras.layers.Dense(classes, activation="softmax")])

def fails(input_shape, classes):
    raise RuntimeError("the dog ate it")

def wrong(input_shape, classes):
    return "a model"
"""


def test_a_builder_is_found_in_the_current_folder(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net_of_mine.py").write_text(BUILDER)
    network = build_model(ModelSettings(builder="net_of_mine:build"), SHAPE, CLASSES)
    assert network.output_shape == (None, CLASSES)
    with pytest.raises(ModelError, match="the dog ate it"):
        from_builder("net_of_mine:fails", SHAPE, CLASSES)
    with pytest.raises(ModelError, match=r"returned a builtins\.str"):
        from_builder("net_of_mine:wrong", SHAPE, CLASSES)
    with pytest.raises(RecipeError, match="has no function 'biuld'"):
        from_builder("net_of_mine:biuld", SHAPE, CLASSES)
    with pytest.raises(RecipeError, match="there is no module"):
        from_builder("net_of_nobody:build", SHAPE, CLASSES)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_file_comes_with_its_weights(tmp_path, suffix: str) -> None:
    model = made("one_dimensional")
    model.save(tmp_path / f"mine{suffix}")
    network = from_file(tmp_path / f"mine{suffix}", SHAPE, CLASSES)
    x = np.random.default_rng(1).normal(size=(3, *SHAPE)).astype(np.float32)
    np.testing.assert_allclose(network(x[..., None]).numpy(), softmax(model(x).numpy()), atol=1e-6)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"builder": "a:b", "file": "c.keras"}, "not both"),
        ({"name": "ds_cnn", "file": "c.keras"}, "leave out name"),
        ({"name": "own"}, "needs builder or file"),
        ({"builder": "a:b", "width": 8}, "width belong"),
        ({"builder": "a.py"}, "builder"),
    ],
)
def test_settings_that_contradict(given: dict, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        ModelSettings.parse(given)


def test_the_settings_survive_being_written_out() -> None:
    settings = ModelSettings(builder="a:b")
    assert settings.name == "own" and ModelSettings.parse(settings.model_dump(mode="json")) == settings
