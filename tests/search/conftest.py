"""A small task and network for supernets."""

from __future__ import annotations

import numpy as np
import pytest

from kws_tfmot.keras import keras, seed_everything
from kws_tfmot.models import ModelSettings, build_model
from kws_tfmot.search import OmniSettings
from kws_tfmot.search.omni.supernet import Supernet
from kws_tfmot.training import TrainSettings
from kws_tfmot.training.epoch_features import ArraySource
from kws_tfmot.training.loop import Plugins, train

CLASSES = 3
SHAPE = (8, 4)
BATCH = 50
STEPS = 8  # an epoch


def make_network(seed: int = 1, dropout: float = 0.0, width: int = 8) -> keras.Model:
    """A DS-CNN of one block."""
    seed_everything(seed)
    return build_model(ModelSettings(name="ds_cnn", width=width, blocks=1, dropout=dropout), SHAPE, CLASSES)


def train_settings(**changes) -> TrainSettings:
    values = {"epochs": 6, "batch_size": BATCH, "warmup_epochs": 1, "learning_rate": 0.02, "select": "last"}
    return TrainSettings(**(values | changes))


def train_supernet(network: keras.Model, task, omni: OmniSettings, seed: int = 5, settings=None, **options):
    """Train ``network`` as a supernet in place; returns the loop's result."""
    settings = settings or train_settings()
    callbacks = options.pop("callbacks", ())
    plugins = Plugins(
        callbacks=callbacks,
        shell=lambda net, losses, hooks: Supernet(net, omni, seed, settings.epochs * STEPS, STEPS, losses, hooks),
    )
    return train(network, *task, settings, plugins=plugins, **options)


@pytest.fixture(scope="session")
def task() -> tuple[ArraySource, tuple[np.ndarray, np.ndarray]]:
    """Three classes, separable but noisy."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, CLASSES, 700)
    centres = rng.normal(0, 1, (CLASSES, *SHAPE, 1))
    x = (centres[labels] + rng.normal(0, 1.0, (700, *SHAPE, 1))).astype(np.float32)
    y = np.eye(CLASSES, dtype=np.float32)[labels]
    return ArraySource(x[: STEPS * BATCH], y[: STEPS * BATCH], seed=3), (x[STEPS * BATCH :], y[STEPS * BATCH :])
