"""Decoded clips in shards on disk, kept under a cache folder and found again by what made them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from kws_tfmot.cache import audio_bound, touch, trim
from kws_tfmot.damage import DAMAGE
from kws_tfmot.data.audio import Decoded, Int16, decode_clip
from kws_tfmot.data.audio_shards import ClipShards, ShardWriter
from kws_tfmot.data.columns import Strings, encoded, map_columns, write_columns
from kws_tfmot.data.sound_pieces import whole_sound
from kws_tfmot.errors import CacheError, DataError
from kws_tfmot.files import staged_folder, write_text

Progress = Callable[[int, int], None]
_VERSION = 2
_CHUNK = 512
_RECORD, _CLIPS, _NOISE = "store.json", "clips.arrow", "noise.npy"


@dataclass(frozen=True, eq=False)
class AudioStore:
    """Clips and noises as the data set's rate and length have them.

    Attributes:
        folder: Where it lies; what is made of it alone may be kept there too.
        audio: The clips, int16 ``[clips, samples]``.
        noise: int16, all noises one after the other, memory-mapped.
        paths: Of every row of ``audio``.
        digests: Hash of the samples of every row, 16 bytes; null for all-zero clips.
        corrupt: Path and reason of every clip left out.
        noise_spans: Name, first and last-plus-one sample of every noise.
        notes: What was done to the clips: resampled, cropped, padded.
    """

    folder: Path
    audio: ClipShards
    noise: Int16
    paths: Strings
    digests: pa.Array
    corrupt: tuple[tuple[str, str], ...]
    noise_spans: tuple[tuple[str, int, int], ...]
    notes: tuple[str, ...]


def store_key(*parts: Any) -> str:
    """16 hexadecimal digits that represent ``parts`` (anything JSON can hold)."""
    text = json.dumps([_VERSION, *parts], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def folder_store(
    root: Path,
    clips: Sequence[str],
    noises: tuple[str, ...],
    listing_key: str,
    rate: int,
    length: int,
    cache_dir: Path,
    progress: Progress | None = None,
    decoded: Callable[[], Iterable[tuple[str, Decoded]]] | None = None,
) -> AudioStore:
    """The decoded clips of a folder, from the cache where nothing has changed (path, size, time, rate, length).

    ``decoded`` gives the clips in their order, where they are not decoded here.
    """
    key = store_key(str(root.resolve()), listing_key, rate, length)

    def decoded_here() -> Iterator[tuple[str, Decoded]]:
        """Path and int16 samples of each clip, decoded by threads in the order of the list."""
        # libsndfile and soxr run without the interpreter's lock, so threads are enough.
        with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
            for first in range(0, len(clips), _CHUNK):
                chunk = clips[first : first + _CHUNK]
                yield from zip(chunk, pool.map(lambda path: decode_clip(root / path, rate, length), chunk), strict=True)

    source = decoded or decoded_here
    return cached_store(key, source, lambda: read_noises(root, noises, rate), len(clips), length, cache_dir, progress)


def cached_store(
    key: str,
    clips: Callable[[], Iterable[tuple[str, Decoded]]],
    noises: Callable[[], tuple[list[tuple[str, Int16]], list[str]]],
    total: int,
    length: int,
    cache_dir: Path,
    progress: Progress | None = None,
) -> AudioStore:
    """Open the store ``key`` under ``cache_dir``, or fill it from ``clips`` and ``noises``.

    Its folder is filled beside its place and renamed: an interruption leaves nothing that looks complete. Filling it
    removes stores that were not used for longest where the cache exceeds :func:`~kws_tfmot.cache.audio_bound`.

    Raises:
        CacheError: The cache cannot be written.
    """
    folder = cache_dir / f"store-{key}"
    if not (folder / _RECORD).is_file():
        try:
            cache_dir.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(folder, ignore_errors=True)  # what an incomplete removal has left
            with staged_folder(folder) as staged:
                _fill(staged, clips(), noises, total, length, progress)
            if most := audio_bound():
                trim(cache_dir, most)
        except OSError as err:
            raise unwritable(cache_dir, err) from None
    touch(folder / _RECORD)
    return _open(folder, length)


def unwritable(cache: Path, reason: OSError | str) -> CacheError:
    """The refusal of a cache that has no space or may not be written."""
    said = reason if isinstance(reason, str) else reason.strerror or str(reason)
    return CacheError(f"the cache {str(cache)!r} cannot be written: {said}.",
                      "Give it space and write permission, or set KWS_CACHE to another folder.")  # fmt: skip


def _open(folder: Path, length: int) -> AudioStore:
    try:
        record = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
        columns = map_columns(folder / _CLIPS)
        noise = np.load(folder / _NOISE, mmap_mode="r") if record["noise_spans"] else np.zeros(0, np.int16)
        spans = record_rows(record["noise_spans"], str, int, int)
        if noise.dtype != np.int16 or noise.ndim != 1 or any(not 0 <= a < b <= len(noise) for _, a, b in spans):
            raise ValueError(f"noise of {noise.dtype} {list(noise.shape)} for {len(spans)} recordings")
        shards = ClipShards(folder, len(columns), length, record["shard_rows"])
        return AudioStore(
            folder,
            shards,
            noise,
            Strings(columns.column("path")),
            columns.column("digest"),
            record_rows(record["corrupt"], str, str),
            spans,
            record_texts(record["notes"]),
        )
    except DAMAGE as err:
        raise DataError(f"the audio cache {str(folder)!r} is damaged: {err}",
                        f"Delete {str(folder)!r} and run again.") from None  # fmt: skip


def record_rows(value: Any, *kinds: type) -> tuple[Any, ...]:
    """Rows of a record on disk, each of the ``kinds``.

    Raises:
        ValueError: They are not.
    """
    if not isinstance(value, list) or any(not isinstance(row, list) or [*map(type, row)] != [*kinds] for row in value):
        raise ValueError("its record is not what was written")
    return tuple(tuple(row) for row in value)


def record_texts(value: Any) -> tuple[str, ...]:
    """A list of texts of a record on disk.

    Raises:
        ValueError: It is none.
    """
    if not isinstance(value, list) or any(not isinstance(text, str) for text in value):
        raise ValueError("its record is not what was written")
    return tuple(value)


def _fill(
    folder: Path,
    clips: Iterable[tuple[str, Decoded]],
    noises: Callable[[], tuple[list[tuple[str, Int16]], list[str]]],
    total: int,
    length: int,
    progress: Progress | None,
) -> None:
    rows = _Rows()
    corrupt: list[tuple[str, str]] = []
    done = {"resampled": 0, "cut": 0, "padded": 0}
    writer = ShardWriter(folder, length)
    for count, (path, clip) in enumerate(clips, 1):
        if clip.problem:
            corrupt.append((path, clip.problem))
        else:
            writer.add(clip.samples)
            rows.add(path, sample_digest(clip.samples))
            for kind in done:
                done[kind] += getattr(clip, kind)
        if progress and (count % 64 == 0 or count == total):
            progress(count, total)
    writer.close()
    recorded, notes = noises()  # after the clips: some sources make them of these
    np.save(folder / _NOISE, np.concatenate([samples for _, samples in recorded] or [np.zeros(0, np.int16)]))
    ends = np.cumsum([len(samples) for _, samples in recorded]).tolist()
    spans = [(name, end - len(samples), end) for (name, samples), end in zip(recorded, ends, strict=True)]
    write_columns(folder / _CLIPS, rows.columns())
    record = {"shard_rows": writer.shard_rows, "corrupt": corrupt, "noise_spans": spans,
              "notes": [*_length_notes(done, total), *notes]}  # fmt: skip
    # Escaped, not UTF-8: file names in an old encoding are no valid text.
    write_text(folder / _RECORD, json.dumps(record))


class _Rows:
    """Path and digest of every row, in Arrow as they come."""

    def __init__(self) -> None:
        self._chunks: list[tuple[pa.Array, pa.Array]] = []
        self._paths: list[bytes] = []
        self._digests: list[bytes | None] = []

    def add(self, path: str, digest: bytes | None) -> None:
        """Append a clip's path and :func:`sample_digest`."""
        self._paths.append(encoded(path))
        self._digests.append(digest)
        if len(self._paths) == 1 << 16:
            self._flush()

    def _flush(self) -> None:
        self._chunks.append((pa.array(self._paths, pa.large_binary()), pa.array(self._digests, pa.binary(16))))
        self._paths, self._digests = [], []

    def columns(self) -> dict[str, pa.ChunkedArray]:
        """What was appended, as columns of Arrow."""
        self._flush()
        paths, digests = zip(*self._chunks, strict=True)
        return {"path": pa.chunked_array(paths), "digest": pa.chunked_array(digests)}


def sample_digest(samples: Int16) -> bytes | None:
    """Hash of the samples (128 bits); ``None`` for a clip of zeros, which any two quiet recordings may share."""
    return hashlib.blake2b(samples.tobytes(), digest_size=16).digest() if samples.any() else None


def _length_notes(done: dict[str, int], total: int) -> list[str]:
    words = {
        "resampled": "resampled to the data set's rate",
        "cut": "longer than the clip length, cropped around the energy",
        "padded": "shorter than the clip length, padded around the energy",
    }
    return [f"{count} of {total} clips {words[kind]}" for kind, count in done.items() if count]


def read_noises(root: Path, noises: tuple[str, ...], rate: int) -> tuple[list[tuple[str, Int16]], list[str]]:
    """Name and samples of every background noise at ``rate``, and notes on those left out or resampled."""
    recorded: list[tuple[str, Int16]] = []
    notes: list[str] = []
    for path in noises:
        try:
            samples, own_rate = whole_sound(root / path, rate)
        except (ValueError, OSError) as err:
            notes.append(f"background noise {path!r} left out: {err}")
            continue
        if own_rate != rate:
            notes.append(f"background noise {path!r} resampled from {own_rate} Hz")
        recorded.append((path, samples))
    return recorded, notes
