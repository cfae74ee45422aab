"""Silence for the splits that are evaluated and bring none, kept in a file: it may be many clips."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws_tfmot.data.audio import Int16
from kws_tfmot.data.clip_index import MadeClips
from kws_tfmot.data.clip_table import ClipTable
from kws_tfmot.data.data_settings import DataSettings
from kws_tfmot.data.labels import SILENCE
from kws_tfmot.data.large_arrays import reserve
from kws_tfmot.data.noise import NoiseBank
from kws_tfmot.data.silence import silence_clips
from kws_tfmot.data.source_table import SPLIT_CODES


def make_silence(
    clips: ClipTable, noise: NoiseBank, settings: DataSettings, folder: Path | None
) -> tuple[dict[str, MadeClips], list[str]]:
    """Silence clips by split, and notes; for split ``all`` only from recorded noise.

    Args:
        clips: The data set's.
        noise: What silence is made of.
        settings: How much.
        folder: Where ``SPLIT.npy`` are written as they are made; ``None`` for memory.
    """
    notes: list[str] = []
    made: dict[str, MadeClips] = {}
    silent = clips.labels == clips.names.index(SILENCE)
    has_own = {SPLIT_CODES[code] for code in np.unique(clips.splits[silent])}
    if not noise.stretches("train") and not has_own:
        notes.append("no background noise recordings: silence and noise come from generated noise alone")
    codes, first_seen = np.unique(clips.splits, return_index=True)
    for split in (SPLIT_CODES[code] for code in codes[np.argsort(first_seen)]):
        if split == "train" or split in has_own:
            continue
        if split == "all" and not noise.stretches("all"):
            notes.append("no clip of _silence_: the folder has neither such clips nor background noise to make them of")
            continue
        inside = clips.of_split(split) & clips.used
        count = round(settings.silence_share * mean_keyword_clips(clips.labels[inside], len(settings.keywords)))
        rng = np.random.default_rng([settings.seed, *split.encode("ascii")])
        audio = _room(folder, split, count, noise.length)
        made[split] = MadeClips(audio, tuple(silence_clips(rng, noise, split, audio)))
    return made, notes


def _room(folder: Path | None, split: str, count: int, length: int) -> Int16:
    if folder is None or not count:
        return np.zeros((count, length), np.int16)
    path = folder / f"{split}.npy"
    room = np.lib.format.open_memmap(path, "w+", np.int16, (count, length))
    with path.open("r+b") as file:
        reserve(file.fileno(), path.stat().st_size)
    return room


def mean_keyword_clips(labels: npt.NDArray[np.int16], keywords: int) -> float:
    """Clips of a keyword, on average over those that have any; keywords are the first places in the classes."""
    counts = np.bincount(labels, minlength=keywords)[:keywords]
    present = counts[counts > 0]
    return float(present.sum() / len(present)) if len(present) else 0.0
