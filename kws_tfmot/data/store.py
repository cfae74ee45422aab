"""Decoded clips in one memory-mapped file, kept under a cache folder and found again by what made them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kws_tfmot.cache import audio_bound, touch, trim
from kws_tfmot.data.audio import Decoded, Int16, decode_clip, read_samples, resample, to_int16
from kws_tfmot.errors import DataError
from kws_tfmot.files import replacing, write_text

Progress = Callable[[int, int], None]
_VERSION = 1
_CHUNK = 512


@dataclass(frozen=True, eq=False)
class AudioStore:
    """Clips and noises as the data set's rate and length have them.

    Attributes:
        audio: int16 ``[clips, samples]``, memory-mapped.
        noise: int16, all noises one after the other, memory-mapped.
        rows: Row of ``audio`` for every readable path.
        digests: Hash of the samples of every row; empty for all-zero clips.
        corrupt: Path and reason of every clip left out.
        noise_spans: Name, first and last-plus-one sample of every noise.
        notes: What was done to the clips: resampled, cropped, padded.
    """

    audio: Int16
    noise: Int16
    rows: dict[str, int]
    digests: tuple[str, ...]
    corrupt: tuple[tuple[str, str], ...]
    noise_spans: tuple[tuple[str, int, int], ...]
    notes: tuple[str, ...]


def store_key(*parts: Any) -> str:
    """16 hexadecimal digits that stand for ``parts`` (anything JSON can hold)."""
    text = json.dumps([_VERSION, *parts], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def folder_store(
    root: Path,
    clips: tuple[str, ...],
    noises: tuple[str, ...],
    stamps: tuple[tuple[str, int, int], ...],
    rate: int,
    length: int,
    cache_dir: Path,
    progress: Progress | None = None,
    decoded: Callable[[], Iterable[tuple[str, Decoded]]] | None = None,
) -> AudioStore:
    """The decoded clips of a folder, from the cache where nothing has changed (path, size, time, rate, length).

    ``decoded`` gives the clips in their order, where they are not decoded here.
    """
    key = store_key(str(root.resolve()), stamps, rate, length)

    def decoded_here() -> Iterator[tuple[str, Decoded]]:
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

    The three files are renamed into place, the index last: an interruption leaves nothing that looks complete. Filling
    it removes stores that were not used for longest where the folder exceeds :func:`~kws_tfmot.cache.audio_bound`.
    """
    files = {kind: cache_dir / f"{kind}-{key}.{end}" for kind, end in _FILES}
    if not files["index"].is_file():
        try:
            cache_dir.mkdir(parents=True, exist_ok=True)
            _fill(files, clips(), noises, total, length, progress)
            if most := audio_bound():
                trim(cache_dir, most)
        except OSError as err:
            hint = f"Give {str(cache_dir)!r} room and write permission, or choose another cache."
            raise DataError(f"the audio cache cannot be written: {err}", hint) from None
    touch(files["index"])
    try:
        index = json.loads(files["index"].read_text(encoding="utf-8"))
        audio = np.load(files["audio"], mmap_mode="r")
        noise = np.load(files["noise"], mmap_mode="r") if index["noise_spans"] else np.zeros(0, np.int16)
    except (OSError, ValueError, KeyError) as err:
        raise DataError(f"the audio cache {str(files['index'])!r} is damaged: {err}",
                        f"Delete {str(cache_dir)!r} and run again.") from None  # fmt: skip
    return AudioStore(
        audio,
        noise,
        {path: row for row, path in enumerate(index["paths"])},
        tuple(index["digests"]),
        tuple((path, reason) for path, reason in index["corrupt"]),
        tuple((name, first, last) for name, first, last in index["noise_spans"]),
        tuple(index["notes"]),
    )


_FILES = (("audio", "npy"), ("noise", "npy"), ("index", "json"))


def _fill(
    files: dict[str, Path],
    clips: Iterable[tuple[str, Decoded]],
    noises: Callable[[], tuple[list[tuple[str, Int16]], list[str]]],
    total: int,
    length: int,
    progress: Progress | None,
) -> None:
    paths: list[str] = []
    digests: list[str] = []
    corrupt: list[tuple[str, str]] = []
    done = {"resampled": 0, "cut": 0, "padded": 0}
    with replacing(files["audio"]) as temporary:
        with temporary.open("wb") as stream:
            stream.write(_npy_header(total, length))
            for count, (path, clip) in enumerate(clips, 1):
                if clip.problem:
                    corrupt.append((path, clip.problem))
                else:
                    stream.write(clip.samples.tobytes())
                    paths.append(path)
                    digests.append(sample_digest(clip.samples))
                    for kind in done:
                        done[kind] += getattr(clip, kind)
                if progress and (count % 64 == 0 or count == total):
                    progress(count, total)
        with temporary.open("r+b") as stream:  # now the number of readable clips is known
            stream.write(_npy_header(len(paths), length))
    recorded, notes = noises()  # after the clips: some sources make them of these
    with replacing(files["noise"]) as temporary:
        np.save(temporary, np.concatenate([samples for _, samples in recorded] or [np.zeros(0, np.int16)]))
    ends = np.cumsum([len(samples) for _, samples in recorded]).tolist()
    spans = [(name, end - len(samples), end) for (name, samples), end in zip(recorded, ends, strict=True)]
    index = {"paths": paths, "digests": digests, "corrupt": corrupt, "noise_spans": spans,
             "notes": [*_length_notes(done, total), *notes]}  # fmt: skip
    # Escaped, not UTF-8: file names in an old encoding are no valid text.
    write_text(files["index"], json.dumps(index))


def sample_digest(samples: Int16) -> str:
    """Hash of the samples (128 bits); empty for a clip of zeros, which any two quiet recordings may share."""
    return hashlib.blake2b(samples.tobytes(), digest_size=16).hexdigest() if samples.any() else ""


def _npy_header(rows: int, length: int) -> bytes:
    """The header of an int16 ``.npy`` array in 128 bytes, whatever the number of rows."""
    text = f"{{'descr': '<i2', 'fortran_order': False, 'shape': ({rows}, {length}), }}"
    return b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little") + text.ljust(117).encode("ascii") + b"\n"


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
            samples, own_rate = read_samples(root / path)
        except (ValueError, OSError) as err:
            notes.append(f"background noise {path!r} left out: {err}")
            continue
        if own_rate != rate:
            notes.append(f"background noise {path!r} resampled from {own_rate} Hz")
        recorded.append((path, to_int16(resample(samples, own_rate, rate))))
    return recorded, notes
