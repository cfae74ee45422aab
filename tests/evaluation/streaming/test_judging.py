"""Hits, misses, false accepts by hand; the curve, the threshold for a target, and the intervals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tone_words import RATE, clip, noise, spotter

from kws_tfmot.data import ClipIndex
from kws_tfmot.detection.posterior import ONE
from kws_tfmot.errors import DataError
from kws_tfmot.evaluation.streaming.composed import StreamSettings
from kws_tfmot.evaluation.streaming.det_curve import DetCurve, bootstrap_weights, ratio_interval
from kws_tfmot.evaluation.streaming.det_plot import plot_det
from kws_tfmot.evaluation.streaming.judging import Judge
from kws_tfmot.evaluation.streaming.product import evaluate_composed, evaluate_recordings
from kws_tfmot.evaluation.streaming.truth import LabelledStream, Segment, SpokenWord


def stream(said: list[str], truth: list[tuple[str, int, str]]) -> LabelledStream:
    """A word every two seconds; ``truth`` holds word, place and speaker of what is called a keyword."""
    parts = [piece for n, word in enumerate(said) for piece in (clip(word, n), noise(3 * RATE // 2, n))]
    events = tuple(SpokenWord(word, 2 * place + 0.1, 2 * place + 0.4, speaker) for word, place, speaker in truth)
    segments = tuple(Segment(2.0 * n, 2.0 * n + 2, f"s{n % 2}") for n in range(len(said)))
    return LabelledStream.of("by hand", np.concatenate(parts), RATE, events, segments)


def test_every_kind_of_error_by_hand() -> None:
    said = ["low", "high", "high", "other", "low"]
    truth = [("low", 0, "s0"), ("high", 1, "s1"), ("low", 2, "s0"), ("high", 3, "s1")]
    judge = Judge(spotter(), [stream(said, truth)])
    outcome = judge.at(judge.plan)
    speakers = {name: place for place, name in enumerate(judge.speakers)}
    assert judge.keywords == ["low", "high"] and judge.events == 4
    assert outcome.hits.tolist()[speakers["s0"]] == [1, 0] and outcome.hits.tolist()[speakers["s1"]] == [0, 1]
    assert outcome.false_rejects.sum(axis=0).tolist() == [1, 1]  # place 2 was another keyword, 3 another word
    assert outcome.substitutions[speakers["s0"]].tolist() == [1, 0]
    assert outcome.false_accepts[speakers["s0"]].tolist() == [1, 0]  # place 4 was no keyword
    assert outcome.false_accepts.sum() == 1 and outcome.repeats.sum() == 0
    assert len(outcome.latencies) == 2 and all(-0.2 < latency < 0.4 for latency in outcome.latencies)


def test_a_second_detection_of_one_word_is_a_repeat() -> None:
    twice = np.concatenate([clip("low", 0), noise(RATE, 0), clip("low", 0), noise(RATE, 0)])
    said = LabelledStream.of("by hand", twice, RATE, (SpokenWord("low", 0.1, 1.9, "s0"),), (Segment(0.0, 3.0, "s0"),))
    judge = Judge(spotter(refractory=1), [said])
    outcome = judge.at(judge.plan)
    assert outcome.hits.sum() == 1 and outcome.repeats.sum() == 1 and outcome.false_accepts.sum() == 0
    assert judge.at(replace(judge.plan, refractory=20)).repeats.sum() == 0


def test_a_detection_counts_until_the_tolerance_after_the_word_and_no_longer() -> None:
    def judged(end: float, tolerance: float | None) -> tuple[int, int]:
        piece = stream(["low"], [])
        early = replace(piece, events=(SpokenWord("low", 0.0, end, "s0"),))
        judge = Judge(spotter(), [early], tolerance)
        outcome = judge.at(judge.plan)
        return int(outcome.hits.sum()), int(outcome.false_accepts.sum())

    first = Judge(spotter(), [stream(["low"], [("low", 0, "s0")])])
    heard = 0.4 + first.at(first.plan).latencies[0]  # seconds from the beginning
    for late in (0.1, 0.3):
        assert judged(heard - late, 1.05 * late) == (1, 0)
        assert judged(heard - late, 0.95 * late) == (0, 1)
    window = first.tolerance
    assert judged(heard - 0.95 * window, None) == (1, 0)
    assert judged(heard - 1.05 * window, None) == (0, 1)


def test_hours_are_those_without_keywords() -> None:
    none = Judge(spotter(), [stream(["mid"] * 10, [])])
    some = Judge(spotter(), [stream(["mid"] * 10, [("low", 3, "s1"), ("low", 5, "s1")])])
    assert none.total_hours == some.total_hours == 20 / 3600
    assert none.hours.sum() * 3600 == pytest.approx(20 - 0.5, abs=0.11)  # from the first full window on
    assert (none.hours.sum() - some.hours.sum()) * 3600 == pytest.approx(2 * (0.3 + 0.5), abs=0.11)
    inferences = len(spotter().outputs(stream(["mid"] * 10, []).samples))
    assert none.hours.sum() * 3600 == pytest.approx(inferences * 5 * 20 / 1000, rel=1e-12)


def test_a_stream_s_detector_begins_anew() -> None:
    piece = stream(["low", "high"], [("low", 0, "s0"), ("high", 1, "s1")])
    one, two = Judge(spotter(), [piece]), Judge(spotter(), [piece, piece])
    assert two.at(two.plan).hits.tolist() == (2 * one.at(one.plan).hits).tolist()


@pytest.fixture(scope="module")
def curve() -> DetCurve:
    """Three thresholds, two speakers besides the background."""
    accepts = np.array([[4.0, 2, 2], [0, 2, 0], [0, 1, 0]])
    rejects = np.array([[0.0, 1, 0], [0, 2, 1], [0, 5, 5]])
    return DetCurve((10, 20, 30), accepts, rejects, np.array([0.0, 10, 10]), np.array([1.0, 0.5, 0.5]))


def test_the_curve_s_rates(curve: DetCurve) -> None:
    assert curve.accepts_per_hour.tolist() == [4, 1, 0.5]
    assert curve.reject_rate.tolist() == [0.05, 0.15, 0.5]
    assert curve.points()[1] == {"threshold": 20 / ONE, "false_accepts_per_hour": 1.0, "false_reject_rate": 0.15}


@pytest.mark.parametrize(("per_hour", "threshold"), [(5, 10), (4, 10), (3.9, 20), (1, 20), (0.5, 30), (0.4, None)])
def test_the_threshold_for_a_target(curve: DetCurve, per_hour: float, threshold: int | None) -> None:
    assert curve.threshold_for(per_hour) == threshold


def test_one_voice_that_decides_is_reported_apart() -> None:
    accepts = np.array([[0.0, 30, 2], [0, 20, 0], [0, 0, 0]])  # the first speaker's clip is accepted up to the top
    rejects = np.array([[0.0, 1, 1], [0, 2, 1], [0, 8, 9]])
    curve = DetCurve((10, 20, 30), accepts, rejects, np.array([0.0, 10, 10]), np.array([1.0, 0.5, 0.5]))
    assert curve.missed_at(0.5) == 17 / 20
    assert curve.missed_without_one_voice(0.5) == 1 / 10  # at 20, the other speaker alone
    assert curve.missed_at(20) == 1 / 10
    assert curve.missed_at(9) == 17 / 20
    assert curve.missed_without_one_voice(9) == 1 / 10


def test_a_curve_that_rises_again_is_not_trusted() -> None:
    ones = np.ones((3, 1))
    curve = DetCurve((10, 20, 30), np.array([[1.0], [0], [2]]) * ones, ones, np.ones(1), np.ones(1))
    assert curve.threshold_for(1.5) is None


def test_intervals_by_speaker_cover_the_true_rate() -> None:
    """Speakers that differ: the interval by speaker holds the true mean about as often as it should."""
    rng = np.random.default_rng(4)
    covered = 0
    for _ in range(60):
        rate = rng.beta(2, 8, 40)
        counts = rng.binomial(20, rate).astype(float)
        low, high = ratio_interval(np.r_[0.0, counts], np.r_[0.0, np.full(40, 20.0)])
        covered += low <= 0.2 <= high
    assert 50 <= covered <= 60


def test_intervals_need_speakers() -> None:
    assert ratio_interval(np.array([0.0, 1, 1]), np.array([0.0, 9, 9])) is None
    weights = bootstrap_weights(8, 50)
    assert (weights[:, 0] == 1).all() and (weights[:, 1:].sum(axis=1) == 7).all()


def test_a_composed_stream_is_judged_and_its_threshold_kept_honest(tone_index: ClipIndex, tmp_path) -> None:
    settings = StreamSettings(hours=0.04, keyword_share=0.4)
    report = evaluate_composed(spotter(), tone_index, settings, per_hour=40, snr_db=(float("inf"), -10))
    figures = report.to_dict()
    chosen = figures["chosen"]
    assert chosen["tuned_on"] == "validation" and set(chosen["thresholds"]) == {"low", "high"}
    assert chosen["n"] == figures["keywords"] == sum(row["n"] for row in chosen["per_keyword"].values())
    assert chosen["n"] == sum(row["n"] for row in chosen["per_speaker"].values()) > 20
    assert chosen["false_reject_rate"] < 0.2
    assert chosen["latency_s"]["median"] <= chosen["latency_s"]["p90"] < 0.4
    rates = [point["false_reject_rate"] for point in figures["det"]]
    assert rates[-1] > rates[0]
    clean, drowned = figures["under_noise"]
    assert clean["accuracy"] > 0.95 > drowned["accuracy"] and clean["snr_db"] is None
    for row in (clean, drowned):
        low, high = row["interval_95_by_speaker"]
        assert low <= row["accuracy"] <= high and (high < 1) == (row is drowned)
    again = evaluate_composed(spotter(), tone_index, settings, per_hour=40, snr_db=(float("inf"), -10))
    assert again.to_dict() == figures
    assert plot_det({"tones": report}, "tones", tmp_path / "det.png").read_bytes()[:4] == b"\x89PNG"


def test_data_of_another_model_are_refused(tone_index: ClipIndex) -> None:
    model = spotter()
    object.__setattr__(model.contract, "labels", ("a", "b", "c", "d"))
    with pytest.raises(DataError, match="the model a, b, c, d"):
        evaluate_composed(model, tone_index, StreamSettings(hours=0.01))


def test_recordings_with_a_label_track(tmp_path) -> None:
    import soundfile

    piece = stream(["low", "other", "high", "mid", "low"], [])
    soundfile.write(tmp_path / "day.wav", piece.samples, RATE)
    (tmp_path / "day.csv").write_text("start,end,word\n0.1,0.4,low\n2.1,2.4,other\n4.1,4.4,high\n8.1,8.4,low\n")
    figures = evaluate_recordings(spotter(), [tmp_path], per_hour=1).to_dict()
    assert figures["own"]["n"] == 3 and figures["own"]["false_rejects"] == 0 and figures["own"]["false_accepts"] == 0
    assert figures["own"]["false_reject_rate_95"] is None  # one speaker
    assert figures["chosen"]["tuned_on"] == "the same recordings"
