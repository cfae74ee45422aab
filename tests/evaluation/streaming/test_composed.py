"""Composed streams: a function of clips and seed, with a truth that the sound bears out."""

from __future__ import annotations

import numpy as np
import pytest
from tone_words import RATE, WORDS, clip

from kws_tfmot.data import UNKNOWN, ClipIndex
from kws_tfmot.data.augment import word_bounds
from kws_tfmot.errors import DataError, RecipeError
from kws_tfmot.evaluation.streaming.composed import StreamComposer, StreamSettings, word_levels
from kws_tfmot.evaluation.streaming.truth import LabelledStream

CLIP = RATE // 2
SETTINGS = StreamSettings(hours=0.05, piece_minutes=1.0, keyword_share=0.4)


def compose(index: ClipIndex, split: str = "test", **values: object):
    return list(StreamComposer(index, split, SETTINGS.model_copy(update=values)).pieces())


def test_the_same_seed_gives_the_same_stream_and_another_another(tone_index: ClipIndex) -> None:
    first, again, other = (compose(tone_index, seed=seed) for seed in (1, 1, 2))
    assert [piece.sha256() for piece in first] == [piece.sha256() for piece in again]
    assert first[0].sha256() != other[0].sha256()
    assert sum(len(piece.samples) for piece in first) == 180 * RATE and len(first) == 3


def test_only_speakers_of_the_split_are_heard(tone_index: ClipIndex) -> None:
    pieces = compose(tone_index)
    assert {each.speaker for piece in pieces for each in (*piece.events, *piece.segments)} == speakers(tone_index)


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
    with pytest.raises(DataError, match="'nowhere' has 0 clips of keywords and 0 of other words; a stream needs both"):
        StreamComposer(tone_index, "nowhere", SETTINGS)
    unknown = tone_index.clips.labels == tone_index.clips.names.index(UNKNOWN)
    for some, counts in ((~unknown, "12 clips of keywords and 0 of"), (unknown, "0 clips of keywords and 12 of")):
        with pytest.raises(DataError, match=counts):
            StreamComposer(tone_index.where(some), "test", SETTINGS)
    assert StreamSettings(snr_db=(10.0, 10.0)).snr_db == (10.0, 10.0)
    with pytest.raises(RecipeError, match="lower bound first"):
        StreamSettings.parse({"snr_db": [20, 10]})


def speakers(index: ClipIndex) -> set[str]:
    """Of the test split."""
    return {clip.speaker for clip in index.clips if clip.split == "test"}


def starts_of(piece: LabelledStream) -> np.ndarray:
    return np.array([round(segment.start * RATE) for segment in piece.segments])


def said_in(piece: LabelledStream, start: int, speaker: int) -> tuple[str, float]:
    """Which word of the speaker the samples at ``start`` are, with faded ends, and how many dB louder."""
    got = piece.samples[start : start + CLIP].astype(float)
    ends = np.minimum(np.arange(CLIP), np.arange(CLIP)[::-1])
    for word in WORDS:
        faded = clip(word, speaker) * np.minimum(ends / (0.01 * RATE), 1.0)
        factor = got @ faded / (faded @ faded)
        if np.abs(got - factor * faded).max() <= 1:
            return word, 20 * np.log10(factor)
    raise AssertionError(f"no word of speaker {speaker} at {start}")


def test_every_sample_is_a_clip_at_its_gain_with_faded_ends_or_background(tone_index: ClipIndex) -> None:
    gains: list[float] = []
    for piece in compose(tone_index, snr_db=(200.0, 200.0), piece_minutes=1.5):  # the background rounds to nothing
        starts, silent, events = starts_of(piece), np.ones(len(piece.samples), bool), []
        assert starts[0] == RATE
        for start, segment in zip(starts, piece.segments, strict=True):
            word, gain = said_in(piece, start, int(segment.speaker, 16))
            gains.append(gain)
            silent[start : start + CLIP] = False
            following = starts[starts > start].min(initial=len(piece.samples))
            assert segment.end == pytest.approx(min(following, start + CLIP + 1.5 * RATE) / RATE)
            if word in ("low", "high"):
                begin, _, end = word_bounds(clip(word, int(segment.speaker, 16))[None])[0]
                events.append((word, (start + begin) / RATE, (start + end) / RATE, segment.speaker))
        assert [tuple(event) for event in piece.events] == events
        assert not piece.samples[silent].any()
    assert -6.01 <= min(gains) < -4.5 and 4.5 < max(gains) <= 6.01


@pytest.mark.parametrize(("rests", "pause"), [(0.0, 0.5), (1.0, 7.5)])
def test_pauses_are_as_long_as_asked_for(tone_index: ClipIndex, rests: float, pause: float) -> None:
    values = {"pause_s": (0.5, 0.5), "rest_s": (7.0, 7.0), "rest_probability": rests, "snr_db": (200.0, 200.0)}
    pieces = compose(tone_index, **values, after_keyword_s=0.75, hours=0.1, piece_minutes=6.0)
    for piece in pieces:
        starts, keywords = starts_of(piece), np.array([event.start for event in piece.events]) * RATE
        after = [0.75 if np.any((first <= keywords) & (keywords < first + CLIP)) else 0.0 for first in starts]
        expected = CLIP + RATE * (pause + np.array(after))
        np.testing.assert_array_equal(np.diff(starts), expected[:-1])
        # It ends where no other word would have had its pause.
        assert starts[-1] + CLIP + 0.75 * RATE <= len(piece.samples) < starts[-1] + expected[-1] + CLIP + 0.75 * RATE
        assert np.mean(np.array(after) > 0) == pytest.approx(0.4, abs=0.12)


@pytest.mark.parametrize(("seconds", "sizes"), [(125, [60, 60, 5]), (124.9, [60, 60]), (3, [3])])
def test_a_last_piece_of_less_than_ten_clips_is_left_out(tone_index: ClipIndex, seconds: float, sizes: list) -> None:
    settings = SETTINGS.model_copy(update={"hours": seconds / 3600})
    assert StreamComposer(tone_index, "test", settings).sizes() == [size * RATE for size in sizes]


def test_what_there_is_to_compose_of_is_counted(tone_index: ClipIndex) -> None:
    counted = {"keyword_clips": 12, "other_clips": 12, "speakers": 6, "noise_seconds": 1.5}
    composer = StreamComposer(tone_index, "test", SETTINGS)
    assert composer.sources() == counted and sum(map(len, composer._in_parts())) == 24
    low = np.array([word == "low" for word in tone_index.clips.source.words])
    fewer = StreamComposer(tone_index.where(~low), "test", SETTINGS).sources()
    assert (fewer["keyword_clips"], fewer["other_clips"]) == (6, 12)


def test_the_level_of_a_word_is_that_of_its_loudest_blocks() -> None:
    clips = np.random.default_rng(3).integers(-9000, 9000, (5, 8013)).astype(np.int16)
    clips[:, 2000:4000] //= 10
    for samples, level in zip(clips, word_levels(clips), strict=True):
        blocks = sorted(np.mean(samples[i * 400 : (i + 1) * 400].astype(float) ** 2) for i in range(20))
        assert level == pytest.approx(np.sqrt(np.mean(blocks[16:])))
