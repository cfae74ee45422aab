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


@pytest.fixture(scope="session")
def public_models() -> Path:
    """The folder of models that others made; tests that use it skip where it is missing."""
    path = Path(os.environ.get("KWS_PUBLIC_MODELS", ROOT.parent / "shared" / "models"))
    if not path.is_dir():
        pytest.skip(f"no models of others at {path}; set KWS_PUBLIC_MODELS to a folder of .tflite files")
    return path


@pytest.fixture(scope="session")
def wake_words() -> Path:
    """The folder of people saying wake words, a folder a word; tests that use it skip where it is missing."""
    path = Path(os.environ.get("KWS_WAKE_WORDS", ROOT.parent / "shared" / "data" / "wake_words"))
    if not path.is_dir():
        pytest.skip(f"no recordings of wake words at {path}; set KWS_WAKE_WORDS to a folder with a folder a word")
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
