"""Weights of few bits through the whole job."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from firmware_export.engine import export_engine
from kws_tfmot.quantization.integer_kernels import load_kernels
from kws_tfmot.recipe import load_recipe
from kws_tfmot.tflite.reader import read_model
from pipelines.stages.comparison import cells_of
from pipelines.stages.forecast import untrained_model
from tests.pipelines.conftest import RECIPE, run

SHIPPED = Path(__file__).resolve().parents[2] / "recipes/compare/low_bit.yaml"
QUICK = (
    RECIPE.replace("epochs: 6, ", "epochs: 2, ")
    .replace("also: [float32, sparse_int8]", "also: []")
    .replace("warmup_epochs: 1", "warmup_epochs: 0")
    .replace("sparsity: {", "sparsity: null # {")
    .replace("epoch_clips: 300", "epoch_clips: 100")
    .replace("mode: qat, ", "mode: qat, low_bit: {bits: {default: 1, depthwise: 3}}, ")
    + "export: {targets: [engine], optimise: size}\n"
)


@pytest.fixture(scope="module")
def dense(tone_folder, tmp_path_factory) -> Path:
    """A folder with the recipe, and a run in which the dense network is trained."""
    base = tmp_path_factory.mktemp("low_bit")
    (base / "tiny.yaml").write_text(QUICK)
    result = run("train", base / "tiny.yaml", "--data", f"folder:{tone_folder}", "--out", base / "run")
    assert result.exit_code == 0, result.output
    return base


@pytest.fixture(scope="module")
def foreseen(dense: Path) -> dict:
    """What the export says of the recipe's network, untrained."""
    return export_engine(untrained_model(load_recipe(dense / "tiny.yaml")), dense / "foreseen", optimise="size")


@pytest.mark.parametrize("mode", ["qat", pytest.param("ptq", marks=pytest.mark.slow)])
def test_a_build_ends_in_levels_that_the_engine_stores_in_few_bits(
    mode: str, dense: Path, foreseen: dict, tone_folder, tmp_path: Path
) -> None:
    shutil.copytree(dense, tmp_path, dirs_exist_ok=True)
    arguments = ("--data", f"folder:{tone_folder}", "--set", f"quantization.mode={mode}")
    result = run("build", tmp_path / "tiny.yaml", "--out", tmp_path / "run", *arguments)
    assert result.exit_code == 0, result.output
    kernels = load_kernels(tmp_path / "run" / "low_bit.npz")
    assert {name: kernel.bits for name, kernel in kernels.items()} == {
        "conv": 1, "block1_depthwise": 3, "block1_pointwise": 1, "classifier": 1,
    }  # fmt: skip
    graph = read_model((tmp_path / "run" / "model_int8.tflite").read_bytes())
    found = [
        len(np.unique(graph.tensor(operator.inputs[1]).data))
        for operator in graph.operators
        if operator.code in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
    ]
    assert found[0] == found[2] == found[3] == 2 < found[1] <= 8
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    layers = manifest["stages"]["quantize"]["figures"]["layers"]
    assert layers["conv"]["bits"] == 1 and layers["conv"]["zeros"] == 0
    engine = manifest["stages"]["export"]["figures"]["engine"]
    assert engine["differing_bytes"] == 0
    again = run("build", tmp_path / "tiny.yaml", "--out", tmp_path / "run", *arguments)
    assert again.exit_code == 0 and json.loads((tmp_path / "run" / "manifest.json").read_text()) == manifest
    inspected = run("inspect", tmp_path / "run" / "model_int8.tflite", "--json")
    assert [row["bits"] for row in json.loads(inspected.output)["weights"]][:3] == [1, 3, 1]
    assert foreseen["constant_bytes"] == pytest.approx(engine["constant_bytes"], rel=0.02)


def test_a_layer_that_is_not_there_is_refused_before_training(tone_folder, tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(QUICK.replace("depthwise: 3", "block2_pointwise: 3"))
    result = run("build", tmp_path / "tiny.yaml", "--data", f"folder:{tone_folder}", "--out", tmp_path / "run")
    assert result.exit_code == 2
    reported = " ".join(result.output.split())
    assert "'block2_pointwise'" in reported and "block1_pointwise" in reported
    assert not (tmp_path / "run" / "float.keras").exists()


def test_the_shipped_comparison_runs_on_another_recipe_too() -> None:
    from pipelines.compare import resolve

    settings, folder = resolve(SHIPPED, "", "", "1")
    cells = {cell.variant: cell.recipe for cell in cells_of(settings, folder)}
    baseline = {
        v: r.quantization.low_bit.bits for v, r in cells.items() if r.quantization.low_bit and "depthwise" not in v
    }
    assert sorted(baseline.values()) == [1, 1, 2, 2, 3, 3, 4, 4, 8, 8]
    budgets = {
        r.quantization.epochs + (r.quantization.cluster_epochs if r.quantization.clusters else 0)
        for r in cells.values()
        if r.quantization.mode == "qat"
    }
    assert len(budgets) == 1  # the same length of training for all
    assert len({r.train.epochs for r in cells.values()}) == 1 and not any(r.sparsity for r in cells.values())
    other, _ = resolve(SHIPPED, "", "", "1", Path("demo"))
    assert other.name == "low_bit_demo"
    assert {cell.recipe.train.epochs for cell in cells_of(other, folder)} == {36}


def test_shared_values_are_foreseen(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(QUICK)
    recipe = load_recipe(tmp_path / "tiny.yaml", ["quantization.low_bit=null", "quantization.clusters=4"])
    graph = read_model(untrained_model(recipe))
    pointwise = next(
        op for op in graph.operators if op.code == "CONV_2D" and op.inputs[1] != graph.operators[0].inputs[1]
    )
    values = graph.tensor(pointwise.inputs[1]).data
    assert max(len(np.unique(channel)) for channel in values) <= 4
