"""A cache whose files are whole but hold something else: made again or refused with the way out, never believed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from kws_tfmot.data import ClipIndex, DataSettings, prepare
from kws_tfmot.data.columns import map_columns, write_columns
from kws_tfmot.errors import DataError


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """One cache, made when it is first asked for, that every test copies."""
    return []


@pytest.fixture
def cache(kept: list[Path], small_folder: Path, small_settings: DataSettings, tmp_path: Path, tmp_path_factory) -> Path:
    if not kept:
        kept.append(tmp_path_factory.mktemp("cache"))
        prepare(f"folder:{small_folder}", small_settings, kept[0])
    return Path(shutil.copytree(kept[0], tmp_path / "cache"))


def opened(cache: Path, folder: Path, settings: DataSettings) -> ClipIndex:
    index = prepare(f"folder:{folder}", settings, cache)
    index.audio("train").gather(np.arange(3))
    index.audio("test").gather(np.arange(len(index.audio("test"))))
    assert index.sha256() and list(index.clips)
    return index


def _record(**changes: Any) -> Callable[[Path], None]:
    return lambda path: path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def _array(values: np.ndarray) -> Callable[[Path], None]:
    return lambda path: np.save(path, values)


@pytest.mark.parametrize(
    ("name", "edit"),
    [
        ("noise.npy", _array(np.zeros((2, 16000), np.float32))),
        ("noise.npy", _array(np.zeros(3, np.int16))),
        ("audio-00000.npy", _array(np.zeros((120, 16000), np.float32))),
        ("audio-00000.npy", _array(np.zeros((3, 16000), np.int16))),
        ("store.json", _record(shard_rows=-1)),
        ("store.json", _record(shard_rows=True)),
        ("store.json", _record(noise_spans=[["a", 0, 10**12]])),
        ("store.json", _record(noise_spans=[[None, None, None]])),
        ("store.json", _record(notes=[["a", 1]])),
        ("store.json", _record(corrupt=["ab"])),
    ],
)
def test_an_edited_store_is_refused(
    cache: Path, small_folder: Path, small_settings: DataSettings, name: str, edit: Callable[[Path], None]
) -> None:
    (path,) = cache.rglob(name)
    edit(path)
    with pytest.raises(DataError, match="is damaged") as refused:
        opened(cache, small_folder, small_settings)
    assert refused.value.hint.startswith("Delete")


def _column(name: str, value: int) -> Callable[[Path], None]:
    def edit(path: Path) -> None:
        batch = map_columns(path)
        columns = {key: pa.array(batch.column(key)) for key in batch.schema.names}
        values = batch.column(name).to_numpy().copy()
        values[1] = value
        write_columns(path, columns | {name: values})

    return edit


def _places_of_texts(path: Path) -> None:
    """Where the paths begin, far beyond the file: read unchecked, they end the process."""
    batch, data = map_columns(path), bytearray(path.read_bytes())
    offsets = batch.column("path").buffers()[1].to_pybytes()[8:80]
    at = data.find(offsets)
    data[at : at + 8] = (1 << 40).to_bytes(8, "little")
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("name", "edit"),
    [
        ("test.npy", _array(np.zeros((1, 16000), np.int16))),
        ("test.npy", _array(np.zeros((1, 7), np.float64))),
        ("index.json", _record(notes=[1])),
        ("index.json", _record(sums={"train": 3})),
        ("index.json", _record(made={"test": "ab"})),
        ("index.arrow", _column("word", 999)),
        ("index.arrow", _column("label", -5)),
        ("index.arrow", _column("row", 10**9)),
        ("index.arrow", _places_of_texts),
    ],
)
def test_an_edited_index_is_made_again(
    cache: Path, small_folder: Path, small_settings: DataSettings, name: str, edit: Callable[[Path], None]
) -> None:
    before = opened(cache, small_folder, small_settings)
    expected, notes = before.sha256(), before.notes
    (path,) = cache.rglob(name)
    edit(path)
    after = opened(cache, small_folder, small_settings)
    assert (after.sha256(), after.notes) == (expected, notes)
