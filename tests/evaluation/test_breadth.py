"""How far a test reaches: speakers, words that are new to the model, levels of silence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kws_tfmot.data import DataSettings, prepare
from kws_tfmot.data.clip_index import ClipIndex
from kws_tfmot.evaluation.accuracy import wilson_interval
from kws_tfmot.evaluation.breadth import narrow_classes, speaker_interval, unheard_words
from kws_tfmot.evaluation.model_scores import judge
from kws_tfmot.evaluation.trust import trust

OTHERS = tuple(f"word{number}" for number in range(15))


@pytest.fixture(scope="module")
def index(make_folder: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> ClipIndex:
    root = make_folder(tmp_path_factory.mktemp("set"), words=("go", "stop", *OTHERS), speakers=60)
    settings = DataSettings(keywords=("go", "stop"), split="percent", percent=(40, 20, 40), held_out_words=0.4)
    return prepare(f"folder:{root}", settings, tmp_path_factory.mktemp("cache"))


def _scores(index: ClipIndex, wrong: Callable[[int], bool]) -> np.ndarray:
    audio = index.audio("test")
    said = [(label + wrong(row)) % len(index.labels) for row, label in enumerate(audio.labels)]
    return np.eye(len(index.labels))[said]


def test_the_interval_widens_where_a_speaker_is_right_or_wrong_as_a_whole() -> None:
    right = np.repeat([1, 1, 1, 0], 25)
    speakers = [f"s{row // 5}" for row in range(100)]
    by_speaker = speaker_interval(right, speakers)
    by_clip = speaker_interval(right, [str(row) for row in range(100)])
    assert by_clip == pytest.approx(wilson_interval(75, 100), abs=0.02)
    # 20 speakers of 75 %: binomial over 20, so sqrt(5) times as wide.
    assert (by_speaker[1] - by_speaker[0]) / (by_clip[1] - by_clip[0]) == pytest.approx(5**0.5, rel=0.12)


def test_the_interval_holds_95_of_100_draws_of_the_speakers() -> None:
    right = np.repeat([1, 0], 200)
    ends = np.array([speaker_interval(right, [str(row) for row in range(400)], seed) for seed in range(3)]).mean(axis=0)
    width = 1.96 * (0.25 / 400) ** 0.5
    assert ends == pytest.approx([0.5 - width, 0.5 + width], abs=0.04 * width)


def test_a_build_shows_the_wider_of_both_intervals(index: ClipIndex) -> None:
    audio = index.audio("test")
    lost = set(sorted({speaker for speaker in audio.speakers if speaker})[:6])
    result, reach = judge(index, audio, _scores(index, lambda row: audio.speakers[row] in lost))
    low, high = wilson_interval(result.correct, result.n)
    figures = result.to_dict()
    assert figures["interval_over"] == "speakers"
    assert figures["interval_95"][0] < low
    assert figures["interval_95"][1] >= high
    assert {one["speaker"] for one in reach["worst_speakers"] if one["accuracy"] == 0} <= lost
    assert reach["speakers"] == len({speaker for speaker in audio.speakers if speaker})


def test_new_words_and_levels_are_counted_apart(index: ClipIndex) -> None:
    audio = index.audio("test")
    new = unheard_words(index, "test")
    assert len(new) == 6
    loud = {row for row, name in enumerate(audio.paths) if name.endswith("dBFS") and float(name.split()[-2]) > -20}
    _, reach = judge(index, audio, _scores(index, lambda row: audio.words[row] in new or row in loud))
    assert reach["unknown"]["unheard"]["recall"] == 0
    assert reach["unknown"]["unheard"]["n"] == sum(word in new for word in audio.words)
    by_level = {one["from_dbfs"]: one["recall"] for one in reach["silence"]}
    assert by_level[-10] == by_level[-20] == 0
    assert all(recall == 1 for level, recall in by_level.items() if level is None or level < -20)
    text = " ".join(trust(None, {"accuracy": 0.5, "n": 9, "interval_95": [0.4, 0.6], "breadth": reach}))
    assert "0 % of" in text
    assert "words that training never heard" in text
    assert "dBFS, 0 % of" in text


def test_a_narrow_test_is_called_so(make_folder: Callable[..., Path], index: ClipIndex, tmp_path: Path) -> None:
    assert not [one for one in narrow_classes(index) if "go" in one or "speaker" in one]
    root = make_folder(tmp_path / "few", words=("go", "stop", "bird"), speakers=20)
    settings = DataSettings(keywords=("go", "stop"), split="percent", percent=(60, 20, 20))
    said = "\n".join(narrow_classes(prepare(f"folder:{root}", settings, tmp_path / "cache")))
    assert "The test of go is narrow: 4 clips, 4 named speakers." in said
    assert "1 word, no word that training has not heard" in said
    assert "The test of _silence_ is narrow: 4 clips, " in said
