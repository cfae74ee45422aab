"""Weights chosen by false rejects: the figure by hand, and the epoch that training keeps, resumed or not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kws_tfmot.keras import keras, seed_everything
from kws_tfmot.models import ModelSettings, build_model
from kws_tfmot.training import TrainSettings
from kws_tfmot.training.epoch_features import ArraySource
from kws_tfmot.training.false_rejects import NAME, false_reject_rate
from kws_tfmot.training.loop import TrainResult, train
from tests.resuming import copies

SETTINGS = TrainSettings(
    epochs=6, batch_size=50, warmup_epochs=1, learning_rate=0.05, select="false_rejects", false_accepts=0.05
)


def test_a_threshold_must_keep_the_others_out() -> None:
    others = np.array([[0.8, 0.0, 0.2, 0.0], [0.3, 0.1, 0.6, 0.0], [0.1, 0.1, 0.0, 0.8], [0.5, 0.0, 0.5, 0.0]])
    words = np.array([[0.9, 0.1, 0, 0], [0.6, 0.0, 0.4, 0], [0.0, 0.4, 0.6, 0], [0.95, 0.05, 0, 0]])
    both, labels = np.concatenate([words, others]), np.array([0, 0, 1, 1, 2, 2, 3, 2])
    # none accepted: t = 0.8; one of four: t = 0.5; two: t = 0.3; the last word is always taken for another keyword
    assert [false_reject_rate(both, labels, share) for share in (0.0, 0.25, 0.5)] == [0.75, 0.5, 0.25]
    assert false_reject_rate(words, labels[:4], 0.0) == 0.25
    assert false_reject_rate(others, labels[4:], 0.0) == 0.0


@pytest.fixture(scope="module")
def task() -> tuple[ArraySource, tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 600)
    centres = rng.normal(0, 1, (4, 8, 4, 1))
    x = (centres[labels] + rng.normal(0, 2.5, (600, 8, 4, 1))).astype(np.float32)
    y = np.eye(4, dtype=np.float32)[labels]
    return ArraySource(x[:300], y[:300], seed=3), (x[300:], y[300:])


def network() -> keras.Model:
    seed_everything(1)
    return build_model(ModelSettings(name="dnn", width=16, blocks=1), (8, 4), 4)


@pytest.fixture(scope="module")
def whole(task, tmp_path_factory: pytest.TempPathFactory) -> tuple[keras.Model, TrainResult, Path]:
    """A training, and a copy of its state after four epochs."""
    folder, model = tmp_path_factory.mktemp("state"), network()
    state, half = folder / "state.npz", folder / "half.npz"
    keep = copies(state, half, epoch=3)
    return model, train(model, *task, SETTINGS, state_path=state, save_seconds=0, on_epoch=keep), half


def test_the_epoch_with_fewest_false_rejects_is_kept(task, whole) -> None:
    model, result, _ = whole
    rates = [figures[NAME] for figures in result.history]
    assert rates[result.selected_epoch] == min(rates) < max(rates)
    features, targets = task[1]
    assert false_reject_rate(model(features).numpy(), targets.argmax(axis=1), 0.05) == pytest.approx(min(rates))


def test_a_resumed_training_keeps_the_same(task, whole) -> None:
    _, expected, half = whole
    again: list[int] = []
    found = train(network(), *task, SETTINGS, state_path=half, on_epoch=lambda epoch, _: again.append(epoch))
    assert again[0] == 4
    assert found.selected_epoch == expected.selected_epoch
    assert [f[NAME] for f in found.history] == [f[NAME] for f in expected.history]
