"""The moving average of the weights: by hand, judged in place of the weights, resumed, and with zeros."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from kws_tfmot.keras import keras, seed_everything
from kws_tfmot.models import ModelSettings, build_model
from kws_tfmot.sparsity.group import parse_sparsity
from kws_tfmot.sparsity.method_registry import prepare_training
from kws_tfmot.training import TrainSettings
from kws_tfmot.training.epoch_features import ArraySource
from kws_tfmot.training.loop import Plugins, TrainResult, train
from tests.resuming import copies

CLASSES = 3
SETTINGS = TrainSettings(epochs=4, batch_size=50, warmup_epochs=0, learning_rate=0.02, average=0.9)


@pytest.fixture(scope="module")
def task() -> tuple[ArraySource, tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, CLASSES, 300)
    x = (rng.normal(0, 1, (CLASSES, 8, 4, 1))[labels] + rng.normal(0, 1.0, (300, 8, 4, 1))).astype(np.float32)
    y = np.eye(CLASSES, dtype=np.float32)[labels]
    return ArraySource(x[:200], y[:200], seed=3), (x[200:], y[200:])


def network(name: str = "ds_cnn") -> keras.Model:
    seed_everything(1)
    return build_model(ModelSettings(name=name, width=16, blocks=1), (8, 4), CLASSES)


class Recording(keras.callbacks.Callback):
    """Keeps the weights after every step."""

    def __init__(self, model: keras.Model) -> None:
        super().__init__()
        self._network, self.weights = model, []

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self.weights.append(self._network.get_weights())


class Averaged(NamedTuple):
    """A training with an average, what its steps left, and its state after two epochs."""

    model: keras.Model
    result: TrainResult
    steps: list[list[np.ndarray]]
    half: Path


@pytest.fixture(scope="module")
def averaged(task, tmp_path_factory: pytest.TempPathFactory) -> Averaged:
    model, folder = network(), tmp_path_factory.mktemp("state")
    recording, state, half = Recording(model), folder / "state.npz", folder / "half.npz"
    more = {"state_path": state, "save_seconds": 0.0, "on_epoch": copies(state, half, epoch=1)}
    result = train(model, *task, SETTINGS, plugins=Plugins([recording]), **more)
    return Averaged(model, result, recording.weights, half)


def check_average(model: keras.Model, steps: list[list[np.ndarray]]) -> None:
    for place, found in enumerate(model.get_weights()):
        mean = np.zeros_like(found)
        for number, weights in enumerate(steps):
            keep = min(0.9, number / (number + 10))
            mean = keep * mean + (1 - keep) * weights[place]
        np.testing.assert_allclose(found, mean, rtol=1e-4, atol=1e-5)


def test_what_is_left_is_the_average_of_the_steps(task, averaged: Averaged) -> None:
    check_average(averaged.model, averaged.steps[: 4 * (averaged.result.selected_epoch + 1)])


def test_what_is_left_is_the_average_of_the_steps_since_it_began(task) -> None:
    model = network("dnn")
    recording = Recording(model)
    train(model, *task, SETTINGS, plugins=Plugins([recording], keep_from_epoch=2))
    check_average(model, recording.weights[2 * 4 :])


def test_training_itself_goes_on_as_without(task, averaged: Averaged) -> None:
    model = network()
    recording = Recording(model)
    train(model, *task, SETTINGS.model_copy(update={"average": 0.0}), plugins=Plugins([recording]))
    for left, right in zip(recording.weights[-1], averaged.steps[-1], strict=True):
        np.testing.assert_array_equal(left, right)
    assert not np.array_equal(model.get_weights()[0], averaged.model.get_weights()[0])


def check_validation(task, model: keras.Model, result: TrainResult) -> None:
    features, targets = task[1]
    right = model(features).numpy().argmax(axis=1) == targets.argmax(axis=1)
    assert result.val_accuracy == pytest.approx(right.mean(), abs=1e-6)


def test_the_validation_is_of_the_average(task, averaged: Averaged) -> None:
    check_validation(task, averaged.model, averaged.result)


def test_the_validation_of_the_last_epoch_is_of_its_average(task) -> None:
    model = network()
    check_validation(task, model, train(model, *task, SETTINGS.model_copy(update={"select": "last"})))


def test_a_resumed_training_keeps_its_average(task, averaged: Averaged) -> None:
    resumed, again = network(), list[int]()
    found = train(resumed, *task, SETTINGS, state_path=averaged.half, on_epoch=lambda epoch, _: again.append(epoch))
    assert found.history == averaged.result.history and again == [2, 3]
    for left, right in zip(averaged.model.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize("case", [{"method": "tfmot_magnitude"}, {"method": "mask_regrowth"}])
def test_pruned_weights_stay_zero_in_the_average(task, case: dict) -> None:
    settings = parse_sparsity({"target": 0.75, "epochs": 4, "frequency": 2, "end": 0.9, **case})
    (plan,) = settings.plan()
    prepared = prepare_training(network("dnn"), settings, plan, 4)
    plugins = Plugins(prepared.callbacks, (), prepared.after_step, prepared.keep_from_epoch)
    train(prepared.network, *task, SETTINGS, plugins=plugins)
    kernel = prepared.strip(prepared.network).get_layer("dense1").kernel.numpy()
    assert 0.73 < np.mean(kernel == 0) < 0.85
