"""The main job, as a user runs it."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from tests.pipelines.conftest import RECIPE, TinyBuild, run

pytestmark = pytest.mark.xdist_group("tiny_build")


def sha256(path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def digests(folder) -> dict[str, str]:
    return {p.relative_to(folder).as_posix(): sha256(p) for p in folder.rglob("*") if p.is_file()}


def test_a_build_leaves_everything(tiny_build: TinyBuild) -> None:
    for name in (
        "recipe.yaml", "data.json", "float.keras", "pruned.keras", "compressed.h5", "model_int8.tflite",
        "model_float32.tflite", "metrics.json", "confusion_int8.png", "firmware/README.md",
    ):  # fmt: skip
        assert (tiny_build.directory / name).stat().st_size > 0, name
    assert list((tiny_build.directory / "logs").rglob("events.out.tfevents*"))
    assert not list(tiny_build.directory.rglob("*.partial*"))


def test_metrics_say_what_was_measured_and_on_what(tiny_build: TinyBuild) -> None:
    metrics = tiny_build.metrics
    assert metrics["schema_version"] == 1
    accuracy = metrics["accuracy"]["model_int8.tflite"]
    test = metrics["data"]["splits"]["test"]
    assert accuracy["n"] == sum(test["clips"].values())
    assert accuracy["split_sha256"] == test["sha256"]
    assert "tflite-micro" in accuracy["interpreter"]
    assert accuracy["accuracy"] > 0.6  # four kinds of tone are easy even for a net this small
    assert metrics["versions"]["tensorflow"]
    for name, row in metrics["files"].items():
        assert row["sha256"] == sha256(tiny_build.directory / name)
        assert row["bytes"] == (tiny_build.directory / name).stat().st_size


def test_every_zero_of_training_is_zero_in_the_file(tiny_build: TinyBuild) -> None:
    metrics = tiny_build.metrics
    layers = metrics["sparsity"]["layers"]
    rows = {row["layer"]: row for row in metrics["tflite"]["model_int8.tflite"]["zeros"]}
    assert rows.keys() == layers.keys()
    for name, layer in layers.items():
        assert rows[name]["zeros"] >= layer["zeros"] == rows[name]["keras_zeros"]
        expected = 0 if layer["not_pruned"] else round(0.75 * layer["weights"])
        assert layer["zeros"] == pytest.approx(expected, abs=1)
    assert "depthwise" in layers["block1_depthwise"]["not_pruned"]


def test_device_kernels_and_builtin_kernels_agree_on_every_byte(tiny_build: TinyBuild) -> None:
    agreement = tiny_build.metrics["accuracy"]["model_int8.tflite"]["agreement"]
    assert agreement["builtin"]["differing_values"] == 0
    assert agreement["builtin"]["samples"] == tiny_build.metrics["accuracy"]["model_int8.tflite"]["n"]
    assert "xnnpack" in agreement


def test_the_table_at_the_end_names_the_files(tiny_build: TinyBuild) -> None:
    for name in ("model_int8.tflite", "firmware", "firmware/engine", "metrics.json"):
        assert f"{tiny_build.directory}/{name}: " in tiny_build.output


def test_a_second_build_skips_every_stage(tiny_build: TinyBuild) -> None:
    before = json.loads((tiny_build.directory / "manifest.json").read_text())
    result = run("build", tiny_build.recipe, "--data", tiny_build.data, "--out", tiny_build.directory)
    assert result.exit_code == 0, result.output
    assert json.loads((tiny_build.directory / "manifest.json").read_text()) == before


def stages_of(directory: Path) -> dict:
    return json.loads((directory / "manifest.json").read_text())["stages"]


def test_other_settings_leave_nothing_of_the_old_run(tiny_build: TinyBuild, tmp_path: Path) -> None:
    again = tmp_path / "again"
    shutil.copytree(tiny_build.directory, again)
    for name in ("report.html", "model_card.md", "det.json"):
        (again / name).write_text("of the old model")
    before = stages_of(again)
    changes = ("sparsity=null", "quantization.mode=ptq", "convert.also=[]")
    options = [part for change in changes for part in ("--set", change)]
    result = run("build", tiny_build.recipe, "--data", tiny_build.data, "--out", again, *options)
    assert result.exit_code == 0, result.output
    after = stages_of(again)
    assert set(after) == {"prepare", "train", "convert", "evaluate", "benchmark", "export"}
    assert after["train"] == before["train"]  # the dense model stays
    metrics = json.loads((again / "metrics.json").read_text())
    assert metrics["sparsity"] is None and metrics["quantization"] == {"mode": "ptq"}
    gone = ("pruned.keras", "compressed.h5", "model_float32.tflite", "report.html", "model_card.md", "det.json")
    said = "".join(result.output.split())
    for name in gone:
        assert not (again / name).exists() and (again / "aside" / name).is_file()
        assert name in said and name not in metrics["files"]
    assert run("report", again, "--boards", "").exit_code == 0
    card = (again / "model_card.md").read_text(encoding="utf-8")
    assert "pruned" not in card and "pruned" in _card(tiny_build, tmp_path)


def _card(tiny_build: TinyBuild, folder: Path) -> str:
    assert run("report", tiny_build.directory, "--boards", "", "--out", folder / "report.html").exit_code == 0
    return (folder / "model_card.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_same_recipe_and_seed_give_the_same_firmware(tiny_build: TinyBuild, tmp_path: Path) -> None:
    result = run("build", tiny_build.recipe, "--data", tiny_build.data, "--out", tmp_path / "again")
    assert result.exit_code == 0, result.output
    assert sha256(tmp_path / "again" / "model_int8.tflite") == sha256(tiny_build.directory / "model_int8.tflite")
    assert digests(tmp_path / "again" / "firmware") == digests(tiny_build.directory / "firmware")


def test_the_same_recipe_and_seed_give_the_same_file(tone_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(RECIPE)
    changes = ("sparsity=null", "quantization.mode=ptq", "train.epochs=1", "augment.epoch_clips=100", "model.width=4")
    options = [part for change in changes for part in ("--set", change)]
    for name in ("one", "two"):
        out = ("--out", tmp_path / name, "--set", "convert.also=[]")
        result = run("convert", tmp_path / "tiny.yaml", "--data", f"folder:{tone_folder}", *out, *options)
        assert result.exit_code == 0, result.output
    assert sha256(tmp_path / "one" / "model_int8.tflite") == sha256(tmp_path / "two" / "model_int8.tflite")


def test_evaluate_repeats_the_build_s_figure(tiny_build: TinyBuild) -> None:
    result = run("evaluate", tiny_build.directory / "model_int8.tflite", "--data", tiny_build.data, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    expected = tiny_build.metrics["accuracy"]["model_int8.tflite"]
    assert {key: found[key] for key in ("accuracy", "n", "split_sha256", "interpreter", "confusion")} == {
        key: expected[key] for key in ("accuracy", "n", "split_sha256", "interpreter", "confusion")
    }


def test_evaluate_takes_every_clip_of_a_folder(tiny_build: TinyBuild, tmp_path) -> None:
    model = tiny_build.directory / "model_int8.tflite"
    plot = tmp_path / "confusion.png"
    result = run("evaluate", model, "--data", tiny_build.data, "--split", "all", "--json", "--plot", plot)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["n"] >= 4 * 30
    assert plot.read_bytes()[:4] == b"\x89PNG"


def test_inspect_counts_the_zeros(tiny_build: TinyBuild) -> None:
    result = run("inspect", tiny_build.directory / "model_int8.tflite", "--json")
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert summary["settings"]["labels"] == ["up", "down", "_unknown_", "_silence_"]
    zeros = sum(row["zeros"] for row in tiny_build.metrics["tflite"]["model_int8.tflite"]["zeros"])
    assert sum(row["zeros"] for row in summary["weights"]) == zeros


def test_benchmark_compares_within_one_run(tiny_build: TinyBuild) -> None:
    model, dense = tiny_build.directory / "model_int8.tflite", tiny_build.directory / "model_float32.tflite"
    result = run("benchmark", model, "--against", dense, "--rounds", 2, "--threads", "1", "--json")
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout)
    assert {row["model"] for row in figures["latency"]} == {model.name, str(dense)}
    for row in figures["latency"]:
        assert 0 < row["p50_us"] <= row["p90_us"] <= row["p99_us"]
    assert figures["frontend"]["clips_per_second"] > 0


def test_export_writes_the_build_s_firmware(tiny_build: TinyBuild, tmp_path) -> None:
    result = run("export", tiny_build.directory / "model_int8.tflite", "--out", tmp_path / "c")
    assert result.exit_code == 0, result.output
    expected, found = digests(tiny_build.directory / "firmware"), digests(tmp_path / "c")
    # A build knows how the model was tested, and its README says so below what an export says.
    assert found.pop("README.md") != expected.pop("README.md")
    ours, builds = (
        (folder / "README.md").read_text() for folder in (tmp_path / "c", tiny_build.directory / "firmware")
    )
    assert builds.startswith(ours)
    assert "Tested on 6 speakers who did not train it" in builds[len(ours) :]
    assert found == {name: value for name, value in expected.items() if "engine" not in name}


def test_the_sparse_encoded_file_is_never_exported(tiny_build: TinyBuild, tmp_path) -> None:
    result = run("export", tiny_build.directory / "model_sparse_int8.tflite", "--out", tmp_path / "c")
    assert result.exit_code == 2
    assert "SparsityParameters" in " ".join(result.output.split())
    assert not (tmp_path / "c").exists()
