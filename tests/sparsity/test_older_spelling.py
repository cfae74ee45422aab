"""Recipes from before methods were named by what they do: read as what they meant, or refused with today's spelling."""

from __future__ import annotations

import pytest

from kws_tfmot.errors import RecipeError
from kws_tfmot.recipe import Recipe, apply_override
from kws_tfmot.sparsity.group import AnySparsity, parse_sparsity, upgraded, with_method
from kws_tfmot.sparsity.sparsity_settings import (
    L1,
    METHODS,
    CompressedSensing,
    Gradual,
    Iterative,
    MaskRegrowth,
    OneShot,
    SparsitySettings,
    TfmotMagnitude,
)
from pipelines.stages.comparison import merge

# As a build wrote it, with every default
WHOLE = {
    "method": "magnitude", "target": 0.75, "pattern": "unstructured", "epochs": 30, "begin": 0.0, "end": 0.6,
    "freeze": None, "frequency": 20, "learning_rate": 0.002, "skip": [], "schedule": "auto", "rounds": 4,
    "max_accuracy_drop": None, "criterion": "auto", "returns": False, "decay": 0.0, "allocation": "auto", "floor": 0.7,
    "l1": None, "sensing": "inputs", "pull": 0.5, "observed_clips": 100, "distillation": None, "shrink": False,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "meant"),
    [
        ({}, TfmotMagnitude()),
        ({"end": 0.4, "distillation": {}}, TfmotMagnitude(end=0.4, distillation={})),
        ({"method": "one_shot", "begin": 0.2}, OneShot(begin=0.2)),
        ({"method": "one_shot", "criterion": "affine", "allocation": "global"},
         OneShot(criterion="affine", allocation="global")),
        ({"method": "l1", "l1": 0.1, "end": 0.5}, L1(l1=0.1, end=0.5)),
        ({"method": "l1"}, L1()),
        ({"method": "weight_importance"}, Gradual(criterion="affine")),
        ({"method": "weight_importance", "criterion": "magnitude", "l1": 0.2}, Gradual(criterion="magnitude", l1=0.2)),
        ({"method": "weight_importance", "schedule": "rounds", "max_accuracy_drop": 0.01},
         Iterative(criterion="affine", max_accuracy_drop=0.01)),
        ({"method": "weight_importance", "schedule": "one_shot"}, OneShot(criterion="affine", allocation="global")),
        ({"method": "weight_importance", "criterion": "magnitude", "returns": True, "freeze": 0.7, "decay": 2},
         MaskRegrowth(freeze=0.7, decay=2.0)),
        ({"method": "csp", "pull": 0.4, "freeze": 0.9}, CompressedSensing(pull=0.4, freeze=0.9)),
    ],
)  # fmt: skip
def test_a_whole_group_and_what_was_written_by_hand_mean_the_same(changes: dict, meant: SparsitySettings) -> None:
    assert Recipe.parse({"sparsity": WHOLE | changes}).sparsity == meant
    if "method" in changes:
        assert parse_sparsity({"schedule": "auto"} | changes) == meant


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "csp", "schedule": "rounds"},
        {"method": "weight_importance", "schedule": "rounds", "returns": True},
        {"method": "one_shot", "returns": True},
        {"method": "magnitude", "decay": 2.0},
    ],
)
def test_what_was_refused_is_refused(changes: dict) -> None:
    with pytest.raises(RecipeError, match=r"sparsity"):
        parse_sparsity(WHOLE | changes)


def test_an_older_variant_on_a_recipe_of_today() -> None:
    base = {"sparsity": {"method": "mask_regrowth", "target": 0.9, "freeze": 0.7, "end": 0.3, "decay": 2}}
    gradual = Recipe.parse(merge(base, {"sparsity": {"method": "weight_importance"}})).sparsity
    assert gradual == Gradual(target=0.9, criterion="affine", end=0.3)
    apply_override(base, "sparsity.method=magnitude")
    assert Recipe.parse(base).sparsity == TfmotMagnitude(target=0.9, end=0.3)


def test_every_method_can_be_chosen_in_a_recipe() -> None:
    for name, settings in METHODS.items():
        assert type(parse_sparsity({"method": name})) is settings
    assert len(AnySparsity.__args__[0].__args__) == len(METHODS)


def test_another_method_drops_what_it_does_not_take_and_the_same_one_nothing() -> None:
    """What a recipe's own method does not take is refused, not dropped; so is a method that there is not."""
    own = {"method": "mask_regrowth", "target": 0.9, "criterion": "affine", "pull": 0.3, "typo": 1}
    assert with_method(own, {"method": "mask_regrowth", "decay": 2}) == (own, {"method": "mask_regrowth", "decay": 2})
    assert with_method(own, {"method": "no_such"}) == (own, {"method": "no_such"})
    kept = {"method": "mask_regrowth", "target": 0.9, "pull": 0.3, "typo": 1}
    assert with_method(own, {"method": "csp"}) == (kept, {"method": "csp"})


@pytest.mark.parametrize(
    ("values", "meant"),
    [
        ("csp", "csp"),
        ({"method": "csp", "pull": 0.5, "l1": 0.2}, {"method": "csp", "pull": 0.5, "l1": 0.2}),
        ({"method": "no_such", "schedule": "auto"}, {"method": "no_such", "schedule": "auto"}),
        ({"method": "weight_importance", "returns": "yes"}, {"method": "weight_importance", "returns": "yes"}),
        ({"method": "weight_importance", "schedule": "one_shot", "l1": 0.1, "allocation": "layer"},
         {"method": "l1", "l1": 0.1, "allocation": "layer", "criterion": "affine"}),
        ({"method": "magnitude", "criterion": "affine"}, {"method": "tfmot_magnitude", "criterion": "affine"}),
        ({"method": "magnitude", "rounds": 4, "pull": 0.5, "freeze": None}, {"method": "tfmot_magnitude"}),
        ({"method": "l1", "schedule": "one_shot", "l1": None}, {"method": "l1"}),
        ({"method": "csp", "schedule": "gradual", "decay": 0.0}, {"method": "csp", "decay": 0.0}),
        ({"method": "gradual", "criterion": "auto"}, {"method": "gradual", "criterion": "auto"}),
    ],
)  # fmt: skip
def test_what_is_read_of_older_spelling_key_by_key(values: object, meant: object) -> None:
    assert upgraded(values) == meant
