"""Small folders in the layout of Speech Commands, made of tones and noise; and the recordings, where they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kws_tfmot.data import ClipIndex, DataSettings, prepare


@pytest.fixture(scope="session")
def small_folder(make_folder: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="session")
def small_settings() -> DataSettings:
    return DataSettings(keywords=("go", "stop"), split="percent", percent=(70, 15, 15))


@pytest.fixture(scope="module")
def index(small_folder: Path, small_settings: DataSettings, tmp_path_factory: pytest.TempPathFactory) -> ClipIndex:
    return prepare(f"folder:{small_folder}", small_settings, tmp_path_factory.mktemp("cache"))
