"""YAML from outside: what would hang, traceback or be lost is refused."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from firmware_export.boards.own import read_board
from kws_tfmot.adapt import read_features
from kws_tfmot.errors import RecipeError
from kws_tfmot.recipe import Recipe, load_recipe
from kws_tfmot.yaml_reader import read_yaml
from pipelines.compare import listed
from pipelines.stages.sweep.domains import parse_trial_option

BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BOMB, "over 30,000 values, aliases expanded"),
        ("[" * 5000 + "]" * 5000, "nested deeper"),
        ("train: {epochs: 1, epochs: 500}", "'epochs' occurs twice"),
        ("seed: !!bool maybe", "not valid YAML"),
        ("seed: !!int nothing", "not valid YAML"),
        ("seed: " + "9" * 5000, "not valid YAML"),
        ("seed: 0x" + "f" * 5000, "line 1: an integer of more than 64 bits"),
        ("seed: 0b" + "1" * 65, "an integer of more than 64 bits"),
        ("name: 2026-13-45", "not valid YAML"),
        ("seed: !!int '_'", "not valid YAML"),
        ('name: "\\UFFFFFFFF"', "not valid YAML"),
        ('base: "a\\0b"', "base is the path"),
        ('base: "a\\ud800"', "base is the path"),
        ('data: {negatives: ["a\\0b"]}', "negatives: expected text"),
        ("data: {percent: [true, 20, 79]}", "percent: expected a number. Received: true"),
        ("detection: {thresholds: {go: false}}", "thresholds: expected a number. Received: false"),
        ("data: {keywords: [go, GO]}", "every keyword once"),
        ("name: a/b", "letters, digits, _, - and dots"),
        ("seed: &x [*x]", "seed"),
        ("data: {keywords: !!set {go, stop}}", "line 1: a set has no order; write a list"),
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


def test_a_mapping_that_was_merged_into_another_holds_no_key_twice() -> None:
    """PyYAML puts what is merged into the mapping itself, and builds the outer one first."""
    text = "{a: &a {k: 1}, x: {b: &b {<<: *a, k: 2}}, c: {<<: *b}}"
    assert read_yaml(text, "text") == {"a": {"k": 1}, "x": {"b": {"k": 2}}, "c": {"k": 2}}
    with pytest.raises(RecipeError, match="'<<' occurs twice"):
        read_yaml("{<<: {a: 1}, <<: {a: 2}}", "text")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("name: x".encode("utf-16"), "Save it as UTF-8"),
        (b"name: caf\xe9", "Save it as UTF-8"),
        (b"#" * 1_000_001, "1,000,001 bytes, expected at most 1,000,000"),
    ],
)
def test_files_that_are_no_text_of_a_recipe_are_refused(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_bytes(content)
    for read in (load_recipe, read_features, read_board):
        with pytest.raises(RecipeError, match=said):
            read(path)


@pytest.mark.parametrize("text", [BOMB, "2026-13-45", "[" * 5000 + "]" * 5000])
def test_values_of_the_command_line_are_read_within_the_same_bounds(text: str) -> None:
    for read in (lambda: listed(text, "--seeds"), lambda: parse_trial_option(f"train.epochs={text}")):
        with pytest.raises(RecipeError, match="not valid YAML"):
            read()


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


def test_a_pattern_on_the_command_line_is_told_its_quotes(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("sparsity: {method: mask_regrowth, target: 0.5}")
    with pytest.raises(RecipeError, match="another number") as refusal:
        load_recipe(path, ["sparsity.pattern=2:4"])
    way_out = shlex.split(refusal.value.hint.removesuffix("."))[-1]
    assert load_recipe(path, [way_out]).sparsity.pattern == "2:4"


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
