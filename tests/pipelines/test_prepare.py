"""`kws prepare` with many workers: the same files as without."""

from __future__ import annotations

from pathlib import Path

from kws_tfmot.data.epoch_cache import EpochCache
from kws_tfmot.recipe import load_recipe
from kws_tfmot.runs import Run
from pipelines.stages.build import Build
from pipelines.stages.epochs import draw_epochs, epochs_drawn
from tests.pipelines.conftest import run
from tests.pipelines.test_compare import QUICK


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_epochs_computed_by_workers_are_the_same_byte_for_byte(tone_folder: Path, tmp_path: Path, monkeypatch) -> None:
    recipe = tmp_path / "tiny.yaml"
    recipe.write_text(QUICK.replace("epochs: 2, batch_size", "epochs: 7, batch_size"))
    arguments = (recipe, "--data", f"folder:{tone_folder}")
    monkeypatch.setenv("KWS_CACHE", str(tmp_path / "serial"))
    result = run("prepare", *arguments, "--out", tmp_path / "a")
    assert result.exit_code == 0, result.output
    result = run("prepare", *arguments, "--out", tmp_path / "b", "--workers", 1, "--features", tmp_path / "epochs")
    assert result.exit_code == 0, result.output
    assert "9 augmented epochs" in result.output
    assert (tmp_path / "a" / "data.json").read_bytes() == (tmp_path / "b" / "data.json").read_bytes()

    build = Build(load_recipe(recipe), f"folder:{tone_folder}", Run(tmp_path / "c"), epochs=tmp_path / "one_by_one")
    draw_epochs(build, {offset: range(count) for offset, count in epochs_drawn(build.recipe).items()})
    assert files(tmp_path / "epochs") == files(tmp_path / "one_by_one")
    assert len(files(tmp_path / "epochs")) == 9


def test_workers_without_anything_for_them_to_do_are_refused(tmp_path: Path) -> None:
    result = run("prepare", "demo", "--workers", 2, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "no --features" in " ".join(result.output.split())
    assert not (tmp_path / "out").exists()


def test_epochs_that_cannot_be_kept_are_an_error(tone_folder: Path, tmp_path: Path, monkeypatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(EpochCache, "store", full)
    recipe = tmp_path / "tiny.yaml"
    recipe.write_text(QUICK)
    arguments = ("--data", f"folder:{tone_folder}", "--out", tmp_path / "out", "--features", tmp_path / "epochs")
    result = run("prepare", recipe, *arguments)
    assert result.exit_code == 2, result.output
    assert "could not be kept" in " ".join(result.output.split())
