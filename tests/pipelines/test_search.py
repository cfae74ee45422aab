"""`kws search`, as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kws_tfmot.models import build_model
from kws_tfmot.models.counting import total_macs
from kws_tfmot.recipe import load_recipe
from tests.pipelines.conftest import RECIPE, run

pytestmark = pytest.mark.xdist_group("search")
SPACE = "cells: 2, kernels: [3, 5], expansions: [1, 2], warmup: 1, epochs: 2, every: 3, batch_size: 10"
BUDGET = "macs=80k"


@pytest.fixture(scope="module")
def recipe(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("search") / "tiny.yaml"
    text = RECIPE.replace("{name: ds_cnn, width: 8, blocks: 1}", "{name: mbconv, width: 4, mix: 8}")
    text = text.replace("sparsity: {target: 0.75, epochs: 3, end: 0.5, frequency: 4}", "sparsity: null")
    path.write_text(
        text.replace("mode: qat", "mode: ptq")
        + f"search: {{{SPACE}, learning_rate: 1, candidates: 4, finalists: 2, final_epochs: 1}}\n"
    )
    return path


@pytest.fixture(scope="module")
def searched(recipe, tone_folder, tmp_path_factory) -> tuple[Path, str]:
    directory = tmp_path_factory.mktemp("searched") / "run"
    result = run("search", recipe, "--budget", BUDGET, "--data", f"folder:{tone_folder}", "--out", directory)
    assert result.exit_code == 0, result.output
    return directory, result.output


def test_the_network_found_is_a_recipe_within_the_budget(searched) -> None:
    found = load_recipe(searched[0] / "found.yaml")
    assert found.model.name == "mbconv" and len(found.model.cells) == 2 and found.search is None
    assert total_macs(build_model(found.model, found.frontend.feature_shape, 4)) <= 80_000
    assert all(cell in searched[1] for cell in found.model.cells)


def test_the_record_and_the_picture_say_how_it_went(searched) -> None:
    record = json.loads((searched[0] / "search.json").read_text())
    assert len(record["history"]) == 3
    assert {"entropy", "expected_macs", "val_accuracy"} <= set(record["history"][-1])
    assert record["costs"]["macs"] == record["counts"]["macs"] <= 80_000
    losses = [candidate["cross_entropy"] for candidate in record["candidates"]]
    assert 1 <= len(losses) <= 5 and losses == sorted(losses)
    finals = record["finals"]
    assert finals[0]["cells"] == record["cells"]
    assert len(finals) == 2 and all(len(row["validation_loss"]) == 1 for row in finals)
    assert any(row["drawn_evenly"] for row in finals) and not all(row["drawn_evenly"] for row in finals)
    for cell in record["probabilities"]:
        assert sum(cell.values()) == pytest.approx(1, abs=1e-4)
    assert (searched[0] / "search.png").stat().st_size > 10_000
    assert list((searched[0] / "logs/search").rglob("events*"))


def test_a_finished_search_is_not_done_again(searched, recipe, tone_folder) -> None:
    before = (searched[0] / "search.json").stat().st_mtime_ns
    result = run("search", recipe, "--budget", BUDGET, "--data", f"folder:{tone_folder}", "--out", searched[0])
    assert result.exit_code == 0, result.output
    assert (searched[0] / "search.json").stat().st_mtime_ns == before


@pytest.mark.slow
def test_the_recipe_found_converts(searched, tone_folder, tmp_path) -> None:
    arguments = (searched[0] / "found.yaml", "--data", f"folder:{tone_folder}", "--out", tmp_path / "run")
    result = run("convert", *arguments, "--set", "train.epochs=1", "--set", "convert.also=[]")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "run/model_int8.tflite").stat().st_size > 0


def test_random_networks_are_recipes_within_the_budget(recipe, tone_folder, tmp_path) -> None:
    arguments = (recipe, "--budget", BUDGET, "--data", f"folder:{tone_folder}", "--out", tmp_path / "run")
    result = run("search", *arguments, "--random", 3, "--json")
    assert result.exit_code == 0, result.output
    rows = json.loads(result.stdout)
    assert len({tuple(row["cells"]) for row in rows}) == 3
    for row in rows:
        found = load_recipe(tmp_path / "run" / row["recipe"])
        macs = total_macs(build_model(found.model, found.frontend.feature_shape, 4))
        assert 64_000 <= macs == row["costs"]["macs"] <= 80_000


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (("--budget", "macs=10k"), "smallest achievable"),
        (("--budget", "ram=9kB"), "--board"),
        (("--budget", "instructions=1M", "--board", "nowhere"), "nowhere"),
        (("--budget", "mac=1M"), "macs"),
        (("--budget", BUDGET, "--set", "model.name=ds_cnn", "--set", "model.mix=null"), "mbconv"),
        (("--budget", BUDGET, "--set", "search.kernels=[4]"), "search.kernels"),
        (("--budget", BUDGET, "--set", "search.held=0.99"), "search.held"),
    ],
)
def test_what_cannot_be_searched_is_refused_before_training(
    recipe, tone_folder, tmp_path, changes: tuple[str, ...], reason: str
) -> None:
    result = run("search", recipe, "--data", f"folder:{tone_folder}", "--out", tmp_path / "run", *changes)
    assert result.exit_code == 2, result.output
    assert reason in result.output


@pytest.mark.device
def test_a_budget_in_ram_comes_from_the_emulated_board(recipe, tone_folder, tmp_path) -> None:
    arguments = (recipe, "--board", "mps2-an386", "--data", f"folder:{tone_folder}", "--out", tmp_path / "run")
    result = run("search", *arguments, "--budget", "ram=100B")
    assert result.exit_code == 2 and "smallest achievable: ram" in result.output
