"""Streams judged from end to end: each report beside the parts that it is made of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from tone_words import LABELS, RATE, clip, noise, spotter

from kws_tfmot.data import ClipIndex
from kws_tfmot.data.audio import to_int16
from kws_tfmot.data.augment import mix_noise
from kws_tfmot.detection.posterior import ONE
from kws_tfmot.evaluation.accuracy import Accuracy
from kws_tfmot.evaluation.streaming.composed import StreamComposer, StreamSettings
from kws_tfmot.evaluation.streaming.det_curve import DetCurve, ratio_interval
from kws_tfmot.evaluation.streaming.judging import Judge
from kws_tfmot.evaluation.streaming.misses import misses_on_streams
from kws_tfmot.evaluation.streaming.product import evaluate_composed, evaluate_recordings, operating_point
from kws_tfmot.evaluation.streaming.under_noise import CLEAN, accuracy_under_noise
from kws_tfmot.frontend import Frontend

SETTINGS = StreamSettings(hours=0.02, keyword_share=0.4, seed=5)


def judge_of(index: ClipIndex, split: str) -> Judge:
    return Judge(spotter(), StreamComposer(index, split, SETTINGS).pieces())


@pytest.fixture(scope="module")
def judges(tone_index: ClipIndex) -> dict[str, Judge]:
    return {split: judge_of(tone_index, split) for split in ("test", "validation")}


def test_misses_have_thresholds_of_validation_speakers(tone_index: ClipIndex, judges: dict[str, Judge]) -> None:
    test, curve, tuned = judges["test"], DetCurve.of(judges["test"]), DetCurve.of(judges["validation"])
    targets = (500.0, 60.0, -1.0)  # the last is met by none
    found = misses_on_streams(spotter(), tone_index, SETTINGS, targets)
    assert list(found["missed_at"]) == ["500", "60", "-1"]
    for name, target in zip(found["missed_at"], targets, strict=True):
        threshold = tuned.threshold_for(target)
        assert found["missed_at_best"][name] == curve.missed_at(target)
        assert found["missed_without_one_voice_at"][name] == curve.missed_without_one_voice(target)
        at = ("missed_at", "missed_at_95", "false_accepts_per_hour_at", "threshold_at")
        if threshold is None:
            assert all(found[key][name] is None for key in at)
        else:
            point = operating_point(test, spotter().plan.with_threshold(threshold))
            kept = ("false_reject_rate", "false_reject_rate_95", "false_accepts_per_hour")
            assert [found[key][name] for key in at] == [*(point[key] for key in kept), threshold / ONE]
    assert [level is None for level in found["threshold_at"].values()] == [False, False, True]
    about = ("n", "speakers", "hours", "stream_sha256", "interpreter")
    assert [found[key] for key in about] == [test.events, 6, test.total_hours, test.sha256, "bands of tones"]
    assert list(misses_on_streams(spotter(), tone_index, SETTINGS)["missed_at"]) == ["0.5", "0.1"]


def test_a_report_of_a_composed_stream_is_that_of_its_parts(tone_index: ClipIndex, judges: dict[str, Judge]) -> None:
    figures = evaluate_composed(spotter(), tone_index, SETTINGS, per_hour=60).to_dict()
    threshold = DetCurve.of(judges["validation"]).threshold_for(60)
    assert threshold is not None and DetCurve.of(judges["test"]).threshold_for(60) is not None
    chosen = operating_point(judges["test"], spotter().plan.with_threshold(threshold))
    hours = float(judges["validation"].hours.sum())
    assert figures["chosen"] == chosen | {"tuned_on": "validation", "tuned_hours": hours}
    assert figures["own"] == operating_point(judges["test"], spotter().plan)
    assert figures["det"] == DetCurve.of(judges["test"]).points()
    composer = StreamComposer(tone_index, "test", SETTINGS)
    expected = {
        "source": tone_index.source, "split": "test", "split_sha256": tone_index.split_sha256("test"),
        "composed_of": composer.sources(), "stream": SETTINGS.model_dump(mode="json"), "hours": 0.02,
        "model_sha256": "0" * 64, "interpreter": "bands of tones", "stream_sha256": judges["test"].sha256,
        "hours_without_keywords": float(judges["test"].hours.sum()), "target_false_accepts_per_hour": 60,
    }  # fmt: skip
    assert {key: figures[key] for key in expected} == expected
    assert "under_noise" not in figures
    (few,) = figures["notes"][len(tone_index.notes) :]
    assert few.startswith(f"the target is {60 * hours:.2g} false accepts in the stream that the threshold")


def test_a_threshold_may_be_chosen_on_the_very_stream(tone_index: ClipIndex, judges: dict[str, Judge]) -> None:
    found = evaluate_composed(spotter(), tone_index, SETTINGS, split="validation", per_hour=60)
    assert found.threshold == DetCurve.of(judges["validation"]).threshold_for(60)
    figures = found.to_dict()
    assert figures["stream_sha256"] == judges["validation"].sha256 and figures["chosen"]["tuned_on"] == "validation"
    assert evaluate_composed(spotter(), tone_index, SETTINGS).to_dict()["target_false_accepts_per_hour"] == 0.5


def test_a_file_s_hours_and_latencies_are_its_own(tmp_path: Path) -> None:
    sound = np.concatenate([piece for n in range(3) for piece in (clip("low", n), noise(3 * RATE // 2, n))])
    soundfile.write(tmp_path / "day.wav", sound, RATE)
    (tmp_path / "day.csv").write_text("start,end,word\n0.1,0.4,low\n4.1,4.4,low\n")
    found = evaluate_recordings(spotter(), [tmp_path / "day.wav"])
    figures = found.to_dict()
    assert (
        figures["source"] == f"recordings: {tmp_path / 'day.wav'}" and figures["target_false_accepts_per_hour"] == 0.5
    )
    assert (figures["own"]["n"], figures["own"]["false_accepts"], figures["own"]["false_rejects"]) == (2, 1, 0)
    assert figures["hours"] == pytest.approx(6 / 3600) and figures["speakers"] == 1
    assert figures["chosen"] is None or figures["chosen"]["false_accepts_per_hour"] <= 0.5


@pytest.mark.parametrize("seed", [1, 3])
def test_every_ratio_hears_the_same_noise_at_its_own_level(tone_index: ClipIndex, seed: int) -> None:
    given = {} if seed == 1 else {"seed": seed}
    found = accuracy_under_noise(spotter(), tone_index, "test", (CLEAN, 3.0, -12.0), **given)
    audio = tone_index.audio("test")
    chosen = [n for n in range(len(audio)) if audio.class_names[audio.labels[n]] != "_silence_"]
    labels = audio.labels[chosen]
    speakers = [audio.speakers[n] for n in chosen]
    assert 0 < len(chosen) < len(audio)
    for row, ratio in zip(found, (CLEAN, 3.0, -12.0), strict=True):
        clips = audio.gather(np.array(chosen))
        if ratio != CLEAN:
            rng = np.random.default_rng([seed, *b"test"])
            clips = to_int16(
                np.stack(
                    [
                        mix_noise(
                            one.astype(np.float32), tone_index.noise.draw(rng, "test")[0].astype(np.float32), ratio
                        )
                        for one in clips
                    ]
                )
            )
        outputs = spotter().infer(Frontend(spotter().contract.frontend).features(clips))
        right = outputs.argmax(axis=1) == labels
        known = Accuracy.of(LABELS, labels, outputs).to_dict()
        who = sorted(set(speakers))
        counts = [[right[n] for n in range(len(right)) if speakers[n] == one] for one in who]
        sums, sizes = (np.r_[0.0, [float(of(each)) for each in counts]] for of in (sum, len))
        by_speaker = ratio_interval(sums, sizes)
        assert row == {key: known[key] for key in ("accuracy", "n", "interval_95", "per_class")} | {
            "snr_db": None if ratio == CLEAN else ratio,
            "speakers": 6,
            "interval_95_by_speaker": list(by_speaker or ()),
        }
    assert found[0]["accuracy"] > found[2]["accuracy"]
