"""Bad input: exit code 2, a message that names the way out, no traceback, nothing half-written."""

from __future__ import annotations

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from pipelines import bench
from tests.pipelines.conftest import RECIPE, run


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "tiny.yaml"
    path.write_text(RECIPE)
    return path


@pytest.mark.parametrize(
    ("arguments", "reported"),
    [
        (["nothing.yaml"], "there is no recipe at nothing.yaml"),
        (["RECIPE", "--set", "train.epoch=3"], "Did you mean 'epochs'?"),
        (["RECIPE", "--set", "sparsity.target=1.5"], "sparsity.target"),
        (["RECIPE", "--data", "folder:/no/such/folder"], "/no/such/folder"),
        (["RECIPE", "--data", "foldr:here"], "Did you mean 'folder'?"),
        (["RECIPE", "--keywords", " , "], "expected words separated by commas"),
        (["RECIPE", "--keywords", "up\ndown"], "expected words of printable letters, got 'up\\ndown'"),
        (["RECIPE", "--speaker-pattern", "(["], "expected a regular expression"),
        (["RECIPE", "--set", "quantization.mode=none"], "needs int8"),
    ],
)
def test_a_build_that_cannot_be_is_refused(recipe, tmp_path, arguments, reported) -> None:
    arguments = [recipe if argument == "RECIPE" else argument for argument in arguments]
    result = run("build", *arguments, "--out", tmp_path / "run")
    assert result.exit_code == 2, result.output
    assert reported in " ".join(result.output.split())
    assert "Traceback" not in result.output
    assert not (tmp_path / "run" / "float.keras").exists()


def test_a_layer_that_is_not_there_is_reported_before_training(recipe, tone_folder, tmp_path) -> None:
    out = tmp_path / "run"
    result = run("build", recipe, "--data", f"folder:{tone_folder}", "--out", out, "--set", "sparsity.skip=[clasifier]")
    assert result.exit_code == 2
    assert "Did you mean 'classifier'?" in " ".join(result.output.split())
    assert not (out / "float.keras").exists()
    assert not (out / "state").exists()


def test_a_missing_keyword_is_reported_before_training(recipe, tone_folder, tmp_path) -> None:
    out = tmp_path / "run"
    result = run("build", recipe, "--data", f"folder:{tone_folder}", "--keywords", "up,dawn", "--out", out)
    assert result.exit_code == 2
    assert "dawn" in result.output
    assert "down" in result.output
    assert not (out / "float.keras").exists()


@pytest.mark.parametrize("name", ["x" * 300, "a/" * 2500 + "b"])
def test_a_name_that_no_file_can_have_is_no_model(name: str) -> None:
    result = run("inspect", name)
    assert result.exit_code == 2 and "File name too long" in result.output


@pytest.mark.parametrize("command", ["inspect", "evaluate", "benchmark", "export"])
@pytest.mark.parametrize("content", [None, b"", b"no flatbuffer at all", b"\x1c\x00\x00\x00TFL3" + b"\xff" * 64])
def test_broken_models_are_refused_by_every_command(tmp_path, command: str, content: bytes | None) -> None:
    model = tmp_path / "model.tflite"
    if content is not None:
        model.write_bytes(content)
    extra = {"evaluate": ["--data", "synthetic"], "export": ["--out", tmp_path / "c"]}.get(command, [])
    result = run(command, model, *extra)
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    assert not (tmp_path / "c").exists()


def test_a_model_without_settings_needs_a_recipe(tmp_path) -> None:
    from kws_tfmot.keras import keras
    from kws_tfmot.tflite.convert import convert

    inputs = keras.Input((49, 10, 1))
    network = keras.Model(inputs, keras.layers.Dense(4)(keras.layers.Flatten()(inputs)))
    path = tmp_path / "foreign.tflite"
    path.write_bytes(convert(network, "float32"))
    result = run("evaluate", path, "--data", "synthetic")
    assert result.exit_code == 2
    assert "--recipe" in result.output


def test_a_model_and_a_recipe_that_do_not_fit_are_refused(tmp_path, recipe) -> None:
    from kws_tfmot.keras import keras
    from kws_tfmot.tflite.convert import convert

    inputs = keras.Input((20, 10, 1))
    network = keras.Model(inputs, keras.layers.Dense(4)(keras.layers.Flatten()(inputs)))
    path = tmp_path / "other.tflite"
    path.write_bytes(convert(network, "float32"))
    result = run("evaluate", path, "--data", "synthetic", "--recipe", recipe)
    assert result.exit_code == 2
    assert "the model takes [1, 20, 10, 1], the front end gives [49, 10]" in " ".join(result.output.split())


def test_the_installed_command_exits_with_2(tmp_path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.kws", "inspect", str(tmp_path / "none.tflite")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "none.tflite" in done.stderr


EARLY = """
import sys
class Interrupts:
    def find_spec(self, name, path, target=None):
        if name == sys.argv[1]:
            exec("raise KeyboardInterrupt")
sys.meta_path.insert(0, Interrupts())
from pipelines.entry import main
sys.argv = ["kws", "inspect", "x"]
main()
"""


@pytest.mark.parametrize("module", ["typer", "pipelines.inspect"])
def test_ctrl_c_while_modules_load_is_one_line_and_code_130(module: str) -> None:
    """Also where it comes within ``exec``, after which Python ends by the signal whoever caught it."""
    script = EARLY.replace("sys.argv[1]:", f"{module!r}:")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr, done.stdout) == (130, "interrupted\n", "")


def test_a_log_without_end_is_refused_before_it_fills_the_memory() -> None:
    result = CliRunner().invoke(bench.group, ["read", "/dev/zero", "commands"])
    assert result.exit_code == 2 and "more than 10,000,000 bytes" in result.output


def test_help_lists_every_command() -> None:
    from pipelines.kws import COMMANDS

    done = subprocess.run([sys.executable, "-m", "pipelines.kws", "--help"], capture_output=True, text=True, check=True)
    for name in COMMANDS:
        assert name in done.stdout
