"""Clips that a detector for streams hears, one by one, with words that are tones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tone_words import clip, noise, spotter

from kws_tfmot.data import ClipIndex
from kws_tfmot.evaluation.accuracy import wilson_interval
from kws_tfmot.evaluation.breadth import speaker_interval, speakers_of
from kws_tfmot.evaluation.streaming.heard_clips import hear_clips
from kws_tfmot.evaluation.trust import trust


def test_each_clip_is_heard_in_near_silence_and_counted_by_its_class(tone_index: ClipIndex) -> None:
    audio = tone_index.audio("test")
    names = [audio.class_names[label] for label in audio.labels]
    found = hear_clips(spotter(), tone_index, audio)
    assert found["n"] == len(names) and found["thresholds"] == {"low": pytest.approx(0.7, abs=1e-4)} | {
        "high": pytest.approx(0.7, abs=1e-4)
    }
    for word in ("low", "high"):
        assert found["keywords"][word] == {"n": names.count(word), "heard": names.count(word)}
    for other in ("_unknown_", "_silence_"):
        assert found["others"][other] == {"n": names.count(other), "heard": 0}
    assert found["accuracy"] == 1.0 and found["interval_95"][1] == 1.0
    assert all(step["recall"] == 1.0 for step in found["breadth"]["silence"])
    assert "narrow" in found["breadth"] and found["interpreter"] == "bands of tones"


def test_missed_words_wrong_words_and_words_in_silence_are_wrong(tone_index: ClipIndex) -> None:
    """The first clips are exchanged for others: whatever the detector then hears is not what the label says."""
    audio = tone_index.audio("test")
    names = np.array([audio.class_names[label] for label in audio.labels])
    sounds = audio.audio.copy()
    first = {name: int(np.flatnonzero(names == name)[0]) for name in audio.class_names}
    sounds[first["low"]] = noise(sounds.shape[1], 7)  # missed
    sounds[first["high"]] = clip("low", 3)  # another word
    sounds[first["_unknown_"]] = clip("high", 3)
    sounds[first["_silence_"]] = clip("low", 4)
    changed = replace(audio)
    object.__setattr__(changed, "chunks", lambda: iter([sounds]))
    found = hear_clips(spotter(), tone_index, changed)
    total = len(names)
    assert found["keywords"]["low"]["heard"] == (names == "low").sum() - 1
    assert found["keywords"]["high"]["heard"] == (names == "high").sum() - 1
    assert [found["others"][name]["heard"] for name in ("_unknown_", "_silence_")] == [1, 1]
    assert found["accuracy"] == pytest.approx((total - 4) / total)
    right = np.ones(total, bool)
    right[list(first.values())] = False
    wilson, voices = wilson_interval(total - 4, total), speaker_interval(right, speakers_of(audio))
    assert found["interval_95"] == [min(wilson[0], voices[0]), max(wilson[1], voices[1])]
    assert min(step["recall"] for step in found["breadth"]["silence"]) < 1


def heard(**more: object) -> dict[str, object]:
    detector = {
        "keywords": {"alexa": {"n": 18, "heard": 15}},
        "others": {"_unknown_": {"n": 18, "heard": 1}, "_silence_": {"n": 20, "heard": 0}},
        "thresholds": {"alexa": 0.5207},
        "accuracy": 0.94,
        "n": 56,
        "interval_95": [0.8, 0.97],
        "breadth": {"speakers": 9, "worst_speakers": [], "silence": [{"from_dbfs": -40, "n": 20, "recall": 1.0}]},
    }
    return {
        "accuracy": 0.5,
        "n": 56,
        "interval_95": [0.3, 0.6],
        "breadth": {"speakers": 9},
        "detector": detector | more,
    }


def test_the_detector_speaks_for_a_network_for_streams() -> None:
    alone = trust({"test": {"synthetic": 18, "recorded": 0, "speakers": 0}}, heard())
    assert alone[0].startswith(
        "Tested on synthesised voices only: the detector, at its threshold 0.521, hears alexa in 15 of 18 clips, and a "
        "keyword in 1 of 18 of other words and 0 of 20 of silence and noise. That is about synthetic speech"
    )
    assert alone[1] == "Silence and noise from digital zero to full scale: 100 % without a detection."
    assert not any("50.0 %" in sentence for sentence in alone)
    people = trust(None, heard(thresholds={"alexa": 0.5, "jarvis": 0.6}, others={}))
    assert people[0].startswith(
        "Tested on 9 speakers who did not train it: the detector, at its thresholds, hears alexa in 15 of 18 clips. "
    )
