"""Whatever is wrong with an archive of arrays, reading it is refused with a way out."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from kws_tfmot.damage import ANEW, DAMAGE, reading
from kws_tfmot.errors import ModelError
from kws_tfmot.quantization.integer_kernels import GridKernel, load_kernels, save_kernels


def damaged(data: bytes):
    """``data`` with bits of an archive's structure changed, cut short, and something else."""
    structure = [*range(60), *range(data.index(b"PK\x01\x02"), len(data))]
    for place in structure:
        for bit in (0, 6):
            yield data[:place] + bytes([data[place] ^ (1 << bit)]) + data[place + 1 :]
    yield from (data[:size] for size in range(0, len(data), 40))
    yield from (b"PK", b"\x93NUMPY", b"\x80\x04K\x01.", bytes(100))


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed], ids=["stored", "deflated"])
def test_an_archive_with_any_fault_is_read_or_refused(write) -> None:
    stream = io.BytesIO()
    write(stream, a=np.arange(3), b=np.zeros((2, 2), np.int8))
    refused = 0
    for data in damaged(stream.getvalue()):
        try:
            with reading(Path("x.npz"), "a file of the run", ANEW), np.load(io.BytesIO(data)) as stored:
                assert all(stored[name].size >= 0 for name in stored.files)
        except ModelError as error:
            assert "x.npz" in error.message and "--force" in error.hint
            refused += 1
    assert refused > 100


def test_what_else_goes_wrong_is_no_damage() -> None:
    assert not issubclass(ModelError, DAMAGE) and not issubclass(KeyboardInterrupt, DAMAGE)


def test_kernels_of_few_bits_that_are_damaged_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "kernels.npz"
    save_kernels({"a": GridKernel(2, True, np.zeros((1, 2), np.int16), np.ones((1, 2), np.float32))}, path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ModelError, match="cannot be read"):
        load_kernels(path)
