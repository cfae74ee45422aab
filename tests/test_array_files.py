"""Archives of arrays: numpy reads them, and one that does not fit leaves nothing, not even a finaliser's complaint."""

from __future__ import annotations

import gc
import resource
from pathlib import Path

import numpy as np
import pytest

from kws_tfmot.array_files import write_arrays


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
