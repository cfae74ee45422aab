"""Licence and version at the head of every file of the other targets; `--name` and a README for the whole firmware."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from firmware_export.codegen.stamp import head_text
from firmware_export.emulation.example import export_example
from firmware_export.engine import export_engine
from firmware_export.tflm.tflm_export import export_tflm
from kws_tfmot.errors import RecipeError
from pipelines.experiments.device_bench import sweep
from tests.firmware_export.test_engine_example import CONTRACT, listener


def check_heads(folder: Path) -> None:
    files = [path for path in folder.iterdir() if path.suffix != ".tflite"]
    assert len(files) > 3
    for path in files:
        assert path.read_text(encoding="utf-8").count(head_text()) == 1, path.name


def test_engine_firmware_and_tflm(tmp_path: Path) -> None:
    export_engine(listener(), tmp_path / "engine", labels=CONTRACT.labels)
    export_example(listener(), tmp_path / "firmware", CONTRACT, "microbit")
    export_tflm(listener(), tmp_path / "tflm", labels=list(CONTRACT.labels))
    for folder in tmp_path.iterdir():
        check_heads(folder)


@pytest.mark.device
def test_a_named_firmware_is_built_by_its_readme_and_hears(tmp_path: Path) -> None:
    names = export_example(listener(), tmp_path, CONTRACT, "mps2-an385", name="hey_nova")
    check_heads(tmp_path)
    own = {
        "main.c",
        "microphone.h",
        "microphone_file.c",
        "start.c",
        "semihosting.c",
        "board.h",
        "board.ld",
        "README.md",
    }
    assert {name for name in names if not name.startswith("hey_nova")} == own
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    build = re.search(r"^arm-none-eabi-gcc .+$", text, re.MULTILINE)[0]
    subprocess.run(["bash", "-ec", build], cwd=tmp_path, check=True)
    sweep(3).tofile(tmp_path / "pcm.bin")
    play = re.search(r"^qemu-system-arm .+$", text, re.MULTILINE)[0]
    assert shutil.which("qemu-system-arm")
    done = subprocess.run(["bash", "-ec", f"{play} 2>&1"], cwd=tmp_path, capture_output=True, timeout=600, check=False)
    assert re.search(rb"^\d+ low \d+$", done.stdout, re.MULTILINE)


def test_a_name_that_clashes_is_refused(tmp_path: Path) -> None:
    for name in ("kws_mine", "while", "2nd"):
        with pytest.raises(RecipeError):
            export_example(listener(), tmp_path / "out", CONTRACT, "microbit", name=name)
    assert not (tmp_path / "out").exists()
