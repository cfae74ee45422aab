"""Archives of arrays: numpy reads them, and one that does not fit leaves nothing, not even a finaliser's complaint."""

from __future__ import annotations

import copy
import gc
import resource
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kws_tfmot.array_files import open_arrays, write_arrays


def test_numpy_reads_what_was_written(tmp_path: Path) -> None:
    arrays = {"a": np.arange(6, dtype=np.int8).reshape(2, 3), "b c/d": np.array("text"), "path": np.float32(0.5)}
    with np.load(write_arrays(tmp_path / "folder" / "x.npz", **arrays)) as found:
        assert {name: (found[name].dtype, found[name].tolist()) for name in found} == {
            name: (np.asarray(array).dtype, np.asarray(array).tolist()) for name, array in arrays.items()
        }


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("room", [10, 3000, 70_000])
def test_what_does_not_fit_leaves_nothing(tmp_path: Path, room: int) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            write_arrays(tmp_path / "x.npz", a=np.zeros(50_000, np.int8), b=np.ones(50_000, np.int8))
        gc.collect()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(tmp_path.iterdir())


def _overlapping(path: Path) -> None:
    """Many members with the bytes of one."""
    write_arrays(path, a=np.zeros(100_000, np.int8))
    with zipfile.ZipFile(path, "a") as archive:
        first = archive.infolist()[0]
        for number in range(9):
            other = copy.copy(first)
            other.filename = f"b{number}.npy"
            archive.filelist.append(other)
            archive.NameToInfo[other.filename] = other
        archive._didModify = True  # type: ignore[attr-defined]


def _pickled(path: Path) -> None:
    class Run:
        def __reduce__(self):
            return (Path.touch, (path.with_name("ran"),))

    np.savez(path, a=np.array([Run()], object))


@pytest.mark.parametrize(
    ("write", "reason"),
    [
        (lambda path: np.savez_compressed(path, a=np.zeros(50_000_000, np.int8)), "compressed"),
        (_overlapping, "larger than the file"),
        (_pickled, "allow_pickle=False"),
        (lambda path: path.write_bytes(b"\x93NUMPY\x01\0"), "not a zip"),
    ],
)
def test_an_archive_of_anyone_takes_no_more_memory_than_it_has_bytes_and_runs_nothing(
    tmp_path: Path, write: Callable[[Path], object], reason: str
) -> None:
    write(tmp_path / "x.npz")
    tracemalloc.start()
    with pytest.raises((ValueError, zipfile.BadZipFile), match=reason), open_arrays(tmp_path / "x.npz") as found:
        assert found["a"].size >= 0
    assert tracemalloc.get_traced_memory()[1] < 2_000_000
    tracemalloc.stop()
    assert not (tmp_path / "ran").exists()
