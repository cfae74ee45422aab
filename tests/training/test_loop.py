from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kws_tfmot.array_files import write_arrays
from kws_tfmot.errors import DataError, ModelError
from kws_tfmot.keras import keras, seed_everything, tf
from kws_tfmot.models import ModelSettings, build_model
from kws_tfmot.training import TrainSettings
from kws_tfmot.training.epoch_features import ArraySource, batches_from
from kws_tfmot.training.loop import Plugins, TrainResult, train
from kws_tfmot.training.optimizers import make_optimizer

CLASSES = 3


@pytest.fixture(scope="module")
def task() -> tuple[ArraySource, tuple[np.ndarray, np.ndarray]]:
    """Three classes, separable but noisy, on 8 x 4 features."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, CLASSES, 400)
    centres = rng.normal(0, 1, (CLASSES, 8, 4, 1))
    x = (centres[labels] + rng.normal(0, 1.0, (400, 8, 4, 1))).astype(np.float32)
    y = np.eye(CLASSES, dtype=np.float32)[labels]
    return ArraySource(x[:300], y[:300], seed=3), (x[300:], y[300:])


def network(seed: int = 1, dropout: float = 0.0) -> keras.Model:
    seed_everything(seed)
    return build_model(ModelSettings(name="dnn", width=16, blocks=1, dropout=dropout), (8, 4), CLASSES)


SETTINGS = TrainSettings(epochs=4, batch_size=50, warmup_epochs=1, learning_rate=0.03)


def assert_same_weights(a: keras.Model, b: keras.Model) -> None:
    for left, right in zip(a.get_weights(), b.get_weights(), strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.fixture(scope="module")
def baseline(task) -> tuple[keras.Model, TrainResult]:
    """A network that was trained without anything more, and how that went."""
    model = network()
    return model, train(model, *task, SETTINGS)


def test_it_learns(baseline) -> None:
    assert baseline[1].val_accuracy > 0.8
    assert len(baseline[1].history) == 4


def test_the_best_epoch_is_kept(task, baseline) -> None:
    _, validation = task
    model, result = baseline
    best = max(figures["val_accuracy"] for figures in result.history)
    assert result.val_accuracy == best
    predicted = model(validation[0]).numpy().argmax(axis=1)
    assert np.mean(predicted == validation[1].argmax(axis=1)) == pytest.approx(best, abs=1e-6)


def test_seeded_runs_are_identical(task, baseline) -> None:
    again = network()
    train(again, *task, SETTINGS)
    assert_same_weights(baseline[0], again)


class InterruptBefore(keras.callbacks.Callback):
    """Interrupts a training, as a person or a reboot would."""

    def __init__(self, epoch: int) -> None:
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        if epoch == self.epoch:
            raise KeyboardInterrupt


def train_interrupted(model: keras.Model, task, settings: TrainSettings, state: Path, key: str) -> None:
    plugins = Plugins(callbacks=[InterruptBefore(epoch=2)])
    with pytest.raises(KeyboardInterrupt):
        train(model, *task, settings, state_path=state, run_key=key, save_seconds=0, plugins=plugins)
    assert state.exists()


@pytest.fixture(scope="module")
def stored(task, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state of a training of :data:`SETTINGS` with the key "k" that was interrupted after two epochs."""
    state = tmp_path_factory.mktemp("stored") / "state.npz"
    train_interrupted(network(), task, SETTINGS, state, "k")
    return state


@pytest.mark.parametrize("optimizer", ["adamw", pytest.param("sgd", marks=pytest.mark.slow)])
def test_a_resumed_training_equals_an_uninterrupted_one(task, tmp_path, optimizer: str) -> None:
    settings = SETTINGS.model_copy(update={"optimizer": optimizer, "learning_rate": 0.01})
    whole = network(dropout=0.3)
    expected = train(whole, *task, settings)

    state = tmp_path / "state.npz"
    train_interrupted(network(dropout=0.3), task, settings, state, "k")
    resumed = network(seed=99, dropout=0.3)  # its own initial weights must not matter
    seed_everything(1)
    result = train(resumed, *task, settings, state_path=state, run_key="k")
    assert_same_weights(whole, resumed)
    assert result.history == expected.history
    assert not state.exists()


def test_a_state_of_another_run_is_not_resumed(task, baseline, stored: Path, tmp_path) -> None:
    state = Path(shutil.copy(stored, tmp_path))
    other = network()
    train(other, *task, SETTINGS, state_path=state, run_key="two")
    assert_same_weights(baseline[0], other)


