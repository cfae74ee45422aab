from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from kws_tfmot.errors import RecipeError
from kws_tfmot.recipe import Recipe, apply_override, load_recipe
from kws_tfmot.yaml_reader import read_yaml


@pytest.mark.parametrize(
    ("values", "reported"),
    [
        ({"traim": {}}, "unknown key 'traim'. Did you mean 'train'?"),
        ({"train": {"epoch": 3}}, "unknown key 'train.epoch'. Did you mean 'epochs'?"),
        ({"sparsity": {"targt": 0.5}}, "unknown key 'sparsity.targt'. Did you mean 'target'?"),
        ({"train": {"epochs": 0}}, "train.epochs: expected greater than or equal to 1. Received: 0"),
        ({"model": {"name": "ds_cn"}}, "Did you mean 'ds_cnn'? Received: 'ds_cn'"),
        ({"sparsity": {"pattern": "2:4", "target": 0.75}}, "set sparsity.target=0.5"),
        ({"sparsity": {"pattern": "zigzag"}}, "sparsity.pattern: expected 'unstructured', 'N:M'"),
        ({"sparsity": {"method": "magic"}}, "sparsity.method: expected one of tfmot_magnitude"),
        ({"sparsity": {"begin": 0.7, "end": 0.5}}, "expected begin < end"),
        ({"quantization": {"clusters": 1}}, "at least 2 clusters"),
        ({"quantization": {"clusters": 2}, "sparsity": {"target": 0.5}}, "a sparse network needs 3 or more"),
        ({"quantization": {"clusters": 9, "mode": "ptq"}}, "clusters=9 are made before mode=qat trains, got mode=ptq"),
        (
            {"quantization": {"preserve": "nothing"}, "sparsity": {}},
            "quantization.preserve=nothing would lose the zeros that sparsity makes",
        ),
        ({"streams": {"fresh": 64, "batch_size": 65}}, "streams: expected batch_size of at most fresh=64"),
        (
            {"omni": {"pattern": "2:4", "grid": [0, 0.9]}},
            "no sparsity above 0.5, and the grid goes to 0.9; set omni.grid",
        ),
        ({"frontend": {"clip_ms": 90}}, "expected clips of 100 to 10000 ms. Received: 90"),
        (
            {"data": {"clip_ms": 900}, "frontend": {"clip_ms": 1000}},
            "data.clip_ms=900 and frontend.clip_ms=1000 differ; leave data.clip_ms out",
        ),
        ({"train": {"epochs": 3, "warmup_epochs": 5}}, "expected warmup_epochs of at most epochs=3"),
        ({"data": {"keywords": {"go": 1}}}, "data.keywords: expected a list"),
        ({1: 2}, "1: expected a name as key. Received: 1"),
        ({"augment": {"epoch_clips": 10**10}}, "expected less than or equal to 10000000. Received: 10000000000"),
        ({"train": 3}, "train: expected a mapping of settings. Received: 3"),
        ({"train": "x" * 10**6}, "xxx..."),
        ({"name": ".."}, "name: expected"),
        ({"name": "a" * 201}, "at most 200 characters"),
        ({f"key{n}": 1 for n in range(10**4)}, "and 9,980 more"),
    ],
)
def test_a_wrong_recipe_is_refused_with_the_way_out(values: dict, reported: str) -> None:
    with pytest.raises(RecipeError) as refusal:
        Recipe.parse(values)
    assert reported in str(refusal.value) and len(str(refusal.value)) < 10_000


def test_all_wrong_keys_are_reported_at_once() -> None:
    with pytest.raises(RecipeError) as refusal:
        Recipe.parse({"traim": {}, "train": {"epochs": -1}, "model": {"size": "xl"}})
    assert len(refusal.value.message.splitlines()) == 3


def test_a_recipe_survives_yaml(tmp_path) -> None:
    recipe = Recipe.parse({"seed": 7, "sparsity": {"target": 0.9}, "data": {"keywords": ["hey nova", "größer"]}})
    path = tmp_path / "recipe.yaml"
    path.write_text(recipe.to_yaml(), encoding="utf-8")
    assert load_recipe(path) == recipe


