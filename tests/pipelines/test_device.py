"""The device side of the command line, on the model of the tiny build."""

from __future__ import annotations

import json

import numpy as np
import pytest

from firmware_export.emulation.host import EngineInterpreter
from tests.pipelines.conftest import TinyBuild, run

pytestmark = pytest.mark.xdist_group("tiny_build")


def test_the_engine_gives_the_accuracy_of_tflm_s_kernels(tiny_build: TinyBuild) -> None:
    model = tiny_build.directory / "model_int8.tflite"
    result = run("evaluate", model, "--data", tiny_build.data, "--interpreter", "engine", "--json")
    assert result.exit_code == 0, result.output
    found, expected = json.loads(result.stdout), tiny_build.metrics["accuracy"]["model_int8.tflite"]
    assert found["confusion"] == expected["confusion"]
    assert "engine" in found["interpreter"]


def test_a_build_exports_the_engine_too(tiny_build: TinyBuild, tmp_path) -> None:
    result = run("export", tiny_build.directory / "model_int8.tflite", "--target", "engine", "--out", tmp_path / "c")
    assert result.exit_code == 0, result.output
    for path in (tiny_build.directory / "firmware" / "engine").iterdir():
        exported = (tmp_path / "c" / path.name).read_bytes()
        # The build's README goes on with what the model can be trusted with, which a file alone does not tell.
        assert path.read_bytes().startswith(exported) if path.name == "README.md" else path.read_bytes() == exported
    assert tiny_build.metrics["export"]["engine"]["arena_bytes"] > 0


def test_the_whole_firmware_is_exported(tiny_build: TinyBuild, tmp_path) -> None:
    result = run("export", tiny_build.directory / "model_int8.tflite", "--target", "firmware", "--out", tmp_path / "c")
    assert result.exit_code == 0, result.output
    names = {path.name for path in (tmp_path / "c").iterdir()}
    assert {"model.c", "model.h", "main.c", "board.ld", "kws_frontend.h"} <= names


@pytest.mark.parametrize("target", ["tfml", "engin"])
def test_an_unknown_target_is_refused(tiny_build: TinyBuild, tmp_path, target: str) -> None:
    result = run("export", tiny_build.directory / "model_int8.tflite", "--target", target, "--out", tmp_path / "c")
    assert result.exit_code == 2
    assert "Did you mean" in result.output


@pytest.mark.device
def test_emulate_counts_and_compares(tiny_build: TinyBuild) -> None:
    model = tiny_build.directory / "model_int8.tflite"
    result = run("emulate", model, "--board", "mps2-an386", "--random", 2, "--host", 50, "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    for key in ("board", "instructions", "flash_bytes", "ram_bytes", "stack_bytes", "bit_exact", "inputs", "layers"):
        assert key in report
    assert report["bit_exact"] is True
    assert report["inputs"] == 2
    assert 0 < sum(row["instructions"] for row in report["layers"]) <= report["instructions"]
    assert report["host"] == {"inputs": 50, "differing_bytes": 0}
    assert report["frontend"]["bit_exact"] and report["frontend"]["cycles"] > report["frontend"]["instructions"] > 0
    again = json.loads(run("emulate", model, "--random", 2, "--host", 50, "--json").stdout)
    assert again == report


@pytest.mark.device
def test_a_byte_that_differs_on_this_computer_alone_is_reported(tiny_build: TinyBuild, monkeypatch) -> None:
    sound = EngineInterpreter.run

    def rarely_wrong(self: EngineInterpreter, batch: np.ndarray) -> np.ndarray:
        outputs = sound(self, batch)
        outputs[-1, 0] += 1
        return outputs

    monkeypatch.setattr(EngineInterpreter, "run", rarely_wrong)
    result = run("emulate", tiny_build.directory / "model_int8.tflite", "--random", 1, "--host", 40)
    assert result.exit_code == 1
    assert "40 random inputs: bytes that differ: 1" in " ".join(result.output.split())


@pytest.mark.device
def test_emulate_runs_clips(tiny_build: TinyBuild, tone_folder, tmp_path) -> None:
    model = tiny_build.directory / "model_int8.tflite"
    (tmp_path / "clips").mkdir()
    for path in sorted((tone_folder / "up").iterdir())[:3]:
        (tmp_path / "clips" / path.name).write_bytes(path.read_bytes())
    (tmp_path / "clips" / "broken.wav").write_bytes(b"RIFF")
    result = run("emulate", model, "--clips", tmp_path / "clips", "--host", 0, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["inputs"] == 3
    assert "broken.wav" in result.stderr


def test_emulate_refuses_what_it_cannot_run(tiny_build: TinyBuild, tmp_path) -> None:
    model = tiny_build.directory / "model_int8.tflite"
    for extra, reported in (
        (["--board", "mps2-an386x"], "Did you mean 'mps2-an386'?"),
        (["--clips", tmp_path / "none"], "there is no folder"),
        (["--optimise", "fast"], "fast"),
    ):
        result = run("emulate", model, *extra)
        assert result.exit_code == 2, result.output
        assert reported in " ".join(result.output.split())
