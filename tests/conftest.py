"""Fixtures that every room uses."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of real recordings, in the layout of Speech Commands; tests that use it skip where it is missing."""
    default = ROOT.parent / "shared" / "data" / "speech_commands_subset"
    path = Path(os.environ.get("KWS_RECORDINGS", default))
    if not path.is_dir():
        pytest.skip(f"no recordings at {path}; set KWS_RECORDINGS to a folder in the layout of Speech Commands")
    return path


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs the device's toolchain where it is not installed, saying what to install."""
    missing = [tool for tool in ("arm-none-eabi-gcc", "qemu-system-arm") if shutil.which(tool) is None]
    if not missing:
        return
    packages = "gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm"
    skip = pytest.mark.skip(reason=f"{', '.join(missing)} missing: apt-get install {packages}")
    for item in items:
        if "device" in item.keywords:
            item.add_marker(skip)
