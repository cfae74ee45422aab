"""YAML from outside: what would hang, traceback or be lost is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from kws_tfmot.errors import RecipeError
from kws_tfmot.recipe import Recipe, load_recipe
from kws_tfmot.yaml_reader import read_yaml

BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BOMB, "aliases expand"),
        ("[" * 5000 + "]" * 5000, "nested deeper"),
        ("train: {epochs: 1, epochs: 500}", "'epochs' occurs twice"),
        ("seed: !!bool maybe", "not valid YAML"),
        ("seed: !!int nothing", "not valid YAML"),
        ("seed: " + "9" * 5000, "not valid YAML"),
        ("seed: 0x" + "f" * 5000, "line 1: an integer of more than 64 bits"),
        ("seed: 0b" + "1" * 65, "an integer of more than 64 bits"),
        ("name: 2026-13-45", "not valid YAML"),
        ("name: !!python/object:os.system x", "not valid YAML"),
    ],
)
def test_hostile_yaml_is_refused(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=said):
        load_recipe(path)


def test_aliases_and_merges_still_work() -> None:
    assert read_yaml("{a: &x {k: 1}, b: {<<: *x, m: 2}}", "text") == {"a": {"k": 1}, "b": {"k": 1, "m": 2}}


@pytest.mark.parametrize("value", ["true", ".inf", ".nan"])
def test_numbers_are_numbers(value: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(f"train: {{learning_rate: {value}}}")
    with pytest.raises(RecipeError, match="learning_rate"):
        load_recipe(path)


@pytest.mark.parametrize("value", ["0777", "08", "-012", "00", "0_7", "1:30", "190:20:30", "1:30.5", "+1:5"])
def test_numbers_that_are_read_in_two_ways_are_refused(value: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(f"name: x\nseed: {value}")
    with pytest.raises(RecipeError, match=f"line 2: {re.escape(value)} is another number .* in quotes"):
        load_recipe(path)
    path.write_text("name: x")
    with pytest.raises(RecipeError, match="another number"):
        load_recipe(path, [f"seed={value}"])
    assert load_recipe(path, [f'data.keywords=["{value}"]']).data.keywords == (value,)


def test_numbers_that_are_clear_are_read() -> None:
    text = "[0, 7, -10, 0.5, 00.5, 1_000, 0x1F, 0b11, 1.0e+3, 0.0, '010', 2:a, a:30, 1.2.3]"
    expected = [0, 7, -10, 0.5, 0.5, 1000, 31, 3, 1000.0, 0.0, "010", "2:a", "a:30", "1.2.3"]
    assert read_yaml(text, "text") == expected


def test_an_emoji_as_json_writes_it_is_one_character(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("name: x")
    assert json.dumps("\N{GRINNING FACE}").count("\\u") == 2
    for word in ("\N{GRINNING FACE}", "a\N{GRINNING FACE}\u00e9"):
        assert load_recipe(path, [f"data.keywords={json.dumps([word])}"]).data.keywords == (word,)


def test_the_defaults_are_allowed() -> None:
    assert Recipe.parse(Recipe().model_dump(mode="json")) == Recipe()


def test_words_that_other_yaml_takes_for_truth_are_words(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("data: {keywords: [yes, no, on, off]}\ntrain: {epochs: 2}")
    assert load_recipe(path).data.keywords == ("yes", "no", "on", "off")
    assert load_recipe(path, ["data.keywords=left"]).data.keywords == ("left",)
    assert load_recipe(path, ["data.keywords=left, right"]).data.keywords == ("left", "right")


@pytest.mark.parametrize("value", ['["a\\0b", c]', '["a\\ud800b", c]', '["a\\nb"]', "[3]", "5", "null", "[null]"])
def test_keywords_that_are_no_words_are_refused(value: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("name: x")
    with pytest.raises(RecipeError):
        load_recipe(path, [f"data.keywords={value}"])
    with pytest.raises(RecipeError):
        load_recipe(path, [r'data.speaker_pattern="(\0)"'])


def test_a_shipped_recipe_is_found_by_name_and_a_wrong_name_gets_a_guess() -> None:
    assert load_recipe("demo") == load_recipe(Path(__file__).parent.parent / "recipes" / "demo.yaml")
    with pytest.raises(RecipeError, match="Did you mean 'wake_word'"):
        load_recipe("wakeword")
