"""Training on from a model: layers that agree are taken, another set of words gets a new head."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kws_tfmot.errors import ModelError
from kws_tfmot.keras import keras
from kws_tfmot.models.weight_transfer import take_weights

LABELS = ("up", "down", "_unknown_", "_silence_")


def network(classes: int, width: int = 6, seed: int = 0) -> keras.Model:
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Input((8, 4, 1)),
            layers.Conv2D(width, 3, name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.Flatten(name="flat"),
            layers.Dense(classes, name="classifier"),
        ]
    )


@pytest.fixture
def stored(tmp_path: Path) -> tuple[Path, keras.Model]:
    model = network(4, seed=1)
    model.layers[1].set_weights([np.arange(6.0) + k for k in range(4)])  # statistics count as weights
    path = tmp_path / "float.keras"
    model.save(path)
    return path, model


def test_the_same_words_take_everything(stored: tuple[Path, keras.Model]) -> None:
    path, model = stored
    own = network(4)
    taken = take_weights(own, path, LABELS, LABELS)
    assert taken.layers == ("conv", "norm", "classifier") and taken.fresh == ()
    assert all(np.array_equal(a, b) for a, b in zip(own.get_weights(), model.get_weights(), strict=True))


def test_other_words_keep_the_outputs_that_both_know(stored: tuple[Path, keras.Model]) -> None:
    path, model = stored
    own = network(3)
    before = own.layers[-1].get_weights()
    taken = take_weights(own, path, ("stop", "_unknown_", "_silence_"), LABELS)
    assert taken.fresh == ("classifier",) and taken.words == ("_unknown_", "_silence_")
    kernel, bias = own.layers[-1].get_weights()
    theirs = model.layers[-1].get_weights()
    assert np.array_equal(kernel[:, 1:], theirs[0][:, 2:]) and np.array_equal(bias[1:], theirs[1][2:])
    assert np.array_equal(kernel[:, 0], before[0][:, 0])
    assert "new: classifier" in str(taken) and "2 of 3 layers" in str(taken)


def test_a_head_of_the_same_size_and_other_words_is_new(stored: tuple[Path, keras.Model]) -> None:
    path, model = stored
    for known in ((), ("yes", "no", "left", "right")):
        own = network(4)
        taken = take_weights(own, path, LABELS, known)
        assert taken.fresh == ("classifier",) and taken.words == ()
        assert not np.array_equal(own.layers[-1].get_weights()[0], model.layers[-1].get_weights()[0])


def test_a_network_that_shares_no_layer_is_refused(stored: tuple[Path, keras.Model]) -> None:
    with pytest.raises(ModelError, match="no layer of the network"):
        take_weights(network(4, width=5), stored[0], LABELS, LABELS)
