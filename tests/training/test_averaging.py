"""The moving average of the weights: by hand, judged in place of the weights, resumed, and with zeros."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kws_tfmot.keras import keras, seed_everything
from kws_tfmot.models import ModelSettings, build_model
from kws_tfmot.sparsity.group import parse_sparsity
from kws_tfmot.sparsity.registry import prepare_training
from kws_tfmot.training import TrainSettings
from kws_tfmot.training.loop import Plugins, train
from kws_tfmot.training.stream import ArraySource

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


@pytest.mark.parametrize("begin", [0, 2])
def test_what_is_left_is_the_average_of_the_steps_since_it_began(task, begin: int) -> None:
    model = network("dnn")
    recording = Recording(model)
    train(model, *task, SETTINGS, plugins=Plugins([recording], keep_from_epoch=begin))
    steps = recording.weights[begin * 4 :]
    for place, found in enumerate(model.get_weights()):
        mean = np.zeros_like(found)
        for number, weights in enumerate(steps):
            keep = min(0.9, number / (number + 10))
            mean = keep * mean + (1 - keep) * weights[place]
        np.testing.assert_allclose(found, mean, rtol=1e-4, atol=1e-5)


def test_training_itself_goes_on_as_without(task) -> None:
    plain, averaged = network("dnn"), network("dnn")
    records = [Recording(plain), Recording(averaged)]
    train(plain, *task, SETTINGS.model_copy(update={"average": 0.0}), plugins=Plugins([records[0]]))
    train(averaged, *task, SETTINGS, plugins=Plugins([records[1]]))
    for left, right in zip(records[0].weights[-1], records[1].weights[-1], strict=True):
        np.testing.assert_array_equal(left, right)
    assert not np.array_equal(plain.get_weights()[0], averaged.get_weights()[0])


@pytest.mark.parametrize("select", ["last", "best"])
def test_the_validation_is_of_the_average(task, select: str) -> None:
    model, (features, targets) = network(), task[1]
    result = train(model, *task, SETTINGS.model_copy(update={"select": select}))
    right = model(features).numpy().argmax(axis=1) == targets.argmax(axis=1)
    assert result.val_accuracy == pytest.approx(right.mean(), abs=1e-6)


def test_a_resumed_training_keeps_its_average(task, tmp_path: Path) -> None:
    def stop(epoch: int, _: object) -> None:
        if epoch == 1:
            raise KeyboardInterrupt

    whole, resumed, state = network(), network(), {"state_path": tmp_path / "state.npz", "save_seconds": 0.0}
    expected = train(whole, *task, SETTINGS)
    with pytest.raises(KeyboardInterrupt):
        train(network(), *task, SETTINGS, on_epoch=stop, **state)
    assert train(resumed, *task, SETTINGS, **state).history == expected.history
    for left, right in zip(whole.get_weights(), resumed.get_weights(), strict=True):
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