def test_overrides_reach_into_groups(tmp_path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("name: mine\n")
    recipe = load_recipe(path, ["sparsity.target=0.9", "data.keywords=[stop, go]", "train.epochs=3"])
    assert recipe.sparsity is not None
    assert (recipe.sparsity.target, recipe.data.keywords, recipe.train.epochs) == (0.9, ("stop", "go"), 3)
    assert load_recipe(path, ["sparsity.target=0.9", "sparsity=null"]).sparsity is None


def test_a_training_made_shorter_shortens_its_warm_up(tmp_path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("train: {epochs: 60, warmup_epochs: 5}")  # as every recipe of a build writes it out
    assert load_recipe(path).train.warmup_epochs == 5
    assert load_recipe(path, ["train.epochs=8"]).train.warmup_epochs == 5
    assert load_recipe(path, ["train.epochs=1"]).train.warmup_epochs == 0.25
    assert load_recipe(path, ["train.epochs=1", "train.warmup_epochs=1"]).train.warmup_epochs == 1
    assert load_recipe("demo", ["train.epochs=1"]).train.warmup_epochs == 0.25
    with pytest.raises(RecipeError, match="at most epochs=1"):
        load_recipe(path, ["train.epochs=1", "train.warmup_epochs=2"])


@pytest.mark.parametrize("override", ["train.epochs", "=3", "name.first=3", "train.epochs=[1"])
def test_a_broken_override_is_refused(tmp_path, override: str) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("name: mine\n")
    with pytest.raises(RecipeError):
        load_recipe(path, [override])


def test_missing_and_broken_files_are_refused(tmp_path) -> None:
    with pytest.raises(RecipeError, match="there is no recipe at"):
        load_recipe(tmp_path / "nothing.yaml")
    for text in ("- a\n- b\n", "a: [1\n", "text", "", "# a comment\n", "null"):
        (tmp_path / "bad.yaml").write_text(text)
        with pytest.raises(RecipeError):
            load_recipe(tmp_path / "bad.yaml")


def test_rate_and_length_of_clips_stand_in_the_front_end_alone() -> None:
    recipe = Recipe.parse({"frontend": {"sample_rate": 8000, "clip_ms": 500, "high_hz": 4000}})
    assert recipe.clips.clip_samples == recipe.frontend.clip_samples == recipe.contract().clips.clip_samples == 4000
    assert not {"sample_rate", "clip_ms"} & {*recipe.model_dump()["data"]}
    older = {"data": {"clip_ms": 1500}, "frontend": {"kind": "log_mel"}}  # stood in both once
    assert Recipe.parse(older).frontend.clip_ms == 1500
    assert older["data"] == {"clip_ms": 1500}


def test_a_supernet_of_n_of_m_has_the_levels_that_its_pattern_holds() -> None:
    recipe = Recipe.parse({"omni": {"pattern": "2:4"}})
    assert recipe.omni is not None and recipe.omni.grid == (0.0, 0.3, 0.5)
    assert Recipe.parse(read_yaml(recipe.to_yaml(), "a recipe")) == recipe


def test_recipes_are_frozen() -> None:
    with pytest.raises(Exception, match="frozen"):
        Recipe().seed = 3


ODD = ("1" + 400 * "0", "-1" + 400 * "0", "2026-11-30", "{1: 2}", "[[[]]]", '"\\0"', "~")


def _places(values: Any, above: tuple[str, ...] = ()) -> Iterator[str]:
    for key, value in values.items() if isinstance(values, dict) else ():
        yield ".".join((*above, key))
        yield from _places(value, (*above, key))


def test_an_odd_value_anywhere_is_taken_or_refused() -> None:
    """No other error comes of it, and what is taken is the same when it was written and read."""
    values = load_recipe("wake_word").model_dump(mode="json")
    refused = 0
    for place in _places(values):
        for text in ODD:
            changed = copy.deepcopy(values)
            try:
                apply_override(changed, f"{place}={text}")
                taken = Recipe.parse(changed)
                assert Recipe.parse(read_yaml(taken.to_yaml(), "a recipe")) == taken
            except RecipeError:
                refused += 1
    assert refused > 500
