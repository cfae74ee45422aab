"""Composed streams: a function of clips and seed, with a truth that the sound bears out."""

from __future__ import annotations

import numpy as np
import pytest
from tone_words import RATE

from kws_tfmot.data import UNKNOWN, ClipIndex
from kws_tfmot.errors import DataError, RecipeError
from kws_tfmot.evaluation.streaming.composed import StreamComposer, StreamSettings

SETTINGS = StreamSettings(hours=0.05, piece_minutes=1.0, keyword_share=0.4)


def compose(index: ClipIndex, split: str = "test", **values: object):
    return list(StreamComposer(index, split, SETTINGS.model_copy(update=values)).pieces())


def test_the_same_seed_gives_the_same_stream_and_another_another(tone_index: ClipIndex) -> None:
    first, again, other = (compose(tone_index, seed=seed) for seed in (1, 1, 2))
    assert [piece.sha256() for piece in first] == [piece.sha256() for piece in again]
    assert first[0].sha256() != other[0].sha256()
    assert sum(len(piece.samples) for piece in first) == 180 * RATE and len(first) == 3


def test_only_speakers_of_the_split_are_heard(tone_index: ClipIndex) -> None:
    allowed = {clip.speaker for clip in tone_index.clips if clip.split == "test"}
    pieces = compose(tone_index)
    assert {each.speaker for piece in pieces for each in (*piece.events, *piece.segments)} == allowed


def test_events_lie_where_the_keywords_sound(tone_index: ClipIndex) -> None:
    piece = compose(tone_index, snr_db=(40.0, 40.0), gain_db=(0.0, 0.0))[0]
    samples = piece.samples.astype(float)
    assert len(piece.events) > 5
    for event in piece.events:
        begin, end = round(event.start * RATE), round(event.end * RATE)
        assert 0.15 < event.end - event.start < 0.45
        assert np.sqrt(np.mean(samples[begin:end] ** 2)) > 3000
        tone = np.argmax(np.abs(np.fft.rfft(samples[begin:end]))) * RATE / (end - begin)
        assert (tone < 1000) == (event.word == "low")


def test_after_a_keyword_comes_a_pause(tone_index: ClipIndex) -> None:
    for piece in compose(tone_index):
        starts = np.array([segment.start for segment in piece.segments])
        for event in piece.events:
            following = starts[starts > event.start]
            assert not len(following) or following.min() - event.end > 1.0


def test_every_clip_is_dealt_before_any_is_dealt_again(tone_index: ClipIndex) -> None:
    composer = StreamComposer(tone_index, "test", SETTINGS)
    said = [(event.word, event.speaker) for piece in composer.pieces() for event in piece.events]
    round_of = composer.sources()["keyword_clips"]
    assert len(said) > round_of and len(set(said[:round_of])) == round_of


def test_the_noise_has_the_ratio_that_was_asked_for(tone_index: ClipIndex) -> None:
    def floor(snr: float) -> float:
        piece = compose(tone_index, snr_db=(snr, snr), rest_probability=1.0)[0]
        frames = piece.samples[: len(piece.samples) // 400 * 400].reshape(-1, 400).astype(float)
        return float(np.percentile(np.sqrt(np.mean(frames**2, axis=1)), 30))

    assert floor(10) / floor(30) == pytest.approx(10, rel=0.15)


def test_other_words_beyond_the_balanced_choice_are_used(tone_index: ClipIndex) -> None:
    unknown = [clip for clip in tone_index.clips if clip.split == "test" and clip.label == UNKNOWN]
    assert any(not clip.used for clip in unknown)
    assert StreamComposer(tone_index, "test", SETTINGS).sources()["other_clips"] == len(unknown)


def test_what_cannot_be_composed_is_refused(tone_index: ClipIndex) -> None:
    with pytest.raises(DataError, match="a stream needs both"):
        StreamComposer(tone_index, "nowhere", SETTINGS)
    with pytest.raises(RecipeError, match="lower bound first"):
        StreamSettings.parse({"snr_db": [20, 10]})
