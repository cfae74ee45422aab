"""A recipe on top of another one, which it names as its base."""

from __future__ import annotations

from pathlib import Path

import pytest

from kws_tfmot.errors import RecipeError
from kws_tfmot.recipe import load_recipe


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_a_recipe_is_its_base_with_its_own_values(tmp_path: Path) -> None:
    written(tmp_path / "first.yaml", "{seed: 7, train: {epochs: 9, batch_size: 33}, sparsity: {method: gradual}}")
    (tmp_path / "below").mkdir()
    written(tmp_path / "below/second.yaml", "{base: ../first.yaml, name: second, train: {epochs: 5}, sparsity: null}")
    third = written(tmp_path / "third.yaml", "{base: below/second.yaml, train: {batch_size: 11}}")
    recipe = load_recipe(third, ["train.epochs=6"])
    assert (recipe.name, recipe.seed, recipe.sparsity) == ("second", 7, None)
    assert (recipe.train.epochs, recipe.train.batch_size) == (6, 11)
    assert "base" not in recipe.to_yaml()


def test_a_base_may_be_a_recipe_that_ships(tmp_path: Path) -> None:
    on_top = load_recipe(written(tmp_path / "mine.yaml", "{base: demo, seed: 5}"))
    assert on_top == load_recipe("demo", ["seed=5"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("base: 7", "the path or the name of a recipe. Received: 7"),
        ("base: [demo]", "the path or the name of a recipe. Received: \\['demo'\\]"),
        ("base: ''", "the path or the name of a recipe. Received: ''"),
        ("base: no_such_recipe", "there is no recipe at .*no_such_recipe"),
        ("base: circle.yaml", "is its own base"),
        ("base: circle2.yaml", "is its own base"),
        ("{base: demo, trian: {}}", "trian"),
        ("base: loop.yaml", "there is no recipe at .*loop.yaml"),
    ],
)
def test_what_is_no_base_is_refused(tmp_path: Path, text: str, said: str) -> None:
    written(tmp_path / "circle2.yaml", "base: circle.yaml")
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    with pytest.raises(RecipeError, match=said):
        load_recipe(written(tmp_path / "circle.yaml", text))
