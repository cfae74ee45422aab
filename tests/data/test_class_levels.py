"""A class of dead, clipped or far too quiet recordings is named; one that is as loud as the rest is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_tfmot.data import DataSettings, prepare
from kws_tfmot.data.class_levels import class_level_notes

RATE = 16_000


@pytest.mark.parametrize(
    ("gain", "reported"),
    [(0.0, "100 % of 12 clips looked at are digital silence"), (200.0, "clips looked at are clipped"),
     (1 / 300, "dB quieter than the median class"), (0.3, "")],
)  # fmt: skip
def test_a_class_with_a_level_of_its_own_is_named(tmp_path: Path, gain: float, reported: str) -> None:
    rng = np.random.default_rng(0)
    for word in ("go", "stop", "left", "bird"):
        (tmp_path / "data" / word).mkdir(parents=True)
        for n in range(12):
            sound = rng.normal(0, 0.05, RATE) * (gain if word == "stop" else 1.0)
            name = tmp_path / "data" / word / f"{n:04x}_nohash_0.wav"
            soundfile.write(name, np.clip(sound, -1, 1), RATE)
    settings = DataSettings(keywords=("go", "stop", "left"), split="percent", percent=(50, 25, 25), seed=1)
    notes = class_level_notes(prepare(f"folder:{tmp_path / 'data'}", settings, tmp_path / "cache"))
    assert [note.startswith("stop: ") and reported in note for note in notes] == ([True] if reported else [])
