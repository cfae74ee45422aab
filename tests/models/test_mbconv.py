from __future__ import annotations

from pathlib import Path

import pytest

from kws_tfmot.errors import RecipeError
from kws_tfmot.keras import keras
from kws_tfmot.models import ModelSettings, build_model
from kws_tfmot.models.counting import count_layers, total_macs
from kws_tfmot.recipe import Recipe, load_recipe

RECIPES = Path(__file__).resolve().parents[2] / "recipes"


def network(**values: object) -> keras.Model:
    return build_model(ModelSettings.parse({"name": "mbconv", **values}), (49, 10), 5)


def macs_by_the_papers_rule(model: keras.Model) -> int:
    """The paper divides sizes by the stride and rounds down, where SAME padding rounds up: 51 frames make 25."""
    floored = 0
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D):
            height, width = (size // stride for size, stride in zip(layer.input_shape[1:3], layer.strides, strict=True))
            actual = layer.output_shape[1] * layer.output_shape[2]
            floored += sum(c.macs for c in count_layers(model) if c.name == layer.name) // actual * height * width
    return floored + model.get_layer("classifier").kernel.shape.num_elements()


@pytest.mark.parametrize(
    ("recipe", "macs", "weights"), [("mbconv_10_mfcc", 19.65, 244.2), ("mbconv_20_mfcc", 27.06, 167.5)]
)
def test_the_headline_networks_have_the_published_counts(recipe: str, macs: float, weights: float) -> None:
    settings = load_recipe(RECIPES / f"{recipe}.yaml")
    shape = settings.frontend.feature_shape
    assert shape == (51, settings.frontend.coefficients)
    model = build_model(settings.model, shape, len(settings.data.keywords) + 2)
    assert round(macs_by_the_papers_rule(model) / 1e6, 2) == macs
    assert round(sum(c.weights for c in count_layers(model)) / 1e3, 1) == weights


def test_macs_of_a_small_network_equal_the_hand_count() -> None:
    model = network(width=8, mix=12, cells=["3x3 e2", "zero", "5x5 e1"])
    first, late = 25 * 10, 13 * 5
    hand = first * 55 * 8 + first * 8 * 16 + late * (9 * 16 + 16 * 8) + late * (25 * 8 + 8 * 8) + late * 8 * 12 + 12 * 5
    assert total_macs(model) == hand


def test_a_zero_cell_is_left_out_and_the_others_keep_their_names() -> None:
    names = [layer.name for layer in network(width=8, cells=["3x3 e1", "zero", "7x7 e3"]).layers]
    assert "cell3_expand" in names and "cell3_add" in names
    assert not any(name.startswith("cell2") or name in ("cell1_expand", "cell1_add") for name in names)


def test_every_activation_is_relu6() -> None:
    limits = {float(x.max_value) for x in network(width=8).layers if isinstance(x, keras.layers.ReLU)}
    assert limits == {6.0}


def test_cells_travel_through_a_recipe_as_text() -> None:
    recipe = Recipe.parse({"model": {"name": "mbconv", "cells": [{"kernel": 7, "expansion": 2}, " 3 x 3 e1", "zero"]}})
    assert recipe.model.cells == ("7x7 e2", "3x3 e1", "zero")
    assert "- 7x7 e2" in recipe.to_yaml()


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"cells": []}, "one cell or more"),
        ({"cells": ["zero", "3x3 e1"]}, "first"),
        ({"cells": ["4x4 e1"]}, "4x4 e1"),
        ({"cells": ["3x5 e1"]}, "3x5 e1"),
        ({"cells": ["3x3 e7"]}, "1 to 6"),
        ({"cells": [{"kernel": 3}]}, "kernel"),
        ({"cells": "3x3 e1"}, "list"),
        ({"cells": ["3x3 e1"], "blocks": 2}, "not both"),
        ({"width": 8, "multiplier": 1.0}, "not both"),
        ({"name": "ds_cnn", "cells": ["3x3 e1"]}, "ds_cnn"),
    ],
)
def test_a_bad_list_of_cells_is_refused(values: dict, reason: str) -> None:
    with pytest.raises(RecipeError, match=reason):
        ModelSettings.parse({"name": "mbconv", **values}, where="model")
