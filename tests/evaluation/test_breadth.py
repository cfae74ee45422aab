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
from kws_tfmot.evaluation.model_accuracy import judge
from kws_tfmot.evaluation.trust import _silence, trust

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


def test_the_first_sentence_says_of_whom_the_accuracy_is() -> None:
    worst = [{"speaker": str(share), "n": 5, "accuracy": share} for share in (0.2, 0.4, 0.6, 0.61)]
    figures = {"accuracy": 0.5, "n": 9, "interval_95": [0.4, 0.61]}
    figure = "50.0 % (N = 9, 95 % interval 40.0 to 61.0)"
    assert trust(None, figures | {"breadth": {"speakers": 7, "worst_speakers": worst}}) == [
        f"Tested on 7 speakers who did not train it: {figure}. Other microphones are not in it. The speakers it hears "
        "worst: 20 % of 5 clips, 40 % of 5 clips, 60 % of 5 clips."
    ]
    assert trust(None, figures | {"split": "all", "breadth": {"speakers": 7, "worst_speakers": []}}) == [
        f"Tested on 7 speakers of whom some may have trained it: {figure}. Other microphones are not in it."
    ]
    (nobody,) = trust(None, figures | {"breadth": {"speakers": 0, "worst_speakers": []}})
    assert nobody.startswith(
        f"Tested on clips that name no speaker: {figure}. Voices that trained it may be among them"
    )


def counts(synthetic: int = 0, recorded: int = 0, speakers: int = 0) -> dict[str, int]:
    return {"synthetic": synthetic, "recorded": recorded, "speakers": speakers}


@pytest.mark.parametrize(
    ("train", "begins_with", "said"),
    [
        (counts(90), None, "No recording of a person has trained it"),
        (
            counts(90),
            "commands",
            "It began with the weights of commands, and what those knew of people is partly forgotten",
        ),
        (
            counts(90, 7, 9),
            "commands",
            "7 recordings and 90 synthetic clips of the keywords have trained it. It may know",
        ),
        (counts(0, 70, 10), None, "70 recordings and 0 synthetic clips of the keywords have trained it."),
    ],
)
def test_words_alone_are_told_who_trained(train: dict[str, int], begins_with: str | None, said: str) -> None:
    tested, trained, accepts, improve = trust(
        {"train": train, "test": counts(40)}, {"accuracy": 0.9, "n": 40}, begins_with=begins_with
    )
    assert tested.startswith("Tested on synthesised voices only: 90.0 % (N = 40). That is about synthetic speech")
    assert trained.startswith(said) and ("It may know" in trained) == (0 < train["speakers"] < 10)
    assert "--recordings" in accepts and ("more people" in improve) == (train["recorded"] > 0)


@pytest.mark.parametrize(
    ("speakers", "by", "alone"),
    [(0, "speakers that the files do not name", True), (1, "1 named", True), (2, "2 named", False)],
)
def test_recordings_of_one_voice_say_little(speakers: int, by: str, alone: bool) -> None:
    tested = trust({"test": counts(0, 12, speakers)}, {"accuracy": 0.5, "n": 20})[0]
    assert tested.startswith(f"Tested on 12 recordings of the keywords by {by}") and ": 50.0 % (N = 20)." in tested
    assert tested.endswith(" It says how well these voices are heard, not others.") == alone


def test_a_loss_beyond_chance_is_a_warning() -> None:
    figures = {"accuracy": 0.9, "n": 100, "interval_95": [0.8, 0.95], "breadth": {}}
    lost = figures | {"loss": {"difference": -0.03, "interval_95": [-0.05, -0.01], "against": "float.keras"}}
    assert trust(None, lost) == []  # nothing is known of the test
    speech = {"test": {"synthetic": 5, "recorded": 0, "speakers": 0}}
    assert any("WARNING: pruning and quantisation cost 3.0 points" in one for one in trust(speech, lost))
    kept = figures | {"loss": {"difference": -0.03, "interval_95": [-0.05, 0.01], "against": "float.keras"}}
    assert not any("WARNING" in one for one in trust(speech, kept))


def test_silence_is_told_with_its_worst_level() -> None:
    rows = [
        {"from_dbfs": None, "n": 10, "recall": 1.0},
        {"from_dbfs": -40.0, "n": 30, "recall": 0.5},
        {"from_dbfs": -10.0, "n": 2, "recall": 0.0},  # too few to say anything of
    ]
    (sentence,) = _silence(rows, "recognised")
    assert "full scale: 62 % recognised; the worst, at -40.0 to -30.0 dBFS, 50 % of 30." in sentence
    assert "at digital zero, 90 % of 10" in _silence([rows[0] | {"recall": 0.9}], "recognised")[0]
    assert "worst" not in _silence(rows[:1], "recognised")[0]
    assert _silence(rows[2:], "recognised") == _silence(None, "recognised") == []
