from __future__ import annotations

import math

import numpy as np
import pytest

from kws_tfmot.errors import RecipeError
from kws_tfmot.keras import keras, seed_everything
from kws_tfmot.models import ModelSettings, build_model
from kws_tfmot.sparsity.coverage import coverage
from kws_tfmot.sparsity.report import total_sparsity, zeros_per_layer
from kws_tfmot.sparsity.settings import SparsitySettings
from kws_tfmot.sparsity.tfmot_pruning import cubic_ramp, pruning_callbacks, strip_pruning, wrap_for_pruning
from kws_tfmot.training import TrainSettings
from kws_tfmot.training.loop import Plugins, train
from kws_tfmot.training.stream import ArraySource

SHAPE, CLASSES, BATCH = (12, 8), 4, 25


@pytest.fixture(scope="module")
def data() -> tuple[ArraySource, tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(250, *SHAPE, 1)).astype(np.float32)
    y = np.eye(CLASSES, dtype=np.float32)[rng.integers(0, CLASSES, 250)]
    return ArraySource(x[:200], y[:200]), (x[200:], y[200:])


def model(name: str = "ds_cnn") -> keras.Model:
    seed_everything(1)
    return build_model(ModelSettings(name=name, width=16, blocks=1), SHAPE, CLASSES)


def pruned(data, settings: SparsitySettings, network: keras.Model) -> keras.Model:
    source, validation = data
    steps = settings.epochs * 200 // BATCH
    wrapped = wrap_for_pruning(network, settings, steps)
    final = min(settings.epochs - 1, math.ceil(settings.end * settings.epochs))
    plugins = Plugins(callbacks=pruning_callbacks(), keep_from_epoch=final)
    train(wrapped, source, validation, TrainSettings(epochs=settings.epochs, batch_size=BATCH, warmup_epochs=0),
          plugins=plugins)  # fmt: skip
    return strip_pruning(wrapped)


@pytest.mark.parametrize("target", [0.5, 0.75, 0.9])
def test_every_pruned_layer_meets_the_target(data, target: float) -> None:
    settings = SparsitySettings(target=target, epochs=4, frequency=3)
    result = pruned(data, settings, model())
    for row in coverage(result, settings):
        zeros, weights = zeros_per_layer(result)[row.layer]
        wanted = 0 if row.reason else round(target * weights)
        assert zeros == pytest.approx(wanted, abs=1)


def test_n_of_m_keeps_n_along_the_input_channels(data) -> None:
    settings = SparsitySettings(target=0.5, pattern="2:4", epochs=2, frequency=3)
    kernel = pruned(data, settings, model()).get_layer("block1_pointwise").kernel.numpy()[0, 0]
    kept = np.count_nonzero(kernel.reshape(4, 4, 16), axis=1)
    np.testing.assert_array_equal(kept, 2)


def test_blocks_are_zero_as_a_whole_in_dense_layers(data) -> None:
    settings = SparsitySettings(target=0.5, pattern="4x1", epochs=2, frequency=3)
    kernel = pruned(data, settings, model("dnn")).get_layer("dense1").kernel.numpy()
    kept = np.count_nonzero(kernel.reshape(-1, 4, 16), axis=1)
    assert set(np.unique(kept)) == {0, 4}


def test_what_is_not_pruned_is_said(data) -> None:
    rows = {row.layer: row.reason for row in coverage(model(), SparsitySettings(skip=("classifier",)))}
    assert "TFMOT never prunes" in rows["block1_depthwise"]
    assert rows["classifier"] == "named in sparsity.skip"
    assert rows["block1_pointwise"] == rows["conv"] == ""
    two_of_four = {row.layer: row.reason for row in coverage(model(), SparsitySettings(pattern="2:4", target=0.5))}
    assert "1 input channels are no multiple of 4" in two_of_four["conv"]


def test_wrong_names_and_empty_jobs_are_refused() -> None:
    with pytest.raises(RecipeError, match="Did you mean 'classifier'"):
        coverage(model(), SparsitySettings(skip=("clasifier",)))
    every = tuple(row.layer for row in coverage(model(), SparsitySettings()))
    with pytest.raises(RecipeError, match="no layer would be pruned"):
        coverage(model(), SparsitySettings(skip=every))


def test_the_dense_model_is_left_alone(data) -> None:
    network = model()
    before = network.get_weights()
    pruned(data, SparsitySettings(epochs=1, end=1.0, frequency=2), network)
    for old, new in zip(before, network.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_the_ramp_is_monotone_and_ends_at_the_target() -> None:
    values = [cubic_ramp(step, 10, 90, 0.75) for step in range(101)]
    assert values == sorted(values)
    assert (values[10], values[90], values[100]) == (0, 0.75, 0.75)


def test_total_sparsity_counts_weights_not_layers() -> None:
    assert total_sparsity({"big": (0, 90), "small": (10, 10)}) == pytest.approx(0.1)
