"""Clips of one length in files of up to a gigabyte, read clip by clip: memory does not grow with the set."""

from __future__ import annotations

import os
import weakref
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from kws_tfmot.data.audio import Int16
from kws_tfmot.errors import DataError

SHARD_BYTES = 1 << 30
MOST_OPEN = 256
"""Files of a store that are held open, 256 GB; a process may have some 1,000."""

_HEADER = 128
_NAME = "audio-{:05d}.npy"


class ClipShards:
    """The clips of a store, int16 ``[N, samples]``, on disk.

    Its files are opened at once and stay open: a training reads on where the cache is cleared, or trimmed for another
    data set, meanwhile.

    Args:
        folder: Where :class:`ShardWriter` has put them.
        count: Clips in all.
        length: Samples of each.
        shard_rows: Clips of every file but the last.

    Raises:
        OSError: A file is missing.
        ValueError: One holds something else.
    """

    def __init__(self, folder: Path, count: int, length: int, shard_rows: int) -> None:
        if type(shard_rows) is not int or shard_rows < 1:
            raise ValueError(f"expected clips in a file. Received: {shard_rows!r}")
        self.folder = folder
        self.shape = (count, length)
        self._shard_rows = shard_rows
        shards = min(-(-count // shard_rows), MOST_OPEN)
        with ExitStack() as stack:
            self._files = [_opened(folder / _NAME.format(shard), stack) for shard in range(shards)]
            for shard, file in enumerate(self._files):
                rows = min(shard_rows, count - shard * shard_rows)
                whole = os.fstat(file).st_size == _HEADER + 2 * rows * length
                if not whole or os.pread(file, _HEADER, 0) != npy_header(rows, length):
                    raise ValueError(f"{_NAME.format(shard)} does not hold {rows} clips of {length} samples")
            weakref.finalize(self, stack.pop_all().close)

    def __len__(self) -> int:
        return self.shape[0]

    def gather(self, rows: npt.NDArray[np.integer[Any]]) -> Int16:
        """The clips at ``rows``, int16 ``[len(rows), samples]``.

        Raises:
            DataError: A file is gone or too short.
        """
        rows = np.asarray(rows, np.int64)
        result = np.empty((len(rows), self.shape[1]), np.int16)
        if len(rows) and not 0 <= rows.min() <= rows.max() < len(self):
            raise IndexError(f"expected rows from 0 to {len(self) - 1}. Received: {rows.min()} to {rows.max()}")
        # Read, not mapped: a file cut short is an error then, not the end of the process.
        for shard in np.unique(rows // self._shard_rows):
            places = np.flatnonzero(rows // self._shard_rows == shard)
            self._read(int(shard), rows[places] - shard * self._shard_rows, places, result)
        return result

    def _read(self, shard: int, rows: npt.NDArray[np.int64], places: npt.NDArray[np.intp], result: Int16) -> None:
        path, size = self.folder / _NAME.format(shard), 2 * self.shape[1]
        try:
            with ExitStack() as stack:
                file = self._files[shard] if shard < MOST_OPEN else _opened(path, stack)
                for row, place in zip(rows.tolist(), places.tolist(), strict=True):
                    if os.preadv(file, [result[place].view(np.uint8)], _HEADER + row * size) != size:
                        raise OSError(0, "it ends too early")
        except OSError as err:
            raise DataError(f"the audio cache {str(path)!r} cannot be read: {err.strerror}.",
                            f"Delete {str(self.folder)!r} and run again.") from None  # fmt: skip


def _opened(path: Path, stack: ExitStack) -> int:
    """A descriptor of ``path`` that ``stack`` closes."""
    descriptor = os.open(path, os.O_RDONLY)
    stack.callback(os.close, descriptor)
    return descriptor


class ShardWriter:
    """Writes clips one after another into shards of ``folder``."""

    def __init__(self, folder: Path, length: int, shard_bytes: int = SHARD_BYTES) -> None:
        self.folder, self.length = folder, length
        self.shard_rows = max(1, shard_bytes // (2 * length))
        self.count = 0
        self._stream: BinaryIO | None = None

    def add(self, samples: Int16) -> None:
        """Append a clip."""
        if self.count % self.shard_rows == 0:
            self._begin()
        self._stream.write(samples.tobytes())  # type: ignore[union-attr]
        self.count += 1

    def close(self) -> None:
        """Finish the last shard; without a clip there is one, empty."""
        if self._stream is None:
            self._begin()
        rows = self.count - (max(self.count - 1, 0) // self.shard_rows) * self.shard_rows
        self._finish(rows)

    def _begin(self) -> None:
        if self._stream is not None:
            self._finish(self.shard_rows)
        self._stream = (self.folder / _NAME.format(self.count // self.shard_rows)).open("wb")
        self._stream.write(npy_header(0, self.length))

    def _finish(self, rows: int) -> None:
        if self._stream is not None:
            self._stream.seek(0)
            self._stream.write(npy_header(rows, self.length))
            self._stream.close()
            self._stream = None


def npy_header(rows: int, length: int) -> bytes:
    """The header of an int16 ``.npy`` array in 128 bytes, whatever the number of rows."""
    text = f"{{'descr': '<i2', 'fortran_order': False, 'shape': ({rows}, {length}), }}"
    return b"\x93NUMPY\x01\x00" + (_HEADER - 10).to_bytes(2, "little") + text.ljust(117).encode("ascii") + b"\n"
