"""How far a test reaches, counted by hand on a few clips, on either side of each bound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from kws_tfmot.evaluation.breadth import breadth, narrow_classes, speaker_interval, speakers_of, unheard_words


@pytest.mark.parametrize("seed", [0, 7])
def test_an_interval_is_that_of_two_thousand_draws_of_the_speakers(seed: int) -> None:
    rng = np.random.default_rng(1)
    speakers = [f"s{n}" for n in rng.integers(0, 9, 60)]
    right = rng.random(60) < 0.7
    said = list(zip(right.tolist(), speakers, strict=True))
    by_name = {name: [value for value, speaker in said if speaker == name] for name in sorted(set(speakers))}
    weights = np.random.default_rng(seed).multinomial(len(by_name), [1 / len(by_name)] * len(by_name), 2000)
    sums, sizes = (np.array([of(values) for values in by_name.values()], float) for of in (sum, len))
    expected = np.percentile((weights @ sums) / (weights @ sizes), [2.5, 97.5])
    assert speaker_interval(right, speakers, seed) == pytest.approx(tuple(expected), rel=1e-12)
    assert speaker_interval(right, speakers) == speaker_interval(right, speakers, 0)


CLASSES = ("go", "_unknown_", "_silence_")


def audio_of(*clips: tuple[str, str, str]) -> Any:
    """``(word, speaker, path)`` of each clip; a word beside ``go`` is another word."""
    labels = [CLASSES.index(word) if word in CLASSES else 1 for word, _, _ in clips]
    words, speakers, paths = (list(column) for column in zip(*clips, strict=True))
    return SimpleNamespace(
        name="test", class_names=CLASSES, labels=np.array(labels), words=words, speakers=speakers, paths=paths
    )


def silences(*levels: str) -> list[tuple[str, str, str]]:
    """Made ones, as an index names them."""
    return [("_silence_", "", f"_silence_/made: {level}") for level in levels]


def test_an_accuracy_is_told_apart_by_speaker_word_and_level() -> None:
    said = [("ann", "yyyyn"), ("bea", "nnnnn"), ("cat", "nnn"), ("dan", "yynn"), ("eve", "yyynnn"), ("fay", "yyyn"),
            ("gus", "yyyy"), ("", "nnnn")]  # fmt: skip
    clips = [("go", speaker, "a.wav") for speaker, right in said for _ in right]
    clips += [("new", "ann", ""), ("new", "ann", ""), ("newer", "ann", ""), ("old", "ann", "")]
    clips += silences("zero", "dither x0.300", "hiss -60.00 dBFS", "a b -59.99 dBFS", "hum -60.01 dBFS", "x -9.5 dBFS")
    clips += [("_silence_", "", "_silence_/tap.wav")]
    right = [letter == "y" for _, letters in said for letter in letters]
    right += [letter == "y" for letter in "ynyy" + "ynyynn" + "n"]
    found = breadth(audio_of(*clips), np.array(right), {"new", "newer"})
    assert found == {
        "speakers": 7,
        "worst_speakers": [
            {"speaker": "bea", "n": 5, "accuracy": 0.0},
            {"speaker": "eve", "n": 6, "accuracy": 0.5},  # of equal ones whoever says more
            {"speaker": "dan", "n": 4, "accuracy": 0.5},
            {"speaker": "fay", "n": 4, "accuracy": 0.75},
            {"speaker": "ann", "n": 9, "accuracy": 7 / 9},
        ],
        "unknown": {
            "words": 3,
            "unheard_words": 2,
            "unheard": {"n": 3, "recall": 2 / 3},
            "heard": {"n": 1, "recall": 1.0},
        },
        "silence": [
            {"from_dbfs": None, "n": 2, "recall": 0.5},
            {"from_dbfs": -70, "n": 1, "recall": 0.0},
            {"from_dbfs": -60, "n": 2, "recall": 1.0},
            {"from_dbfs": -10, "n": 1, "recall": 0.0},
        ],
    }
    alone = SimpleNamespace(**vars(audio_of(("go", "", "a.wav"))) | {"class_names": ("go", "stop", "_silence_")})
    assert breadth(alone, np.array([True]), set()) == {
        "speakers": 0, "worst_speakers": [], "unknown": None, "silence": [],
    }  # fmt: skip
    assert speakers_of(audio_of(("go", "ann", ""), ("go", "", ""), ("go", "bob", ""))) == ["ann", "clip 1", "bob"]


def index_of(test: Any, train: Sequence[str] = ("old",), unused: Mapping[str, str] | None = None) -> Any:
    """An index of a test split, and of the other words of its training split and the unused words of any."""
    rows = [("test", word, True) for word, label in zip(test.words, test.labels, strict=True) if label == 1]
    rows += [("train", word, True) for word in train]
    rows += [(split, word, False) for split, word in (unused or {}).items()]
    rows += [("test", "go", True), ("train", "stop", True)]
    names = sorted({word for _, word, _ in rows})
    keyword = [word in ("go", "stop") for _, word, _ in rows]
    clips = SimpleNamespace(
        used=np.array([used for _, _, used in rows]),
        labels=np.where(keyword, 0, 1),
        names=CLASSES,
        source=SimpleNamespace(
            words=SimpleNamespace(names=names, codes=np.array([names.index(word) for _, word, _ in rows]))
        ),
        of_split=lambda place: np.array([split == place for split, _, _ in rows]),
    )
    splits = ("train", "test") if train else ("test",)
    return SimpleNamespace(splits=splits, labels=CLASSES, clips=clips, audio=lambda split: test)


def test_unheard_words_are_other_words_in_use_that_training_lacks() -> None:
    test = audio_of(("new", "ann", ""), ("old", "ann", ""), ("newer", "ann", ""))
    assert unheard_words(index_of(test, unused={"train": "new", "test": "rare"}), "test") == {"new", "newer"}
    assert unheard_words(index_of(test), "train") == set() == unheard_words(index_of(test, ()), "test")


def narrow(*clips: tuple[str, str, str], train: Sequence[str] = ("old",)) -> list[str]:
    return narrow_classes(index_of(audio_of(*clips), train))


def test_a_keyword_s_test_is_narrow_below_25_clips_or_8_speakers() -> None:
    def said(clips: int, speakers: int, nameless: int = 0) -> list[str]:
        named = [("go", f"s{n % speakers}", "") for n in range(clips - nameless)] if speakers else []
        return narrow(*named, *[("go", "", "")] * nameless)

    assert said(25, 8) == said(30, 8, nameless=5) == []
    assert said(24, 8) == ["The test of go is narrow: 24 clips."]
    assert said(25, 7) == ["The test of go is narrow: 7 named speakers."]
    assert said(24, 1) == ["The test of go is narrow: 24 clips, 1 named speaker."]
    assert said(30, 0, nameless=30) == ["The test of go is narrow: 0 named speakers."]
    assert narrow_classes(index_of(audio_of(("go", "s", ""))), "validation") == []


def test_other_words_are_narrow_below_5_or_where_training_heard_them_all() -> None:
    def said(*words: str, train: Sequence[str] = ("old",)) -> list[str]:
        return narrow(*((words[n % len(words)], f"s{n % 8}", "") for n in range(40)), train=train)

    assert said("a", "b", "c", "d", "old") == []
    assert said("a", "b", "c", "old") == ["The test of _unknown_ is narrow: 4 words."]
    assert said("a") == ["The test of _unknown_ is narrow: 1 word."]
    every = ("a", "b", "c", "d", "e")
    assert said(*every, train=every) == ["The test of _unknown_ is narrow: no word that training has not heard."]
    assert said("a", train=()) == []  # of a set without training nothing is known


def test_silence_is_narrow_where_it_reaches_fewer_than_5_steps_of_10_db() -> None:
    def said(*levels: str) -> list[str]:
        return narrow(*silences(*(levels[n % len(levels)] for n in range(25))))

    steps = [f"hiss {level} dBFS" for level in ("-60.00", "-50.00", "-40.00", "-30.00")]
    assert said(*steps, "hiss -20.00 dBFS") == said(*steps, "zero") == []
    assert said(*steps, "hiss -59.99 dBFS") == ["The test of _silence_ is narrow: 4 steps of level."]
    assert narrow(*silences(*steps, "zero")) == ["The test of _silence_ is narrow: 5 clips."]
    taps = [("_silence_", "", f"_silence_/tap {n}.wav") for n in range(25)]
    assert narrow(*taps) == [] and narrow(*taps[:2]) == ["The test of _silence_ is narrow: 2 clips."]


def test_as_many_clips_as_verdicts_are_judged() -> None:
    with pytest.raises(ValueError, match="zip"):
        breadth(audio_of(("go", "ann", "a.wav"), ("go", "ann", "b.wav")), np.array([True, True, False]), set())
