"""A model from elsewhere, whose outputs stand in an order of its own, is judged by its labels."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest

from kws_tfmot.adapt import FeatureSettings, adapt
from kws_tfmot.contract import ModelContract
from kws_tfmot.data.labels import SILENCE, UNKNOWN
from kws_tfmot.errors import RecipeError
from kws_tfmot.evaluation.model_accuracy import evaluate_model
from kws_tfmot.frontend.frontend_settings import FrontendSettings
from kws_tfmot.keras import keras, seed_everything
from kws_tfmot.tflite.convert import convert
from pipelines.foreign import equipped

USUAL, THEIRS = ("up", "down", UNKNOWN, SILENCE), (SILENCE, UNKNOWN, "up", "down")


def test_the_order_of_the_outputs_changes_no_accuracy(tone_folder, tmp_path) -> None:
    seed_everything(3)
    shape = FrontendSettings().feature_shape
    kernel = np.random.default_rng(0).normal(size=(shape[0] * shape[1], 4)).astype(np.float32)
    found = []
    for labels in (USUAL, THEIRS):
        last = keras.layers.Dense(4)
        model = keras.Sequential([keras.layers.Input((*shape, 1)), keras.layers.Flatten(), last])
        last.set_weights([kernel[:, [USUAL.index(label) for label in labels]], np.zeros(4)])
        features = np.random.default_rng(1).normal(size=(20, *shape, 1))
        data = convert(model, "int8", features, dense_per_channel=False)
        settings = FeatureSettings(labels=labels)
        source = f"folder:{tone_folder}"
        found.append(evaluate_model(adapt(data, settings).model, source, split="all", cache=tmp_path))
    assert any(tmp_path.rglob("*.npy")) or any(tmp_path.rglob("*.arrow"))  # audio is kept where the caller says
    assert found[0].result.confusion.tolist() == found[1].result.confusion.tolist()
    assert len(set(map(tuple, found[0].result.confusion.tolist()))) > 2


def test_features_beside_a_model_are_given_for_one_command(tmp_path) -> None:
    shape = FrontendSettings().feature_shape
    model = keras.Sequential([keras.layers.Input((*shape, 1)), keras.layers.Flatten(), keras.layers.Dense(4)])
    data = convert(model, "int8", np.random.default_rng(1).normal(size=(20, *shape, 1)), dense_per_channel=False)
    theirs, features = tmp_path / "theirs.tflite", tmp_path / "features.yaml"
    theirs.write_bytes(data)
    features.write_text("labels: [_silence_, _unknown_, up, down]\n")
    copy = equipped(theirs, features)
    assert copy.name == theirs.name and ModelContract.of_model(copy).labels == THEIRS
    assert equipped(theirs, None) == theirs and theirs.read_bytes() == data
    with pytest.raises(RecipeError, match="--features and --recipe"):
        equipped(theirs, features, features)


@pytest.mark.parametrize("name", ["stream", "listen", "det", "evaluate", "benchmark", "export", "emulate", "demo"])
def test_every_command_that_feeds_a_model_takes_features(name: str) -> None:
    from inspect import signature

    parameters = signature(import_module(f"pipelines.{name}").command).parameters
    assert {"features", "recipe"} <= set(parameters)
