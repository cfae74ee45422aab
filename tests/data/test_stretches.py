"""What training stretches hold, and which decision is which class."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import kws_tfmot.data.stretch_features as stretch_features
from kws_tfmot.data.stretch_features import StretchJob, _begin, _make, _moved, _read_at, scrambled, warped_places
from kws_tfmot.data.stretch_settings import StretchSettings
from kws_tfmot.data.stretch_targets import OTHER, Stretch, decision_targets, word_targets
from kws_tfmot.data.stretches import Recording, Speech, StretchComposer, wandering
from kws_tfmot.frontend.frontend_settings import FrontendSettings

RATE = 16000


def _speech() -> Speech:
    rng = np.random.default_rng(0)

    def wave(ms: int) -> np.ndarray:
        return (3000 * rng.standard_normal(RATE * ms // 1000)).astype(np.int16)

    return Speech(((wave(700), wave(600)),), (wave(500), wave(400)), (wave(5000),))


def test_a_stretch_follows_from_its_generator_and_ends_its_keywords_inside() -> None:
    composer = StretchComposer(_speech(), StretchSettings(silent_share=0.0), RATE)
    one, two = (composer.draw(np.random.default_rng([3, 1])) for _ in range(2))
    assert np.array_equal(one.samples, two.samples) and one.ends == two.ends
    assert not np.array_equal(one.samples, composer.draw(np.random.default_rng([3, 2])).samples)
    drawn = [composer.draw(np.random.default_rng([4, k])) for k in range(10)]
    ends = [end for stretch in drawn for end in stretch.ends]
    assert ends and all(number != OTHER and 0 < end <= 6 * RATE for number, end in ends)
    assert any(len(stretch.speech) > len(stretch.ends) for stretch in drawn)


def test_only_windows_that_end_soon_after_the_word_hold_it() -> None:
    stretch = Stretch(np.zeros(0, np.int16), ((0, 32000),), ((20000, 32000),))
    ends = np.array([18000, 26000, 31900, 32320, 34000, 36480, 37000, 60000])
    found = decision_targets(stretch, ends, 24000, 3, (320, 4480), 500)
    assert found.tolist() == [2, 1, -1, 0, 0, 0, -1, 2]  # before it, half heard, open, held, ..., open, long gone


def test_every_whole_word_has_a_class_keywords_behind_the_others() -> None:
    texts = ("over", "dog")
    speech = _speech()._replace(near_texts=texts)
    assert speech.word_names == ("dog", "over") and speech.word_classes == 3
    settings = StretchSettings(silent_share=0.0, shares=(0.4, 0.0, 0.6, 0.0))
    named, unnamed = (StretchComposer(one, settings, RATE) for one in (speech, _speech()))
    classes: set[int] = set()
    for seed in range(10):
        found, bare = (composer.draw(np.random.default_rng([5, seed])) for composer in (named, unnamed))
        assert np.array_equal(found.samples, bare.samples)  # names change no draw
        assert [(2 + number, end) for number, end in found.ends] == [(c, end) for c, end in found.words if c == 2]
        assert len(found.words) == len(found.speech) - (found.speech[-1][1] == 6 * RATE)
        assert [(word + 2, end) for word, end in bare.words] == [(word, end) for word, end in found.words if word == 2]
        classes |= {word for word, _ in found.words}
    assert classes == {0, 1, 2}


def test_a_share_of_stretches_is_of_single_words_alone() -> None:
    speech = _speech()._replace(near_texts=("over", "dog"))
    settings = StretchSettings(silent_share=0.0, shares=(0.5, 0.5, 0.0, 0.0), words_share=0.5)
    composer = StretchComposer(speech, settings, RATE)
    drawn = [composer.draw(np.random.default_rng([6, seed])) for seed in range(40)]
    others = [sum(word < 2 for word, _ in stretch.words) for stretch in drawn]
    assert 10 < sum(count > 0 for count in others) < 30  # near words come in these stretches alone
    assert np.mean([count for count in others if count]) > 2.5


def test_only_decisions_just_behind_a_word_have_its_class() -> None:
    stretch = Stretch(np.zeros(0, np.int16), (), (), ((7, 32000), (3, 40000)))
    ends = np.array([31900, 32319, 32320, 36480, 36481, 40320, 44481])
    assert word_targets(stretch, ends, (320, 4480)).tolist() == [-1, -1, 7, 7, -1, 3, -1]


def test_a_pace_that_wanders_keeps_every_sound_in_its_order_and_about_its_length() -> None:
    ramp = np.arange(32000, dtype=np.float32)
    for seed in range(20):
        read = wandering(np.random.default_rng(seed), ramp, 2.0, 0.1, RATE)
        assert (np.diff(read) > 0).all() and read[-1] > 31990 and abs(len(read) - 16000) < 2500
    paces = np.diff(wandering(np.random.default_rng(0), ramp, 2.0, 0.1, RATE))
    assert paces.max() - paces.min() > 0.1
    assert np.allclose(np.diff(wandering(np.random.default_rng(0), ramp, 2.0, 0.0, RATE)), 2.0)


def _composer(**settings: object) -> StretchComposer:
    quiet = {"silent_share": 0.0, "room_probability": 0.0, "equaliser_probability": 0.0, "noise_probability": 0.0}
    return StretchComposer(_speech(), StretchSettings.model_validate(quiet | settings), RATE)


def test_a_share_of_utterances_of_every_kind_comes_after_quiet() -> None:
    def gaps(share: float) -> np.ndarray:
        settings = StretchSettings(seconds=20.0, silent_share=0.0, quiet_before=share)
        composer = StretchComposer(_speech(), settings, RATE)
        drawn = [composer.draw(np.random.default_rng([8, k])) for k in range(12)]
        places = [((0, 0), *stretch.speech) for stretch in drawn]
        return np.array([b[0] - a[1] for row in places for a, b in itertools.pairwise(row)]) / RATE

    always, half, never = gaps(1.0), gaps(0.5), gaps(0.0)
    assert always.min() >= 0.99 and 2.0 < always.max() <= 2.51
    assert never.max() <= 1.61 and np.median(never) < 0.8
    assert never.mean() + 0.3 < half.mean() < always.mean() - 0.3


def test_short_pieces_of_talk_are_as_long_as_words() -> None:
    talk_alone = {"shares": (1e-7, 0.0, 0.0, 1 - 1e-7), "vocal_tract": (1.0, 1.0)}
    for share, shortest, longest in ((0.0, 1.0, 4.0), (1.0, 0.25, 0.9)):
        composer = _composer(short_talk=share, **talk_alone)
        spans = [span for k in range(6) for span in composer.draw(np.random.default_rng(k)).speech]
        whole = [(last - first) / RATE for first, last in spans if last < 6 * RATE]
        assert len(whole) > 6 and all(shortest - 0.01 <= seconds <= longest + 0.01 for seconds in whole)


def test_bursts_are_short_and_leave_most_of_a_silent_stretch_silent() -> None:
    composer = _composer(silent_share=0.99, bursts_probability=1.0, tilt=0.0, level_db=(0.0, 0.0))
    for k in range(3):
        samples = composer.draw(np.random.default_rng(k)).samples.astype(float)
        assert np.abs(samples).max() > 32000 and np.median(np.abs(samples)) < 30


def test_a_stretch_cut_together_changes_its_background_between_utterances() -> None:
    spreads = []
    for share in (0.0, 1.0):
        composer = _composer(cut_together=share, noise_probability=1.0, noise_snr_db=(-3.0, 35.0))
        drawn = [composer.draw(np.random.default_rng(k)).samples for k in range(6)]
        assert all(len(samples) == 6 * RATE for samples in drawn)
        powers = [samples.astype(float).reshape(-1, 1600).std(axis=1) for samples in drawn]
        spreads.append(float(np.mean([np.ptp(np.log(power + 1)) for power in powers])))
    assert spreads[1] > spreads[0] + 0.3


def test_a_warped_stretch_keeps_its_ends_where_the_sound_ends() -> None:
    hop, frames = 160, 400
    features = np.full((frames, 2), -128, np.int8)
    features[150:200] = 100
    stretch = Stretch(np.zeros(0, np.int16), ((0, 200 * hop),), ((150 * hop, 200 * hop),))
    lengths = []
    for seed in range(20):
        places = warped_places(np.random.default_rng(seed), frames, 0.3, 25)
        loud = np.flatnonzero(_read_at(features, places)[:, 0] > 0)
        moved = _moved(stretch, places, hop)
        assert abs(moved.ends[0][1] / hop - (loud[-1] + 1)) < 2.5
        assert abs(moved.speech[0][0] / hop - loud[0]) < 2.5
        lengths.append(len(loud))
    assert min(lengths) < 45 and max(lengths) > 56


def test_keywords_that_the_window_cannot_hold_are_hurried() -> None:
    tone = (8000 * np.sin(np.arange(3 * RATE // 2) / 10)).astype(np.int16)
    settings = StretchSettings(vocal_tract=(0.8, 0.9))
    speech = Speech(((tone,),), (), (tone,))
    lengths = {}
    for longest in (None, 5 * RATE // 4):
        composer = StretchComposer(speech, settings, RATE, longest)
        lengths[longest] = [len(composer._spoken(np.random.default_rng(k), speech.keywords[0], longest))
                            for k in range(8)]  # fmt: skip
    assert min(lengths[None]) > 1.6 * RATE and max(lengths[5 * RATE // 4]) <= 1.26 * RATE


def test_scrambled_stretches_are_short_pieces_of_others_in_their_places() -> None:
    sources = np.arange(4 * 300, dtype=np.int64).reshape(4, 300, 1)  # the value tells stretch and frame
    for row in scrambled(np.random.default_rng(2), sources, 5, (6, 30))[..., 0]:
        seams = np.flatnonzero(np.diff(row) != 1) + 1
        pieces = np.diff(np.concatenate([[0], seams, [300]]))
        assert pieces[:-1].min() >= 6 and pieces.max() <= 60  # two that follow each other by chance are one
        stretches = row[np.concatenate([[0], seams])] // 300
        stays = np.mean(stretches[1:] == stretches[:-1])
        assert len(set(stretches)) > 1 and 0.3 < stays < 0.95


def test_a_share_of_stretches_is_scrambled_and_holds_no_keyword(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stretch_features, "_made", None)
    frontend = FrontendSettings(kind="microfrontend", clip_ms=1500)
    made, asked = {}, []
    pieces = stretch_features.scrambled
    monkeypatch.setattr(stretch_features, "scrambled", lambda *given: (asked.append(given[-1]), pieces(*given))[1])
    for share in (0.0, 0.4):
        settings = StretchSettings(seconds=3.0, silent_share=0.0, scrambled_share=share, scrambled_ms=(50.0, 120.0))
        _begin(_speech(), StretchJob(settings, frontend, 3, 3, (20, 280), 120))
        made[share] = _make(((1, 2), 0, 12))
    assert np.array_equal(_make(((1, 2), 0, 12)).features, made[0.4].features)
    assert set(asked) == {(5, 12)}  # frames of 10 ms
    changed = (made[0.0].features != made[0.4].features).any(axis=(1, 2))
    assert 0 < changed.sum() < 12
    assert (made[0.0].targets == 0).any() and (made[0.4].targets[changed] == 1).all()
    assert np.array_equal(made[0.0].targets[~changed], made[0.4].targets[~changed])


def test_pseudo_words_are_the_head_of_one_recording_and_the_tail_of_another() -> None:
    def said(hertz: int, ms: int) -> np.ndarray:
        return (6000 * np.sin(2 * np.pi * hertz * np.arange(RATE * ms // 1000) / RATE)).astype(np.int16)

    def recording(hertz: int) -> Recording:
        return Recording(said(hertz, 600), 0, RATE * 600 // 1000)

    speech = Speech(((recording(400),), (recording(800),)), (recording(1600), said(3200, 600)), ())
    alone = {"shares": (0.01, 0.0, 0.99, 0.0), "vocal_tract": (1.0, 1.0), "spliced_share": 1.0}
    composer = StretchComposer(speech, StretchSettings.model_validate(alone), RATE)
    heard = set()
    for seed in range(60):
        wave = composer._pseudo_word(np.random.default_rng(seed))
        assert 0.7 * 9600 < len(wave) < 1.3 * 9600
        pitches = tuple(round(float(np.fft.rfft(part * np.hanning(2048)).__abs__().argmax()) * RATE / 2048 / 100)
                        for part in (wave[400:2448], wave[-2448:-400]))  # fmt: skip
        heard.add(pitches)
    assert heard == {(a, b) for a in (4, 8, 16) for b in (4, 8, 16)} - {(4, 4), (8, 8)}
    drawn = [
        number
        for seed in range(200)
        for number, *_ in [composer._utterance(np.random.default_rng(seed), composer._settings)]
    ]
    assert drawn.count(OTHER) > 190


def test_a_recorded_word_ends_where_it_ends_and_not_where_its_clip_does() -> None:
    clip = np.full(RATE, 40, np.int16)  # a little noise around a loud word of 0.3 s
    clip[6400:11200] = 8000
    recording = Recording(clip, 6400, 11200)
    alone = {"shares": (1.0, 0.0, 0.0, 0.0), "vocal_tract": (1.0, 1.0), "tilt": 0.0, "level_db": (0.0, 0.0)}
    quiet = {"silent_share": 0.0, "room_probability": 0.0, "equaliser_probability": 0.0, "noise_probability": 0.0}
    surrounded = []
    for share in (0.0, 1.0):
        settings = StretchSettings.model_validate(alone | quiet | {"surroundings": share})
        composer = StretchComposer(Speech(((recording,),), (recording,), ()), settings, RATE)
        stretch = composer.draw(np.random.default_rng(5))
        loud = np.abs(stretch.samples.astype(int)) > 3000
        for (_, end), (first, last) in zip(stretch.ends, stretch.speech, strict=False):
            assert loud[end - 4000 : end - 400].all() and not loud[end + 100 : end + 800].any()
            surrounded.append((share, last - first))
    assert {length for share, length in surrounded if not share} == {4800}
    assert max(length for share, length in surrounded if share) > 6000
