"""The comparison of variants, on a set small enough for a test."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kws_tfmot.errors import RecipeError
from kws_tfmot.evaluation.comparison_summary import summarise
from pipelines.stages.comparison import Comparison, cells_of
from tests.pipelines.conftest import RECIPE, run

QUICK = (
    RECIPE.replace("epochs: 6, ", "epochs: 2, ")
    .replace("epochs: 3, end: 0.5", "epochs: 2, end: 0.5")
    .replace("mode: qat", "mode: ptq")
    .replace("also: [float32, sparse_int8]", "also: []")
    .replace("warmup_epochs: 1", "warmup_epochs: 0")
    .replace("epoch_clips: 300", "epoch_clips: 100")
    + "export: {targets: [engine]}\n"
)
COMPARISON = """
name: quick
recipe: tiny.yaml
seeds: 1
targets: [0.75]
baseline: dense
variants:
  dense: {sparsity: null}
  pruned:
  kept: {sparsity: {target: 0.75}, convert: {softmax: keep}}
"""


@pytest.fixture
def comparison(tmp_path: Path) -> Path:
    (tmp_path / "tiny.yaml").write_text(QUICK)
    path = tmp_path / "quick.yaml"
    path.write_text(COMPARISON)
    return path


def test_every_cell_is_judged_and_an_interrupted_run_goes_on(comparison: Path, tone_folder, tmp_path) -> None:
    out = tmp_path / "out"
    arguments = (
        comparison,
        "--data",
        f"folder:{tone_folder}",
        "--out",
        out,
        "--jobs",
        1,
        "--no-instructions",
        "--no-streams",
    )
    result = run("compare", *arguments)
    assert result.exit_code == 0, result.output
    record = json.loads((out / "quick.json").read_text())
    assert record["schema_version"] == 1
    assert {"command", "commit", "versions", "comparison", "summary"} <= record.keys()
    assert record["failures"] == {}
    rows = {row["cell"]: row for row in record["rows"]}
    assert list(rows) == ["dense-seed1", "pruned-0.75-seed1", "kept-0.75-seed1"]
    assert len({row["accuracy"]["dense"] for row in rows.values()}) == 1  # one dense parent
    for row in rows.values():
        assert row["n"] == rows["dense-seed1"]["n"] > 0
        assert "tflite-micro" in row["interpreter"]
        assert row["nonzero_weights"] == row["weights"] - round(row["zero_share"] * row["weights"])
        assert row["engine_differing_bytes"] == 0
        assert set(row["recall"]) == {"up", "down", "_unknown_", "_silence_"}
        assert row["bytes"]["engine_constant"] > 0
        assert row["step_ms"]["train"] > 0
        assert row["step_cpu_ms"]["train"] > 0
    assert rows["dense-seed1"]["zero_share"] < 0.1 < 0.5 < rows["pruned-0.75-seed1"]["zero_share"]
    # Of two cells with the same sparse training one has done it.
    same = [rows[name]["accuracy"]["float"] for name in ("pruned-0.75-seed1", "kept-0.75-seed1")]
    assert same[0] == same[1]
    assert (out / "quick.png").read_bytes()[:4] == b"\x89PNG"
    assert not (out / "features").exists()  # not needed any more

    cells = {path.parent.name: path for path in out.rglob("manifest.json")}
    before = {name: path.read_text() for name, path in cells.items()}
    assert sum(name.startswith("dense-seed1-") for name in cells) == 1
    # What is lost is made again; a broken cell is reported and does not lose the others.
    (out / "cells" / "kept-0.75-seed1" / "model_int8.tflite").unlink()
    broken = out / "cells" / "pruned-0.75-seed1" / "manifest.json"
    broken.write_text("{")
    result = run("compare", *arguments)
    assert result.exit_code == 1, result.output
    again = json.loads((out / "quick.json").read_text())
    assert list(again["failures"]) == ["pruned-0.75-seed1"]
    assert "manifest" in again["failures"]["pruned-0.75-seed1"]
    assert {row["cell"]: row["sha256"] for row in again["rows"]} == {
        name: row["sha256"] for name, row in rows.items() if name != "pruned-0.75-seed1"
    }
    changed = {name for name, path in cells.items() if path.read_text() != before[name]}
    assert changed <= {"kept-0.75-seed1", "pruned-0.75-seed1"}  # nothing else was done again
    assert broken.read_text() == "{"


@pytest.mark.parametrize(
    ("old", "new", "reported"),
    [
        ("recipe: tiny.yaml", "recipe: tny.yaml", "tny.yaml"),
        ("baseline: dense", "baseline: dens", "Did you mean 'dense'?"),
        ("baseline: dense", "base: dense", "unknown key 'base'"),
        ("sparsity: {target: 0.75}", "sparsity: {method: tfmot_magnitud}", "Did you mean 'tfmot_magnitude'?"),
        ("sparsity: {target: 0.75}", "sparsty: {target: 0.75}", "Did you mean 'sparsity'?"),
        ("sparsity: {target: 0.75}", "sparsity: {pattern: '2:4'}", "kept at sparsity 0.75"),
        ("targets: [0.75]", "targets: [0.5, 0.5]", "expected targets that differ"),
        ("dense: {sparsity: null}", "dense: {sparsity: null, quantization: {mode: none}}", "judges int8"),
    ],
)
def test_what_cannot_be_compared_is_reported_before_anything_runs(
    comparison: Path, tmp_path, old, new, reported
) -> None:
    text = comparison.read_text()
    assert old in text
    comparison.write_text(text.replace(old, new))
    result = run("compare", comparison, "--out", tmp_path / "out")
    assert result.exit_code == 2, result.output
    assert reported in " ".join(result.output.split())
    assert not (tmp_path / "out").exists()


def test_a_layer_that_is_not_there_is_reported_before_training(comparison: Path, tone_folder, tmp_path) -> None:
    out = tmp_path / "out"
    text = comparison.read_text().replace("pruned:", "pruned: {sparsity: {skip: [clasifier]}}")
    comparison.write_text(text)
    result = run("compare", comparison, "--data", f"folder:{tone_folder}", "--out", out, "--jobs", 1)
    assert result.exit_code == 2, result.output
    assert "pruned-0.75-seed1" in result.output
    assert "Did you mean 'classifier'?" in " ".join(result.output.split())
    assert not (out / "parents").exists()


def test_the_short_form_compares_methods_with_the_dense_model(comparison: Path, tmp_path) -> None:
    from pipelines.compare import resolve

    recipe = comparison.with_name("tiny.yaml")
    settings, folder = resolve(recipe, "tfmot_magnitude", "0.5,0.9", "4,6")
    cells = cells_of(settings, folder, ["train.epochs=7"])
    assert [cell.name for cell in cells] == [
        f"{name}-seed{seed}" for seed in (4, 6) for name in ("dense", "tfmot_magnitude-0.5", "tfmot_magnitude-0.9")
    ]
    assert {cell.recipe.train.epochs for cell in cells} == {7}
    assert [cell.recipe.seed for cell in cells] == [4] * 3 + [6] * 3
    assert [cell.recipe.sparsity.target for cell in cells if cell.recipe.sparsity] == [0.5, 0.9] * 2
    result = run("compare", recipe, "--methods", "tfmot_magnitud", "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "Did you mean 'tfmot_magnitude'?" in " ".join(result.output.split())


def test_a_count_stands_for_the_first_seeds() -> None:
    given = {"name": "a", "recipe": "demo", "variants": {"own": None}}
    assert Comparison.parse(given | {"seeds": 2}).seeds == (1, 2)
    assert Comparison.parse(given | {"seeds": [7]}).seeds == (7,)
    with pytest.raises(RecipeError, match="1 to 10,000"):
        Comparison.parse(given | {"seeds": 10**9})
    many = Comparison.parse(given | {"seeds": 5000, "targets": [0.5, 0.6, 0.7]})
    with pytest.raises(RecipeError, match=r"at most 10,000 cells\. Received: 15,000"):
        cells_of(many, Path())


def _row(variant: str, target: float | None, seed: int, accuracy: float) -> dict:
    return {
        "variant": variant, "target": target, "seed": seed, "accuracy": {"int8": accuracy}, "n": 100,
        "nonzero_weights": 10, "zero_share": 0.5, "bytes": {"slim": 5}, "board": None,
        "step_ms": {"train": 10.0, "sparsify": 11.0}, "step_cpu_ms": {"train": 10.0},
    }  # fmt: skip


def test_differences_are_taken_seed_by_seed() -> None:
    rows = [_row("a", t, s, 0.9 + s / 100) for t in (0.5, 0.9) for s in (1, 2, 3)]
    rows += [_row("b", 0.5, s, 0.9 + s / 50) for s in (1, 3)]
    b = summarise(rows, "a")[-1]
    assert b["against"]["pairs"] == 2
    assert b["against"]["mean"] == pytest.approx(0.02)
    assert b["against"]["spread"] == pytest.approx(0.01 * 2**0.5)
    assert b["sparse_step_over_dense"]["mean"] == pytest.approx(1.1)
    assert b["sparse_step_cpu_over_dense"] is None
    assert "against" not in summarise([*rows, _row("b", 0.7, 1, 0.5)], "a")[-1]  # a was not run there
