"""Finished indexes beside the audio that they are of: every later command maps one, and splits nothing again."""

from __future__ import annotations

import functools
import hashlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kws_tfmot.cache import touch
from kws_tfmot.damage import DAMAGE
from kws_tfmot.data.clip_index import DATA_SUM, ClipIndex, MadeClips
from kws_tfmot.data.clip_table import ClipTable
from kws_tfmot.data.columns import Strings, map_columns, write_columns
from kws_tfmot.data.data_settings import DataSettings
from kws_tfmot.data.labels import class_labels
from kws_tfmot.data.made_clips import make_silence
from kws_tfmot.data.noise import NoiseBank
from kws_tfmot.data.store import AudioStore, record_texts, store_key
from kws_tfmot.files import staged_folder, write_text

_RECORD, _CLIPS = "index.json", "index.arrow"
_MOST = 16  # indexes of one store: other keywords, seeds or shares
Built = tuple[ClipTable, list[str]]


def kept_index(
    spec: str,
    settings: DataSettings,
    listed: Mapping[str, str],
    store: AudioStore,
    notes: Sequence[str],
    build: Callable[[], Built],
) -> ClipIndex:
    """The index of ``store`` with ``settings``, from its folder or by ``build``, which gives the clips and notes.

    It is kept under a name made of all that decides it, this package's code among that.
    """
    key = store_key("index", settings.model_dump(mode="json"), sorted(listed.items()), list(notes), _code())
    folder = store.folder / f"index-{key}"
    noise = NoiseBank(store.noise, store.noise_spans, settings.clip_samples, settings.sample_rate)
    found = _read(folder, settings, len(store.audio))
    if found is None:
        clips, remarks = build()
        try:
            with staged_folder(folder) as staged:
                _write(staged, clips, remarks, noise, settings)
            _forget_old(store.folder)
            found = _read(folder, settings, len(store.audio))
        except OSError:  # a cache that cannot be written is no obstacle
            found = None
        if found is None:
            made, more = make_silence(clips, noise, settings, None)
            found = clips, made, [*remarks, *more], {}
    else:
        touch(folder / _RECORD)
    clips, made, remarks, sums = found
    labels, every = class_labels(settings.keywords), (*notes, *store.notes, *remarks)
    return ClipIndex(spec, settings, labels, clips, every, store.corrupt, noise, made, store.audio, sums)


def _write(folder: Path, clips: ClipTable, remarks: list[str], noise: NoiseBank, settings: DataSettings) -> None:
    made, more = make_silence(clips, noise, settings, folder)
    clips.write(folder / _CLIPS)
    for name, values in (("words", clips.source.words.names), ("speakers", clips.source.speakers.names)):
        write_columns(folder / f"{name}.arrow", {"name": Strings.of(values).array})
    labels = class_labels(settings.keywords)
    index = ClipIndex("", settings, labels, clips, (), (), noise, made, _NO_AUDIO)
    sums = {split: index.split_sha256(split) for split in (*index.splits, "all")} | {DATA_SUM: index.sha256()}
    names = {split: piece.names for split, piece in made.items()}
    write_text(folder / _RECORD, json.dumps({"notes": [*remarks, *more], "made": names, "sums": sums}))


_NO_AUDIO: Any = None  # what is summed up needs none


def _read(
    folder: Path, settings: DataSettings, audio: int
) -> tuple[ClipTable, dict[str, MadeClips], list[str], dict[str, str]] | None:
    """What :func:`_write` wrote for a store of ``audio`` clips; ``None`` where it is not there, or damaged."""
    try:
        record = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
        words, speakers = (Strings(map_columns(folder / f"{name}.arrow").column("name")) for name in _NAMES)
        clips = ClipTable.read(folder / _CLIPS, list(words), speakers, class_labels(settings.keywords))
        if len(clips) and clips.rows.max() >= audio:
            raise ValueError("its clips are not those of the store")
        made = {split: MadeClips(_audio(folder, split, record_texts(names), settings), tuple(names))
                for split, names in record["made"].items()}  # fmt: skip
        if any(not isinstance(text, str) for text in record["sums"].values()):
            raise ValueError("its record is not what was written")
        return clips, made, [*record_texts(record["notes"])], dict(record["sums"])
    except DAMAGE:
        return None


_NAMES = ("words", "speakers")


def _audio(folder: Path, split: str, names: Sequence[str], settings: DataSettings) -> Any:
    if not names:
        return np.zeros((0, settings.clip_samples), np.int16)
    made = np.load(folder / f"{split}.npy", mmap_mode="r")
    if made.dtype != np.int16 or made.shape != (len(names), settings.clip_samples):
        raise ValueError(f"{split}.npy does not hold {len(names)} clips of {settings.clip_samples} samples")
    return made


def _forget_old(folder: Path) -> None:
    kept = sorted(folder.glob("index-*"), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in kept[_MOST:]:
        shutil.rmtree(old, ignore_errors=True)


@functools.cache
def _code() -> str:
    """Identifies the code that makes an index."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
