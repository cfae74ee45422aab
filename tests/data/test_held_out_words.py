"""Other words that training never hears, and that no speaker is in two splits."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kws_tfmot.data import DataSettings, prepare
from kws_tfmot.data.clip_index import ClipIndex
from kws_tfmot.data.held_out_words import held_out_words
from kws_tfmot.data.labels import UNKNOWN
from kws_tfmot.data.source_table import SPLIT_CODES, SourceClip, table_of
from kws_tfmot.data.splits import Assigned, assign_splits, labelled

OTHERS = tuple(f"word{number}" for number in range(20))


def _used_words(index: ClipIndex, split: str) -> set[str]:
    return {clip.word for clip in index.clips if clip.split == split and clip.used and clip.label == UNKNOWN}


@pytest.mark.parametrize("split", ["percent", pytest.param("official", marks=pytest.mark.slow)])
def test_training_hears_no_clip_of_the_words_held_out(make_folder: Callable[..., Path], tmp_path, split: str) -> None:
    root = make_folder(tmp_path / "set", words=("go", *OTHERS), speakers=60, noise_seconds=0)
    settings = DataSettings(keywords=("go",), split=split, held_out_words=0.3)
    index = prepare(f"folder:{root}", settings, tmp_path / "cache")
    train, validation, test = (_used_words(index, name) for name in ("train", "validation", "test"))
    # Six words for test, which make up its _unknown_ alone; three for validation, too few for that.
    assert len(train) == 20 - 6 - 3
    assert 4 <= len(test) <= 6
    assert not train & test
    assert len(validation - train) == 3
    assert not validation & test
    assert any("6 other words are held out for test" in note for note in index.notes)
    # They lie in the training stream of nothing: what is drawn from is the split's own list.
    assert not set(index.audio("train").words) & test


def test_without_held_out_words_every_word_trains(make_folder: Callable[..., Path], tmp_path: Path) -> None:
    root = make_folder(tmp_path / "set", words=("go", *OTHERS), speakers=30, noise_seconds=0)
    settings = DataSettings(keywords=("go",), split="percent", held_out_words=0)
    index = prepare(f"folder:{root}", settings, tmp_path / "cache")
    assert _used_words(index, "train") == set(OTHERS)
    assert not any("held out" in note for note in index.notes)


def test_the_words_that_make_up_most_of_a_set_train() -> None:
    clips = {word: {"": 8} for word in OTHERS} | {"frequent": {"": 500}, "often": {"": 400}}
    for seed in range(20):
        held = held_out_words(clips, 0.2, seed)
        assert Counter(held.values()) == {"test": 4, "validation": 2}
        assert not {"frequent", "often"} & set(held)


def test_a_word_is_held_out_for_a_split_that_has_it() -> None:
    clips = {"a": {"train": 5}, "b": {"train": 5, "test": 1}, "c": {"train": 4, "validation": 1}, "d": {"train": 1}}
    assert held_out_words(clips, 0.25, 0) == {"b": "test", "c": "validation"}


def split_by_path(clips: list[SourceClip], assigned: Assigned) -> dict[str, str]:
    return {clip.path: SPLIT_CODES[code] for clip, code in zip(clips, assigned.splits, strict=True)}


def test_rare_words_stay_in_training_though_few_people_say_them() -> None:
    """The speakers of held-out words are drawn to the test, but not everybody who says anything rare."""
    rng = np.random.default_rng(0)
    clips = [
        SourceClip(f"{word}/s{speaker}_nohash_{take}.wav", word, f"s{speaker}")
        for speaker in range(200)
        for word in ("go", "stop", "often")
        for take in range(3)
    ]
    for word in OTHERS:
        clips += [
            SourceClip(f"{word}/s{speaker}_nohash_0.wav", word, f"s{speaker}")
            for speaker in rng.choice(30, 10, replace=False)
        ]
    settings = DataSettings(keywords=("go", "stop"), split="percent")
    assigned = assign_splits(labelled(table_of(clips), settings.keywords), {}, settings)
    split = split_by_path(clips, assigned)
    rare = Counter(split[clip.path] for clip in clips if clip.word in OTHERS and clip.word not in assigned.held)
    tested = [split[clip.path] for clip in clips if assigned.held.get(clip.word) == "test"]
    assert rare["train"] > 0.5 * rare.total()
    assert tested.count("test") > 0.3 * len(tested)
    keywords = Counter(split[clip.path] for clip in clips if clip.word == "go")
    assert keywords["test"] == pytest.approx(60, abs=15)


@pytest.mark.parametrize("mode", ["percent", "official", "auto"])
@pytest.mark.parametrize("seed", range(5))
def test_no_speaker_is_in_two_splits(mode: str, seed: int) -> None:
    """Whatever a set looks like: many speakers or few, words that all say or one."""
    rng = np.random.default_rng(seed)
    words = ["go", "stop", *OTHERS[: int(rng.integers(1, 20))]]
    speakers = int(rng.integers(40, 80))
    clips = [
        SourceClip(f"{word}/{speaker:08x}_nohash_{take}.wav", word, f"{speaker:08x}")
        for speaker in range(speakers)
        for word in words
        for take in range(int(rng.integers(0, 4)) + (word in ("go", "stop")))
    ]
    settings = DataSettings(keywords=("go", "stop"), split=mode, seed=seed)
    split_of = split_by_path(clips, assign_splits(labelled(table_of(clips), settings.keywords), {}, settings))
    seen = defaultdict(set)
    for clip in clips:
        seen[clip.speaker].add(split_of[clip.path])
    assert len(seen) == speakers
    assert all(len(splits) == 1 for splits in seen.values())
    assert {"train", "validation", "test"} == set().union(*seen.values())
