"""A model over a stream: whole and in pieces of any size it hears the same, and at the right time."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tone_words import RATE, SETTINGS, clip, noise, spotter

from kws_tfmot.errors import DataError
from kws_tfmot.evaluation.streaming.sources import read_stream, stream_pieces
from kws_tfmot.evaluation.streaming.spotter import Heard, Spotter, StreamModel
from kws_tfmot.zoo import shipped_models


@pytest.fixture(scope="module")
def stream() -> np.ndarray:
    parts = []
    for number, word in enumerate(("low", "other", "high", "mid", "low", "high")):
        parts += [noise(RATE // 2 + 37 * number, number), clip(word, number)]
    return np.concatenate([*parts, noise(RATE, 9)])


def test_it_hears_the_keywords_and_no_other_word(stream: np.ndarray) -> None:
    heard = spotter().spot(stream)
    assert [each.word for each in heard] == ["low", "high", "low", "high"]
    said = np.cumsum([0.5 + 37 * n / RATE + 0.5 for n in range(6)])[[0, 2, 4, 5]] - 0.1  # ends of the tones
    assert np.abs(np.array([each.seconds for each in heard]) - said).max() < 0.35


def test_a_file_that_is_no_sound_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("no sound")
    for name, what in (("text.wav", "not readable"), ("missing.wav", "there is no sound file")):
        with pytest.raises(DataError, match=what):
            read_stream(tmp_path / name, RATE)
    with pytest.raises(DataError, match="not readable"):
        list(stream_pieces(tmp_path / "text.wav", RATE))


def test_a_threshold_is_above_0_and_at_most_1() -> None:
    (model,) = (each.model for each in shipped_models() if each.name == "tiny")

    def opened(threshold: float) -> StreamModel:
        return StreamModel.open(model, lambda data: SimpleNamespace(), threshold=threshold)  # type: ignore

    assert opened(1.0).contract.detection.threshold == 1.0 and opened(0.01).contract.detection.thresholds == {}
    for threshold in (-0.1, 0.0, 1.01, 2.0):
        with pytest.raises(DataError, match=f"above 0 and up to 1. Received: {threshold}"):
            opened(threshold)


@settings(deadline=None, max_examples=15)
@given(st.data())
def test_pieces_of_any_size_give_the_same(stream: np.ndarray, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    model = spotter(threshold=0.3, stride=data.draw(st.integers(1, 7)), refractory=2)
    listener, found = Spotter(model), []
    for piece in np.split(stream, cuts):
        found += listener.push(piece)
    assert found == model.spot(stream)
    assert len(found) >= 4


def test_a_detection_s_time_is_that_of_its_last_sample(stream: np.ndarray) -> None:
    model = spotter()
    first = model.spot(stream)[0]
    needed = round(first.seconds * RATE)
    assert model.spot(stream[:needed]) == [first]
    assert model.spot(stream[: needed - 1]) == []
    assert SETTINGS.frames_in(needed) == first.frame


def test_the_front_end_sees_every_clip_of_a_stream_shorter_than_a_window() -> None:
    assert spotter().spot(noise(100, 0)) == []
    assert Spotter(spotter()).push(noise(SETTINGS.clip_samples - 1, 0)) == []


def test_scores_are_those_of_the_last_inference(stream: np.ndarray) -> None:
    listener = Spotter(spotter())
    listener.push(stream)
    assert listener.scores[3] > 0.9 and listener.scores.sum() == pytest.approx(1, abs=0.01)
    assert isinstance(Spotter(spotter(0.2)).push(stream)[0], Heard)
