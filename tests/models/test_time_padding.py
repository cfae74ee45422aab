"""Networks that pad no time: rows do not depend on where the window ends; a window too short for them is refused."""

from __future__ import annotations

import numpy as np
import pytest

from kws_tfmot.errors import RecipeError
from kws_tfmot.keras import keras
from kws_tfmot.models import ModelSettings, build_model, model_names
from kws_tfmot.models.counting import total_macs
from kws_tfmot.models.time_padding import frames_needed

# Of each family a small network, features that it fits, and how many frames one row before the pooling sees.
SMALL = {
    "bc_resnet": ({"blocks": 2}, (40, 16), 21),
    "cnn": ({}, (40, 10), 19),
    "ds_cnn": ({}, (49, 10), 26),
    "matchboxnet": ({"blocks": 1, "size": "m"}, (98, 10), 91),
    "mbconv": ({"cells": ["5x5 e2", "3x3 e1", "zero", "3x3 e2"]}, (60, 10), 35),
    "tc_resnet8": ({"blocks": 2}, (80, 10), 75),
    "tenet": ({"blocks": 3}, (120, 10), 59),
}


def network(name: str, frames: int = 0) -> keras.Model:
    settings, shape, _ = SMALL[name]
    return build_model(
        ModelSettings(name=name, width=8, time_padding="valid", **settings), (frames or shape[0], shape[1]), 3
    )


def before_pooling(model: keras.Model) -> keras.Model:
    """The map whose rows the pooling over time averages."""
    return keras.Model(model.inputs, model.get_layer("pool").input)


@pytest.mark.parametrize("name", [name for name in SMALL if name != "cnn"])
def test_rows_do_not_depend_on_where_the_window_ends(name: str) -> None:
    """The same weights over a window and over one that begins a stride earlier: rows lie one further on."""
    model = network(name)
    longer = network(name, SMALL[name][1][0] + 8)  # every stride along time divides 8
    rng = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(
            rng.normal(0.3, 0.3, weight.shape) ** 2 if "variance" in weight.name else rng.normal(0, 0.5, weight.shape)
        )
    longer.set_weights(model.get_weights())
    features = rng.normal(size=(1, *longer.input_shape[1:])).astype(np.float32)
    rows, more = before_pooling(model)(features[:, 8:]).numpy(), before_pooling(longer)(features).numpy()
    assert rows.std() > 0
    np.testing.assert_allclose(rows, more[:, -rows.shape[1] :], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", SMALL)
def test_frames_needed_are_those_of_the_kernels_and_the_least_that_are_taken(name: str) -> None:
    *_, frames = SMALL[name]
    assert frames_needed(network(name)) == frames
    if name == "cnn":
        return
    assert before_pooling(network(name, frames)).output_shape[1] == 1
    with pytest.raises(RecipeError, match=f"at least {frames} frames. Received: {frames - 1}"):
        network(name, frames - 1)


def test_the_flagship_computes_fewer_rows_and_pads_frequency_alone() -> None:
    model = build_model(ModelSettings(time_padding="valid"), (49, 10), 12)
    assert [layer.padding for layer in model.layers if isinstance(layer, keras.layers.ZeroPadding2D)] == [
        ((0, 0), (1, 1)),
    ] * 5
    assert before_pooling(model).output_shape == (None, 12, 5, 64)
    rows = (18, 16, 14, 12)
    assert total_macs(model) == 20 * 5 * 40 * 64 + sum(5 * n * (9 * 64 + 64 * 64) for n in rows) + 64 * 12


def test_same_is_as_published_and_families_without_padding_take_no_other() -> None:
    for name in model_names():
        assert ModelSettings(name=name).resolved_time_padding == (
            "valid" if name in ("cnn", "dnn", "streaming_cnn") else "same"
        )
    same, default = (build_model(ModelSettings(time_padding=value), (49, 10), 12).to_json() for value in ("same", None))
    assert same == default
    with pytest.raises(RecipeError, match="streaming_cnn does not pad time"):
        ModelSettings.parse({"name": "streaming_cnn", "time_padding": "same"}, "model")
