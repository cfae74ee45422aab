"""A class of dead, clipped or far too quiet recordings is named; one that is as loud as the rest is not."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_tfmot.data import DataSettings, prepare
from kws_tfmot.data.class_levels import class_level_notes, refuse_dead_keywords
from kws_tfmot.errors import DataError

RATE = 16_000


def index_of(
    folder: Path, gain_of: Callable[[str, int], float], shape: Callable[[np.ndarray], np.ndarray] = np.asarray
):
    """Three keywords and an other word, 12 clips each, ``gain_of(word, number)`` times as loud as speech."""
    rng = np.random.default_rng(0)
    for word in ("go", "stop", "left", "bird"):
        (folder / "data" / word).mkdir(parents=True)
        for n in range(12):
            sound = rng.normal(0, 0.05, RATE) * gain_of(word, n)
            soundfile.write(folder / "data" / word / f"{n:04x}_nohash_0.wav", shape(np.clip(sound, -1, 1)), RATE)
    settings = DataSettings(keywords=("go", "stop", "left"), split="percent", percent=(50, 25, 25), seed=1)
    return prepare(f"folder:{folder / 'data'}", settings, folder / "cache")


@pytest.mark.parametrize(
    ("gain", "reported"),
    [(0.0, "100 % of 12 clips looked at are digital silence"), (200.0, "clips looked at are clipped"),
     (1 / 300, "dB quieter than the median class"), (0.3, "")],
)  # fmt: skip
def test_a_class_with_a_level_of_its_own_is_named(tmp_path: Path, gain: float, reported: str) -> None:
    index = index_of(tmp_path, lambda word, _: gain if word == "stop" else 1.0)
    notes = class_level_notes(index)
    assert [note.startswith("stop: ") and reported in note for note in notes] == ([True] if reported else [])
    with pytest.raises(DataError, match=r"'stop'.* is digital silence") if gain == 0 else nullcontext():
        refuse_dead_keywords(index)


def test_some_dead_recordings_of_a_class_are_counted(tmp_path: Path) -> None:
    index = index_of(tmp_path, lambda word, number: 0.0 if word == "go" and number < 3 else 1.0)
    assert class_level_notes(index) == ["go: 25 % of 12 clips looked at are digital silence"]
    refuse_dead_keywords(index)


def test_a_set_that_is_far_too_quiet_as_a_whole_is_named(tmp_path: Path) -> None:
    (note,) = class_level_notes(index_of(tmp_path, lambda *_: 1 / 300))
    assert note.startswith("the clips are very quiet: ") and note.endswith(" dBFS")


def test_clips_whose_channels_cancel_each_other_are_corrupt(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"48 of 48 clips are corrupt.*\n.*antiphase.*keep one"):
        index_of(tmp_path, lambda *_: 1.0, lambda sound: np.stack([sound, -sound], axis=1))
