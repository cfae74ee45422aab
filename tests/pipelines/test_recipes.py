"""`kws recipes`: what ships is listed, and every key that a recipe takes says what it means."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from firmware_export.emulation.emulator import emulate
from firmware_export.engine import export_engine
from kws_tfmot.errors import RecipeError
from kws_tfmot.recipe import Recipe, find_recipe, load_recipe, shipped_recipes
from pipelines.recipes import find_keys, group, keys_of
from pipelines.stages.forecast import untrained_model


def test_every_key_has_a_meaning() -> None:
    keys = list(keys_of(Recipe))
    assert len(keys) > 100
    assert not [key.path for key in keys if not key.meaning]


@pytest.mark.parametrize(
    ("wanted", "path"),
    [("sparsity.target", "sparsity.target"), ("train", "train.epochs"), ("learning_rate", "train.learning_rate")],
)
def test_keys_are_found_by_path_group_and_part(wanted: str, path: str) -> None:
    assert path in {key.path for key in find_keys(wanted)}


def test_a_wrong_key_gets_a_guess() -> None:
    with pytest.raises(RecipeError, match=r"Did you mean 'epochs'\?"):
        find_keys("epochz")


def test_the_shipped_recipes_are_listed_and_shown_whole() -> None:
    listed = CliRunner().invoke(group, ["list"])
    assert listed.exit_code == 0
    for path in shipped_recipes():
        row = next(row for row in listed.output.splitlines() if row.split()[0] == Path(path).stem)
        assert len(row.split()) > 3
    shown = CliRunner().invoke(group, ["show", "demo", "--set", "train.epochs=3"])
    assert "\n  epochs: 3\n" in shown.output


@pytest.mark.slow
@pytest.mark.device
@pytest.mark.parametrize(("name", "constants", "flash"), [("best_36k", 36_000, 36_000), ("best_16k", 16_000, 36_000)])
def test_the_best_networks_fit_what_they_are_named_after(name: str, constants: int, flash: int, tmp_path: Path) -> None:
    """Constants as the recipe exports them; flash of the firmware, code included, as `kws emulate` makes it unasked."""
    recipe = load_recipe(find_recipe(Path(name)))
    model = tmp_path / "model.tflite"
    model.write_bytes(untrained_model(recipe))
    exported = export_engine(model, tmp_path / "engine", optimise=recipe.export.optimise)
    assert exported["constant_bytes"] <= constants
    inputs = np.random.default_rng(1).integers(-128, 128, (1, *recipe.frontend.feature_shape, 1), np.int8)
    assert emulate(model, "mps2-an386", inputs).to_dict()["flash_bytes"] <= flash


@pytest.mark.parametrize("argument", ["-h", "--help", "--version"])
def test_help_loads_none_of_the_commands(argument: str) -> None:
    code = (
        "import sys; sys.argv = ['kws', sys.argv[1]]; from pipelines.kws import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'matplotlib', 'tensorflow', 'pydantic'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code, argument], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "kws" in done.stdout
