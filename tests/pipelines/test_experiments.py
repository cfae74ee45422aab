"""The comparison over seeds, on a set small enough for a test."""

from __future__ import annotations

import json

import pytest

from tests.pipelines.conftest import RECIPE, run


def test_experiments_judge_every_variant_and_go_on_after_an_interruption(tone_folder, tmp_path) -> None:
    quick = RECIPE.replace("epochs: 6, ", "epochs: 1, ").replace("epochs: 3, end: 0.5", "epochs: 1, end: 1.0")
    quick = quick.replace("also: [float32, sparse_int8]", "also: []")
    recipe = tmp_path / "quick.yaml"
    recipe.write_text(
        quick.replace("warmup_epochs: 1", "warmup_epochs: 0").replace("epoch_clips: 300", "epoch_clips: 100")
    )
    arguments = ("--recipe", recipe, "--recordings", tone_folder, "--seeds", 1, "--runs", tmp_path / "runs")
    result = run("experiments", *arguments, "--results", tmp_path / "results")
    assert result.exit_code == 0, result.output
    record = json.loads((tmp_path / "results" / "tiny.json").read_text())
    rows = {row["variant"]: row for row in record["runs"]}
    assert [row["variant"] for row in record["summary"]] == list(rows)
    assert rows["dense, QAT int8"]["zero_share"] < 0.1 < 0.5 < rows["pruned, PQAT int8"]["zero_share"]
    assert rows["pruned, PTQ int8"]["zero_share"] == pytest.approx(rows["pruned, PQAT int8"]["zero_share"], abs=0.05)
    assert len({row["float_dense"] for row in rows.values()}) == 1  # one dense parent
    assert all(row["differing_bytes_tflm_builtin"] == 0 for row in rows.values())
    assert (tmp_path / "results" / "tiny.png").read_bytes()[:4] == b"\x89PNG"

    manifests = {path: path.read_text() for path in (tmp_path / "runs").rglob("manifest.json")}
    assert len(manifests) == 3
    assert run("experiments", *arguments, "--results", tmp_path / "again").exit_code == 0
    assert {path: path.read_text() for path in manifests} == manifests
    assert json.loads((tmp_path / "again" / "tiny.json").read_text())["summary"] == record["summary"]


def test_missing_recordings_are_told(tmp_path) -> None:
    result = run("experiments", "--recordings", tmp_path / "none")
    assert result.exit_code == 2
    assert "--recordings" in result.output
