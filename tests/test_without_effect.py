"""What a recipe sets and nothing reads is said before it is built."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kws_tfmot.recipe import load_recipe
from kws_tfmot.without_effect import without_effect
from pipelines.options import open_build

ROOT = Path(__file__).parent.parent
RECIPES = [*sorted((ROOT / "recipes").glob("*.yaml")), *sorted((ROOT / "kws_tfmot" / "zoo").glob("*/recipe.yaml"))]


@pytest.mark.parametrize(
    ("name", "override", "said"),
    [
        ("wake_word", "train.epochs=100", "train.epochs has no effect here: the group streams"),
        ("wake_word", "augment.gain_db=[-3, 3]", "augment.gain_db has no effect"),
        ("commands", "streams.batch_size=8", "streams.batch_size has no effect here: streams.windows"),
        ("wake_word", "quantization.calibration_clips=50", "quantization.calibration_clips has no effect"),
        (
            "demo",
            "quantization.mode=ptq",
            "quantization.epochs has no effect here: .*mode=ptq trains nothing",
        ),
        ("demo", "quantization.cluster_epochs=3", "quantization.cluster_epochs has no effect"),
        ("demo", "model.local=true", "model.local has no effect here: they belong to streaming_cnn, not to ds_cnn"),
        ("wake_word", "frontend.coefficients=13", "frontend.coefficients has no effect here: .*microfrontend"),
    ],
)
def test_what_has_no_effect_is_noted(
    name: str, override: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (only,) = without_effect(load_recipe(name, [override]))
    assert re.match(said, only)
    open_build(Path(name), "synthetic", tmp_path / "run", [override], "", "", False)
    assert f"note {only}" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_key_of_a_shipped_recipe_has_an_effect(path: Path) -> None:
    assert without_effect(load_recipe(path)) == []
