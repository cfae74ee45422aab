"""Synthesised speech beside a folder: it trains, tests nothing, and gives no held-out word away."""

from __future__ import annotations

import importlib.util
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from kws_tfmot.data import DataSettings, prepare
from kws_tfmot.data.labels import UNKNOWN

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("espeakng_loader") is None, reason="pip install espeakng-loader (extra tts)"
)
WORDS = ("left", "right", "bed", "bird", "cat", "dog", "tree")
SPEECH = {"speakers": 10, "clips_per_word": 20, "clips_per_unknown_word": 3, "unknown_words": ["tree", "lamp"]}
GIVEN = {"keywords": ["left", "right"], "split": "percent", "percent": [60, 20, 20], "synthetic": SPEECH}


@pytest.fixture(scope="module")
def caches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def test_synthesised_words_train_and_leave_the_tests_alone(make_folder, tmp_path: Path, caches: Path) -> None:
    root = make_folder(tmp_path / "clips", WORDS, 12)
    alone = prepare(f"folder:{root}", DataSettings.parse(GIVEN), caches)
    index = prepare(f"folder:{root}", DataSettings.parse(GIVEN | {"spoken": True}), caches)
    for split in ("validation", "test"):
        assert index.split_sha256(split) == alone.split_sha256(split)
        assert not [clip for clip in index.clips if clip.split == split and not clip.recorded]
    added = [clip for clip in index.clips if not clip.recorded]
    assert {clip.split for clip in added} == {"train"}
    assert Counter(clip.word for clip in added) == {"left": 20, "right": 20, "lamp": 3}  # trees are recorded
    assert {clip.label for clip in added if clip.word == "lamp"} == {UNKNOWN}
    assert any("43 clips are synthesised" in note for note in index.notes)
    train = index.audio("train")
    assert train.recorded.sum() == len(alone.audio("train"))
    assert np.abs(train.gather(np.flatnonzero(~train.recorded))).max(axis=1).min() > 0


def test_an_evaluation_hears_recordings_alone(make_folder, tmp_path: Path, caches: Path) -> None:
    root = make_folder(tmp_path / "clips", WORDS[:3], 3)
    index = prepare(f"folder:{root}", DataSettings.parse(GIVEN | {"spoken": True}).for_evaluation(), caches)
    assert len(index.clips) == 9
