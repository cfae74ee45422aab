"""`kws sweep` as a person uses it: a real one, interrupted and resumed; and what it refuses."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipelines.stages.sweep import run as sweep_run
from pipelines.stages.sweep.trial import attend
from tests.pipelines.conftest import run
from tests.pipelines.test_compare import QUICK

SWEEP = """
name: quick
recipe: tiny.yaml
changes: {train: {epochs: 2}, sparsity: {epochs: 3, target: 0.5}}
parameters:
  sparsity.method: [tfmot_magnitude, one_shot]
  sparsity.learning_rate: {log_uniform: [0.001, 0.02]}
samples: 1
early_stopping: {first: 2, factor: 2}
"""
needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="Ray is not installed: pip install '.[sweep]'"
)


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    (tmp_path / "tiny.yaml").write_text(QUICK)
    path = tmp_path / "quick.yaml"
    path.write_text(SWEEP)
    return path


def start(sweep: Path, tone_folder: Path, out: Path) -> subprocess.Popen:
    """The command in a session of its own, where an interrupt can be sent to all that it starts, as a terminal does."""
    options = ["--data", f"folder:{tone_folder}", "--out", out, "--jobs", "2", "--no-instructions", "--no-streams"]
    environment = os.environ | {"HOME": str(out.parent / "home"), "KWS_CACHE": str(out.parent / "cache")}
    return subprocess.Popen(
        [sys.executable, "-m", "pipelines.kws", "sweep", sweep, *map(str, options)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def _row(build) -> dict:
    """What :func:`pipelines.stages.comparison_cell.row_of` says, of a trial that took no training."""
    cell = build.cell
    return {
        "cell": cell.name, "variant": cell.variant, "target": cell.target, "seed": cell.seed, "n": 100,
        "accuracy": {"int8": cell.recipe.sparsity.learning_rate * 10, "float": 0.9, "dense": 0.9},
        "split_sha256": "5" * 64, "interpreter": "none", "nonzero_weights": 10, "zero_share": 0.5,
        "bytes": {"slim": 5}, "board": None, "step_ms": {}, "step_cpu_ms": {},
    }  # fmt: skip


@pytest.fixture
def without_training(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """The command with trials that only count epochs, one after the other in this process; left: until interrupted."""
    left = {"epochs": 3}
    reported: list[str] = []

    def work(build, reporter, on_epoch) -> dict:
        state = build.folder / f"{build.cell.name}.state"
        for epoch in range(int(state.read_text()) if state.exists() else 0, 3):
            if left["epochs"] == 0:
                raise KeyboardInterrupt
            left["epochs"] -= 1
            state.write_text(str(epoch + 1))
            reported.append(f"{build.cell.name} {epoch}")
            on_epoch("sparsify", epoch, {"val_accuracy": 0.1 * epoch})
        return _row(build)

    def tune(names, tuning, scheduler, watch) -> None:
        for name in names:
            attend({"trial": name}, builds=tuning.builds, folder=tuning.folder, work=tuning.work, cores=0,
                   report=lambda _: None)  # fmt: skip

    class Plan(sweep_run.SweepPlan):
        def preparation(self, builds):
            return []

    monkeypatch.setattr("pipelines.sweep.require_ray", lambda: None)
    monkeypatch.setattr("pipelines.sweep.SweepPlan", functools.partial(Plan, work=work))
    monkeypatch.setattr(sweep_run, "require_ray", lambda: None)
    monkeypatch.setattr(sweep_run, "cluster", lambda *_: contextlib.nullcontext())
    monkeypatch.setattr(sweep_run, "run_ray_jobs", lambda *_: {})
    monkeypatch.setattr(sweep_run, "scheduler_of", lambda *_: None)
    monkeypatch.setattr(sweep_run, "tune_trials", tune)
    return left


def test_the_command_interrupted_and_repeated_counts_every_trial_once(
    sweep: Path, tmp_path: Path, without_training: dict[str, int]
) -> None:
    out = tmp_path / "out"
    first = run("sweep", sweep, "--out", out, "--no-instructions")
    assert first.exit_code == 130
    assert "run the same command again" in " ".join(first.output.split())
    assert not list(out.glob("*.json")) or not (out / "quick.json").exists()
    without_training["epochs"] = 99
    second = run("sweep", sweep, "--out", out, "--no-instructions")
    assert second.exit_code == 0, second.output
    assert without_training["epochs"] == 99 - 3  # six epochs in all, three of them before the interruption
    record = json.loads((out / "quick.json").read_text())
    assert {"command", "commit", "versions", "sweep", "summary", "rows", "trials", "best"} <= record.keys()
    assert record["counts"] == {"finished": 2, "stopped": 0, "failed": 0}
    assert len({trial["trial"] for trial in record["trials"]}) == 2
    assert all(len(trial["validation_by_epoch"]) == 3 for trial in record["trials"])
    assert (out / "quick.png").read_bytes()[:4] == b"\x89PNG"
    third = run("sweep", sweep, "--out", out, "--no-instructions", "--json")
    assert third.exit_code == 0 and without_training["epochs"] == 99 - 3
    assert json.loads((out / "quick.json").read_text())["rows"] == record["rows"]
    sweep.write_text(SWEEP.replace("samples: 1", "samples: 2"))
    other = run("sweep", sweep, "--out", out, "--no-instructions")
    assert other.exit_code == 2
    assert "2 would be new" in " ".join(other.output.split())


@needs_ray
@pytest.mark.slow
@pytest.mark.xdist_group("ray")
def test_an_interrupted_sweep_goes_on_and_counts_every_trial_once(sweep: Path, tone_folder, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = start(sweep, tone_folder, out)
    until = time.monotonic() + 600
    while not list(out.glob("epochs/*.json")) and first.poll() is None and time.monotonic() < until:
        time.sleep(0.1)
    os.killpg(first.pid, signal.SIGINT)
    reported, _ = first.communicate(timeout=600)
    assert first.returncode == 130, reported
    assert "run the same command again" in reported
    before = {path.name: path.read_text() for path in out.glob("rows/*.json")}
    trained = {path.name: json.loads(path.read_text()) for path in out.glob("epochs/*.json")}
    assert trained

    second = start(sweep, tone_folder, out)
    reported, _ = second.communicate(timeout=900)
    assert second.returncode == 0, reported
    record = json.loads((out / "quick.json").read_text())
    assert record["schema_version"] == 1
    assert {"command", "commit", "versions", "sweep", "summary", "rows", "trials", "best"} <= record.keys()
    names = [trial["trial"] for trial in record["trials"]]
    assert len(names) == len(set(names)) == 2
    assert record["counts"]["finished"] + record["counts"]["stopped"] == 2
    rows = {row["cell"]: row for row in record["rows"]}
    assert len(rows) == len(record["rows"]) == record["counts"]["finished"] > 0
    for trial in record["trials"]:
        full = trial["status"] == "finished"
        assert len(trial["validation_by_epoch"]) == (3 if full else 2)  # one rung, at epoch 2
    for row in rows.values():
        assert row["epochs"] == 3
        assert row["accuracy"]["dense"] == next(iter(rows.values()))["accuracy"]["dense"]  # one dense model
        assert row["engine_differing_bytes"] == 0
        assert 0 <= row["validation_accuracy"] <= 1
    for name, text in before.items():
        assert (out / "rows" / name).read_text() == text
    for name, epochs in trained.items():  # what was trained before the interruption was kept
        assert json.loads((out / "epochs" / name).read_text())[: len(epochs)] == epochs
    assert record["best"][0]["trial"] in rows
    assert (out / "quick.png").read_bytes()[:4] == b"\x89PNG"
    assert not (out / "ray").exists()
    assert not [path for path in (tmp_path / "home").glob(".*") if "ray" in path.name]  # nothing in the home folder
    assert not (tmp_path / "home" / "ray_results").exists()
    assert "Traceback" not in reported


def test_a_missing_ray_is_reported(sweep: Path, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setitem(sys.modules, "ray.tune", None)
    result = run("sweep", sweep, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "pip install '.[sweep]'" in " ".join(result.output.split())
    assert not (tmp_path / "out").exists()


@needs_ray
@pytest.mark.parametrize(
    ("options", "reported"),
    [
        (("--try", "sparsity.methd=[csp]"), "Did you mean 'method'?"),
        (("--try", "sparsity.method"), "expected key=values"),
        (("--try", "model.width={uniform: [1]}"), "[lowest, highest]"),
        (("--seeds", "0"), "1 to 10,000"),
    ],
)
def test_what_cannot_be_tried_is_reported_before_anything_runs(
    sweep: Path, tmp_path: Path, options, reported: str
) -> None:
    result = run("sweep", sweep, "--out", tmp_path / "out", *options)
    assert result.exit_code == 2, result.output
    assert reported in " ".join(result.output.split())
    assert not (tmp_path / "out").exists()


@needs_ray
def test_a_recipe_needs_something_to_try(sweep: Path, tmp_path: Path) -> None:
    from pipelines.sweep import resolve

    recipe = sweep.with_name("tiny.yaml")
    result = run("sweep", recipe, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "nothing says what to try" in " ".join(result.output.split())
    tried = {"sparsity.method": ["tfmot_magnitude"], "sparsity.target": [0.5, 0.9]}
    settings, _ = resolve(recipe, tried, [2], False, 0, False)
    assert settings.name == "tiny_sweep"
    assert settings.seeds == (1, 2)
    assert settings.early_stopping is None
