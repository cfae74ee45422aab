"""A folder of clips as a TFDS data set: sharded TFRecords, shuffling and caching come from TFDS.

Import this module only where TFDS is wanted: it imports TensorFlow.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from kws_tfmot.data.audio import Decoded, Int16, decode_clip
from kws_tfmot.data.clip_folder import FolderListing
from kws_tfmot.data.sound_pieces import whole_sound
from kws_tfmot.keras import tf  # noqa: F401  (sets the legacy switch before TFDS imports TensorFlow)

import tensorflow_datasets as tfds  # isort: skip

_CHUNK = 256
tfds.disable_progress_bar()
_FLAGS = ("resampled", "cut", "padded")


class FolderBuilder(
    tfds.core.GeneratorBasedBuilder,
    skip_registration=True,  # type: ignore[call-arg]  # it needs a folder: tfds.load by name could not work
):
    """Reads a :class:`~kws_tfmot.data.clip_folder.FolderListing`; make it with :func:`folder_builder`.

    The split ``clips`` holds ``audio`` (int16, clip length), ``word``, ``speaker``, ``path``, what was done to the
    clip, and ``problem`` for a file that cannot be read; the split ``noise`` holds whole background recordings.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "First version."}

    def __init__(self, *, listing: FolderListing, rate: int, length: int, **keywords: Any) -> None:
        self.listing = listing
        self.rate = rate
        self.length = length
        super().__init__(**keywords)

    def _info(self) -> tfds.core.DatasetInfo:
        # Not features.Audio: that stores one integer list entry a sample, about three times the bytes.
        audio = tfds.features.Tensor(shape=(None,), dtype=np.int16, encoding="bytes")
        text = {name: tfds.features.Text() for name in ("word", "speaker", "path", "problem")}
        flags = {name: tfds.features.Scalar(np.bool_) for name in _FLAGS}
        return self.dataset_info_from_configs(features=tfds.features.FeaturesDict({"audio": audio, **text, **flags}))

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        return {kind: self._generate_examples(kind) for kind in ("clips", "noise")}

    def _generate_examples(self, kind: str) -> Iterator[tuple[bytes, dict[str, Any]]]:
        return self._clips() if kind == "clips" else self._noises()

    def _clips(self) -> Iterator[tuple[bytes, dict[str, Any]]]:
        clips = self.listing.clips
        with ThreadPoolExecutor(max_workers=4) as pool:
            for first in range(0, len(clips), _CHUNK):
                chunk = clips[first : first + _CHUNK]
                paths = [self.listing.root / clip.path for clip in chunk]
                for clip, result in zip(
                    chunk, pool.map(lambda path: decode_clip(path, self.rate, self.length), paths), strict=True
                ):
                    done = {name: getattr(result, name) for name in _FLAGS}
                    yield _bytes(clip.path), {"audio": result.samples, "word": _bytes(clip.word),
                                              "speaker": clip.speaker, "path": _bytes(clip.path),
                                              "problem": result.problem, **done}  # fmt: skip

    def _noises(self) -> Iterator[tuple[bytes, dict[str, Any]]]:
        done = dict.fromkeys(_FLAGS, False)
        for path in self.listing.noises:
            try:
                (noise, _), problem = whole_sound(self.listing.root / path, self.rate), ""
            except (ValueError, OSError) as err:
                noise, problem = np.zeros(0, np.int16), str(err)
            yield _bytes(path), {"audio": noise, "word": "", "speaker": "", "path": _bytes(path), "problem": problem,
                                 **done}  # fmt: skip


def folder_builder(listing: FolderListing, rate: int, length: int, data_dir: Path) -> FolderBuilder:
    """A builder over ``listing`` that keeps its TFRecords in ``data_dir``; call ``download_and_prepare()`` on it."""
    return FolderBuilder(listing=listing, rate=rate, length=length, data_dir=str(data_dir))


def read_records(builder: FolderBuilder) -> Iterator[tuple[str, Decoded]]:
    """Path and clip of every record, in the order of the records."""
    for example in tfds.as_numpy(builder.as_dataset(split="clips", shuffle_files=False)):
        flags = [bool(example[name]) for name in _FLAGS]
        samples = np.asarray(example["audio"], np.int16)
        yield _text(example["path"]), Decoded(samples, flags[0], flags[1], flags[2], _text(example["problem"]))


def read_noises(builder: FolderBuilder) -> tuple[list[tuple[str, Int16]], list[str]]:
    """Name and samples of every background recording, and a note on each that cannot be read."""
    noises, notes = [], []
    if builder.info.splits["noise"].num_examples:
        for example in tfds.as_numpy(builder.as_dataset(split="noise", shuffle_files=False)):
            if problem := _text(example["problem"]):
                notes.append(f"background noise {_text(example['path'])!r} left out: {problem}")
            else:
                noises.append((_text(example["path"]), np.asarray(example["audio"], np.int16)))
    return sorted(noises, key=lambda item: item[0]), sorted(notes)


def _text(value: bytes | str) -> str:
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value


def _bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")
