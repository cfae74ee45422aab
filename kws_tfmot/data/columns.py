"""Clips as Arrow columns: millions of paths, words and speakers as bytes in one piece, on disk mapped, not objects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kws_tfmot.files import replacing

Codes = npt.NDArray[np.int32]
Flags = npt.NDArray[np.bool_]
_AT_ONCE = 1 << 16


class Strings(Sequence[str]):
    """A column of strings, in Arrow; file names in an old encoding come back as they were.

    >>> Strings.of(["go/a.wav", "go/b.wav"])[1]
    'go/b.wav'
    """

    def __init__(self, array: pa.Array | pa.ChunkedArray, more: Sequence[str] = ()) -> None:
        self._array = array
        self._more = more

    @staticmethod
    def of(values: Iterable[str]) -> Strings:
        """The column of ``values``."""
        return Strings(pa.chunked_array(_chunks(values), pa.large_binary()))

    @property
    def array(self) -> pa.Array | pa.ChunkedArray:
        """The column as bytes."""
        return self._array

    def take(self, rows: npt.NDArray[np.integer[Any]], more: Sequence[str] = ()) -> Strings:
        """The strings at ``rows``, and ``more`` after them."""
        return Strings(self._array.take(pa.array(rows)), more)

    def __len__(self) -> int:
        return len(self._array) + len(self._more)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> list[str]: ...
    def __getitem__(self, place: int | slice) -> str | list[str]:
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(len(self)))]
        place = int(place) + (len(self) if place < 0 else 0)
        if place >= len(self._array):
            return self._more[place - len(self._array)]
        return _text(self._array[place].as_py())

    def __iter__(self) -> Iterator[str]:
        for first in range(0, len(self._array), _AT_ONCE):
            yield from map(_text, self._array.slice(first, _AT_ONCE).to_pylist())
        yield from self._more

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and _equal(self, other)

    __hash__ = None  # type: ignore[assignment]


class Coded(Sequence[str]):
    """A column of few different strings: ``names[codes[i]]``.

    >>> Coded(np.array([1, 0], np.int32), ("go", "stop"))[0]
    'stop'
    """

    def __init__(self, codes: npt.NDArray[np.integer[Any]], names: Sequence[str]) -> None:
        self.codes = codes
        self.names = names

    def take(self, rows: npt.NDArray[np.integer[Any]] | Flags, more: Sequence[str] = ()) -> Coded:
        """The strings at ``rows``, and ``more`` after them."""
        if not more:
            return Coded(self.codes[rows], self.names)
        new = tuple(dict.fromkeys(more))
        place = {name: len(self.names) + n for n, name in enumerate(new)}
        codes = np.concatenate([self.codes[rows], np.array([place[name] for name in more], np.int32)])
        return Coded(codes, (*self.names, *new))

    def __len__(self) -> int:
        return len(self.codes)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> list[str]: ...
    def __getitem__(self, place: int | slice) -> str | list[str]:
        if isinstance(place, slice):
            return [self.names[code] for code in self.codes[place]]
        return self.names[self.codes[place]]

    def __iter__(self) -> Iterator[str]:
        return (self.names[code] for code in self.codes)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and _equal(self, other)

    __hash__ = None  # type: ignore[assignment]


class Coder:
    """Gives every new string the next number."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}

    def __call__(self, name: str) -> int:
        """The number of ``name``."""
        return self._codes.setdefault(name, len(self._codes))

    @property
    def names(self) -> tuple[str, ...]:
        """The strings by their numbers."""
        return tuple(self._codes)


def write_columns(path: Path, columns: dict[str, pa.Array | pa.ChunkedArray | npt.NDArray[Any]]) -> None:
    """Write ``columns`` as one uncompressed batch of an Arrow file, to be mapped by :func:`map_columns`."""
    arrays = {name: _whole(column) for name, column in columns.items()}
    batch = pa.RecordBatch.from_arrays(list(arrays.values()), names=list(arrays))
    with (
        replacing(path) as temporary,
        pa.OSFile(str(temporary), "wb") as sink,
        pa.ipc.new_file(sink, batch.schema) as writer,
    ):
        writer.write_batch(batch)


def map_columns(path: Path) -> pa.RecordBatch:
    """The batch of an Arrow file, its memory that of the file.

    Raises:
        ValueError: If it is no such file (:class:`pyarrow.ArrowInvalid` is a ValueError).
    """
    reader = pa.ipc.open_file(pa.memory_map(str(path)))
    if reader.num_record_batches != 1:
        raise ValueError(f"expected one batch. Received: {reader.num_record_batches}")
    batch = reader.get_batch(0)
    batch.validate(full=True)  # places of texts, or a damaged file ends the process
    return batch


def numbers(column: pa.Array) -> npt.NDArray[Any]:
    """A column of numbers as an array, without a copy."""
    return column.to_numpy(zero_copy_only=True)


def encoded(text: str) -> bytes:
    """A name as it lies on disk."""
    return text.encode("utf-8", "surrogateescape")


def _equal(first: Sequence[str], second: Sequence[str]) -> bool:
    return len(first) == len(second) and all(mine == theirs for mine, theirs in zip(first, second, strict=True))


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _whole(column: Any) -> pa.Array:
    if isinstance(column, pa.ChunkedArray):
        return pa.concat_arrays(column.chunks) if column.num_chunks != 1 else column.chunk(0)
    return column if isinstance(column, pa.Array) else pa.array(column)


def _chunks(values: Iterable[str]) -> list[pa.Array]:
    chunks, part = [], []
    for value in values:
        part.append(encoded(value))
        if len(part) == _AT_ONCE:
            chunks.append(pa.array(part, pa.large_binary()))
            part = []
    return [*chunks, pa.array(part, pa.large_binary())]