def _cut(state: Path) -> None:
    state.write_bytes(state.read_bytes()[: state.stat().st_size // 2])


def _edited(state: Path, **changes: object) -> None:
    with np.load(state) as stored:
        arrays = dict(stored)
    record = json.loads(str(arrays["record"])) | changes
    write_arrays(state, **{**arrays, "record": np.array(json.dumps(record))})


def _by_hand(state: Path) -> None:
    """As somebody would who saves other weights: whole, of the right form, and nobody's training."""
    with np.load(state) as stored:
        np.savez(state, **{**stored, "weight0": stored["weight0"] + 1})


@pytest.mark.parametrize(
    "damage",
    [
        _cut,
        lambda state: state.write_bytes(b""),
        lambda state: state.write_text("no archive"),
        lambda state: np.savez(state, other=np.zeros(3)),
        lambda state: np.savez(state, record=np.array("[1, 2]")),
        lambda state: _edited(state, weights=1),
        lambda state: _edited(state, history=None),
        lambda state: _edited(state, best_score=[1.0]),
        lambda state: _edited(state, next_epoch=99),
        _by_hand,
    ],
)
def test_a_damaged_state_is_refused_with_the_way_out(
    task, stored: Path, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    state = Path(shutil.copy(stored, tmp_path))
    damage(state)
    with pytest.raises(ModelError, match=r"state.npz', cannot be read: .*\nRemove it"):
        train(network(), *task, SETTINGS, state_path=state, run_key="k")


def test_hooks_run_in_the_graph_after_every_step(task) -> None:
    model = network()
    kernel = model.get_layer("dense1").kernel
    mask = tf.cast(tf.random.stateless_uniform(kernel.shape, [1, 2]) > 0.5, tf.float32)
    train(model, *task, SETTINGS, plugins=Plugins(after_step=[lambda _: kernel.assign(kernel * mask)]))
    values = kernel.numpy()
    assert np.all(values[mask.numpy() == 0] == 0)
    assert np.all(values[mask.numpy() == 1] != 0)


@pytest.mark.parametrize("interrupted", [False, True])
def test_each_epoch_is_made_once_and_no_other(task, stored: Path, tmp_path: Path, interrupted: bool) -> None:
    source, validation = task
    asked: list[int] = []

    class Counting(ArraySource):
        def epoch_features(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
            asked.append(epoch)
            return super().epoch_features(epoch)

    more = {"state_path": tmp_path / "state.npz", "save_seconds": 0.0, "run_key": "k"}
    counting = Counting(source.features, source.targets, source.seed)
    if interrupted:
        shutil.copy(stored, tmp_path)
    train(network(), counting, validation, SETTINGS, **more)
    assert asked == list(range(2 if interrupted else 0, SETTINGS.epochs))


def test_loss_terms_join_the_loss_and_a_step_is_traced_once(task, baseline) -> None:
    decayed, traced = network(), []
    kernel = decayed.get_layer("dense1").kernel

    def penalty(*_: tf.Tensor) -> tf.Tensor:
        traced.append(True)
        return 0.1 * tf.reduce_sum(tf.abs(kernel))

    train(decayed, *task, SETTINGS, plugins=Plugins(loss_terms=[penalty]))
    assert np.abs(kernel.numpy()).sum() < 0.7 * np.abs(baseline[0].get_layer("dense1").kernel.numpy()).sum()
    assert len(traced) == 1


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_targets_are_smoothed_as_the_settings_say(task, smoothing: float) -> None:
    model, (features, targets) = network(), task[1]
    settings = SETTINGS.model_copy(update={"epochs": 1, "label_smoothing": smoothing, "select": "last"})
    loss = train(model, *task, settings).history[0]["val_loss"]
    smoothed = (1 - smoothing) * targets + smoothing / CLASSES
    by_hand = -np.mean(np.sum(smoothed * np.log(model(features).numpy()), axis=1))
    assert loss == pytest.approx(by_hand, rel=1e-4)


def test_epochs_before_the_final_mask_are_not_selected(task) -> None:
    result = train(network(), *task, SETTINGS, plugins=Plugins(keep_from_epoch=3))
    assert result.selected_epoch == 3


def test_fewer_clips_than_a_batch_are_refused(task) -> None:
    with pytest.raises(DataError, match=r"300 clips, fewer than one batch of 500"):
        train(network(), *task, TrainSettings(epochs=1, batch_size=500, warmup_epochs=0))


def test_the_rate_warms_up_and_decays() -> None:
    settings = TrainSettings(epochs=10, warmup_epochs=2, learning_rate=0.1, final_share=0.01)
    rate = make_optimizer(settings, steps_per_epoch=10)._learning_rate
    values = [float(rate(step)) for step in range(0, 101, 5)]
    assert values[0] == 0
    assert values[4] == pytest.approx(0.1)
    assert values[-1] == pytest.approx(0.001)
    assert all(a >= b for a, b in itertools.pairwise(values[4:]))


def test_batches_are_full_and_epochs_follow_each_other() -> None:
    source = ArraySource(np.arange(7, dtype=np.float32)[:, None], np.zeros((7, 2), np.float32))
    rows = [row for row, _ in batches_from(source, range(4, 6), batch_size=3, steps=2)]
    assert len(rows) == 4
    assert all(len(row) == 3 for row in rows)
    np.testing.assert_array_equal(np.concatenate(rows[2:]), source.epoch_features(5)[0][:6])
