"""Packages of one small model, and the tools they are built with."""

from __future__ import annotations

import subprocess
from pathlib import Path

from firmware_export.packages.package_export import export_package
from tests.firmware_export.test_engine_example import CONTRACT, listener

STAND_INS = Path(__file__).parent / "stand_ins"
NAME = "hey_nova"
STRICT = ("-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror")
ARM = ("arm-none-eabi-gcc", "-mcpu=cortex-m4", "-mthumb", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard")


def run(*command: object, cwd: Path | None = None) -> str:
    """Run a tool that must succeed; what it printed."""
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def package(folder: Path, target: str, name: str = NAME) -> Path:
    """The small model as a package."""
    export_package(listener(), folder, CONTRACT, target, name=name)
    return folder


def compiled(folder: Path, objects: Path, compiler: tuple[str, ...] = ("gcc",), *flags: str) -> list[Path]:
    """Every source of a package by itself, all warnings errors."""
    objects.mkdir(parents=True, exist_ok=True)
    sources = sorted((folder / "src").glob("*.c"))
    run(*compiler, "-std=c11", "-O0", *STRICT, *flags, "-c", *sources, cwd=objects)
    return sorted(objects.glob("*.o"))
