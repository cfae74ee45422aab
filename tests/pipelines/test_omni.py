"""`kws omni`, as a user runs it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.pipelines.conftest import RECIPE

pytestmark = pytest.mark.xdist_group("omni")
GRID = (0.0, 0.5, 0.9)
QUICK = ("--population", 4, "--generations", 1)


def omni(*arguments: object) -> Result:
    from pipelines.omni import group

    return CliRunner().invoke(group, [str(argument) for argument in arguments])


@dataclass(frozen=True)
class Trained:
    """A run that `kws omni train` has filled, and what it said."""

    directory: Path
    output: str


@pytest.fixture(scope="module")
def trained(tone_folder, tmp_path_factory) -> Trained:
    base = tmp_path_factory.mktemp("omni")
    recipe = base / "omni.yaml"
    recipe.write_text(RECIPE + f"omni: {{grid: {list(GRID)}, recalibration_clips: 200}}\n")
    changes = ("--set", "export.targets=[engine]", "--set", "train.epochs=3")
    result = omni("train", recipe, "--data", f"folder:{tone_folder}", "--out", base / "run", *changes)
    assert result.exit_code == 0, result.output
    return Trained(base / "run", result.output)


def test_train_shows_every_sparsity_and_is_not_done_twice(trained: Trained) -> None:
    for sparsity in GRID:
        assert f"{100 * sparsity:g} %" in trained.output
    manifest = json.loads((trained.directory / "manifest.json").read_text())["stages"]
    assert manifest["supernet"]["figures"]["space"]["layers"] == ["conv", "block1_pointwise", "classifier"]
    assert (trained.directory / "supernet.keras").stat().st_size > 0


@pytest.mark.slow
def test_a_budget_in_macs_needs_no_board(trained: Trained) -> None:
    arguments = ("search", "--out", trained.directory, "--budget", "macs=60k", *QUICK, "--json")
    result = omni(*arguments)
    assert result.exit_code == 0, result.output
    row = json.loads(result.stdout)
    assert row["estimate"]["macs"] <= 60_000
    own = trained.directory / row["directory"]
    stages = json.loads((own / "manifest.json").read_text())["stages"]
    zeros = {z["layer"]: z for z in stages["convert"]["figures"]["files"]["model_int8.tflite"]["zeros"]}
    for name, sparsity in row["sparsities"].items():  # every zero of the supernet's mask is one of the file
        if not sparsity:
            continue
        layer = zeros[name]
        assert layer["zeros"] >= layer["keras_zeros"] > 0
    assert row["differing_bytes_tflm_builtin"] == 0
    assert row["test"]["n"] > 0 and (own / "firmware").is_dir()

    log = trained.directory / "search/evaluations.json"
    before = log.read_bytes()
    again = omni(*arguments)
    assert json.loads(again.stdout) == row
    assert log.read_bytes() == before  # nothing was evaluated twice


def test_a_budget_that_cannot_be_met_says_what_can(trained: Trained) -> None:
    result = omni("search", "--out", trained.directory, "--budget", "macs=10", *QUICK)
    assert result.exit_code == 2
    assert "The smallest achievable: macs" in " ".join(result.output.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--budget", "flsh=20kB"), "Did you mean 'flash'?"),
        (("--budget", "flash=20kB"), "depends on the board"),
        (("--budget", "flash=20kB", "--board", "mps2-an3866"), "Did you mean 'mps2-an386'?"),
        (("--budget", "macs=1M", "--population", "1"), "greater than or equal to 2"),
        (("--budget", "macs=1M", "--fitness", "speed"), "'accuracy' or 'loss'"),
    ],
)
def test_wrong_options_are_reported(trained: Trained, arguments: tuple[str, ...], message: str) -> None:
    result = omni("search", "--out", trained.directory, *arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())


def test_a_run_without_a_supernet_is_reported(tmp_path) -> None:
    for name, more in (("search", ("--budget", "macs=1M")), ("set", ())):
        result = omni(name, "--out", tmp_path, *more)
        assert result.exit_code == 2
        assert "kws omni train" in " ".join(result.output.split())


def test_the_former_name_of_a_command_says_the_new_one() -> None:
    result = omni("menu", "--out", "somewhere", "--models", 3)
    assert result.exit_code == 2
    assert "`kws omni set`" in " ".join(result.output.split())


@pytest.mark.device
def test_a_set_is_checked_emulated_and_drawn(trained: Trained) -> None:
    result = omni("set", "--out", trained.directory, "--models", 2, *QUICK)
    assert result.exit_code == 0, result.output
    found = json.loads((trained.directory / "set/set.json").read_text())
    rows = found["models"]
    assert 1 <= len(rows) <= 2
    assert [row["board"]["flash"] for row in rows] == sorted(row["board"]["flash"] for row in rows)
    for row in rows:
        assert row["board"]["bit_exact"]
        assert row["board"]["flash"] <= row["estimate"]["flash"] * 1.01
        assert row["board"]["instructions"] <= row["estimate"]["instructions"] * 1.03
        copied = (trained.directory / row["file"]).read_bytes()
        assert copied == (trained.directory / row["directory"] / "model_int8.tflite").read_bytes()
    assert (trained.directory / "set/set.png").read_bytes()[:4] == b"\x89PNG"
