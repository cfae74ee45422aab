"""Rounds under an accuracy budget, automatic model size and distillation, as a user runs them."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.pipelines.conftest import RECIPE, run

ROUNDS = "{method: iterative, criterion: affine, rounds: 2, target: 0.97, epochs: 2, floor: 0.0}"


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    path = tmp_path_factory.mktemp("rounds") / "rounds.yaml"
    text = RECIPE.replace("epochs: 6, batch_size", "epochs: 3, batch_size").replace(
        "sparsity: {target: 0.75, epochs: 3, end: 0.5, frequency: 4}", f"sparsity: {ROUNDS}"
    )
    path.write_text(
        text.replace("model: {name: ds_cnn, width: 8, blocks: 1}", "model: {name: dnn, width: 16, blocks: 2}")
    )
    return path


def compress(recipe, tone_folder, out, *changes: str):
    options = [part for change in changes for part in ("--set", change)]
    arguments = ("--data", f"folder:{tone_folder}", "--out", out, "--set", "quantization.mode=ptq")
    result = run("compress", recipe, *arguments, *options)
    manifest = out / "manifest.json"
    return result, json.loads(manifest.read_text())["stages"] if manifest.is_file() else {}


@pytest.fixture(scope="module")
def shrunk(recipe, tone_folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("shrunk") / "run"
    changes = ("sparsity.shrink=true", "sparsity.distillation={weight: 0.5}")
    return *compress(recipe, tone_folder, out, *changes), out


def test_every_round_is_a_stage_and_the_model_shrinks(shrunk) -> None:
    result, stages, out = shrunk
    assert result.exit_code == 0, result.output
    assert {name for name in stages if name.startswith("sparsify-")} == {"sparsify-1", "sparsify-2"}
    figures = stages["sparsify"]["figures"]
    assert [row["target"] for row in figures["rounds"]] == pytest.approx([0.827, 0.97], abs=1e-3)
    assert figures["sparsity"] == pytest.approx(0.97, abs=0.01)
    assert figures["shrunk"]["parameters"] < stages["train"]["figures"]["parameters"]
    assert "automatic model size" in result.output
    assert (out / "pruned.keras").is_file()


@pytest.mark.slow
def test_the_last_round_within_the_accuracy_budget_counts(recipe, tone_folder, tmp_path, shrunk) -> None:
    """The dense model is taken over from the run beside it."""
    _, stages, out = shrunk
    rounds = [row["validation_accuracy"] for row in stages["sparsify"]["figures"]["rounds"]]
    dense = stages["train"]["figures"]["validation_accuracy"]
    shutil.copytree(out, tmp_path / "run")
    generous = max(dense - min(rounds), 0.0) + 0.2
    result, found = compress(recipe, tone_folder, tmp_path / "run", f"sparsity.max_accuracy_drop={min(generous, 1.0)}")
    assert result.exit_code == 0, result.output
    kept = found["sparsify"]["figures"]["rounds"]
    assert all(dense - row["validation_accuracy"] <= generous for row in kept)
    assert found["sparsify"]["figures"]["sparsity"] == pytest.approx(kept[-1]["target"], abs=0.02)


def test_a_budget_that_the_first_round_misses_is_refused(recipe, tone_folder, tmp_path, shrunk) -> None:
    shutil.copytree(shrunk[2], tmp_path / "run")
    changes = (
        "sparsity.max_accuracy_drop=0",
        "sparsity.target=0.98",
        "sparsity.rounds=1",
        "sparsity.epochs=1",
        "sparsity.learning_rate=1e-9",
    )
    result, _ = compress(recipe, tone_folder, tmp_path / "run", *changes)
    assert result.exit_code == 2
    assert "expected a loss of at most 0 points of validation accuracy" in result.output
    assert "sparsity.max_accuracy_drop" in result.output
