"""Misses against false accepts an hour on recordings as they are, by hand, with words that are tones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tone_words import RATE, clip, noise, spotter

from kws_tfmot.detection.detector import to_q15
from kws_tfmot.errors import DataError
from kws_tfmot.evaluation.streaming.heard_files import context_seconds, near_silence
from kws_tfmot.evaluation.streaming.recordings_det import Counted, evaluate_files, figures_of
from kws_tfmot.evaluation.streaming.spotter import ScoreStream
from kws_tfmot.evaluation.streaming.tally import Tally
from kws_tfmot.evaluation.streaming.word_files import word_files


def test_what_is_counted_by_speaker_begins_with_a_background_that_counts_nothing() -> None:
    """Intervals draw whole speakers; column 0 is always in, so whatever stood there would be in every draw."""
    heard = np.zeros((3, 2, 2), np.int32)
    heard[1, :, 0] = 1
    accepts = np.array([[[4, 1], [2, 0]], [[0, 3], [0, 1]]], np.int32)
    found = Counted(("low", "high"), (100,), np.array([0, 0, 1]), heard, np.array([0, 1, 1]), accepts,
                    np.array([0.5, 1.5]), ("ann", "bob"), "speaker")  # fmt: skip
    missed, said = found.missed_by([0], 0)
    assert missed.tolist() == [0, 1, 0] and said.tolist() == [0, 1, 1]
    wrong, hours = found.accepts_by([0, 1], 1)
    assert wrong.tolist() == [0, 2, 1] and hours.tolist() == [0, 0.5, 1.5]


@pytest.mark.parametrize("seed", range(20))
def test_figures_at_the_models_thresholds_and_at_targets_written_out(seed: int) -> None:
    rng, thresholds = np.random.default_rng(seed), (5000, 9000, 20000, 31000)
    said, who = rng.integers(0, 2, 12), rng.integers(0, 3, 12)
    heard, accepts = rng.integers(0, 3, (12, 5, 2)), rng.poisson(0.7, (3, 5, 2))
    hours = rng.uniform(0.2, 1.0, 3)
    counted = Counted(("a", "b"), thresholds, said, heard.astype(np.int32), who, accepts.astype(np.int32), hours,
                      ("x", "y", "z"), "speaker")  # fmt: skip
    for word in (0, 1):
        found = figures_of(counted, [word], (0.5, 1.2, 2.0))
        own = [list(heard[n, :, word]) for n in range(12) if said[n] == word]
        missed = [sum(row[point] == 0 for row in own) / len(own) for point in range(5)]
        rates = [accepts[:, point, word].sum() / hours.sum() for point in range(5)]
        several = [row[0] for row in own if row[0]]
        assert (found["n"], found["missed"]) == (len(own), pytest.approx(missed[0]))
        assert (found["false_accepts"], found["false_accepts_per_hour"]) == (
            accepts[:, 0, word].sum(),
            pytest.approx(rates[0]),
        )
        assert found["detections_per_heard"] == (pytest.approx(np.mean(several)) if several else None)
        for target in (0.5, 1.2, 2.0):
            allowed = [point for point in range(1, 5) if max(rates[point:]) <= target]
            best = min(allowed, key=lambda point: (missed[point], point), default=None)
            at, level = found["missed_at"][f"{target:g}"], found["threshold_at"][f"{target:g}"]
            assert at == pytest.approx(missed[best] if best else 1.0)
            assert level == (thresholds[best - 1] / 32768 if best else None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """``low`` said by 6 people, once truly another word; ``high`` by 2; talk with one ``low`` in 10 s; odd files."""
    for name in ("low", "high", "talk/deep/er"):
        (tmp_path / name).mkdir(parents=True)
    for n in range(6):
        soundfile.write(tmp_path / "low" / f"aa{n}_nohash_0.wav", clip("low" if n else "other", n), RATE)
    for n in range(2):
        soundfile.write(tmp_path / "high" / f"aa{n}_nohash_0.flac", clip("high", n)[1600:], RATE)
    talk = [noise(RATE, n) if n % 2 else clip("low" if n == 8 else "mid", n) for n in range(14)]
    sound = np.concatenate(talk)
    soundfile.write(tmp_path / "talk" / "deep" / "er" / "long.wav", np.stack([sound, sound], axis=1), RATE)
    soundfile.write(tmp_path / "talk" / "short.ogg", clip("other", 3)[: RATE // 4], RATE)
    (tmp_path / "talk" / "broken.MP3").write_bytes(b"no sound at all")
    (tmp_path / "talk" / "notes.txt").write_text("no sound")
    (tmp_path / "talk" / "._short.ogg").write_bytes(b"hidden")
    return tmp_path


def judged(folder: Path, **values: float) -> dict:
    files = word_files([f"low={folder}/low", f" HIGH={folder}/high"], [folder / "talk"], ("low", "high"))
    return evaluate_files(spotter(**values), files, (400.0, 0.5)).to_dict()


def test_misses_and_false_accepts_by_hand(folder: Path) -> None:
    found = judged(folder)
    low, high = found["words"]["low"], found["words"]["high"]
    long = 7 * RATE + 7 * len(clip("mid", 0))
    assert found["hours"] == pytest.approx((long + RATE // 4) / RATE / 3600, rel=1e-3)
    assert (low["n"], low["missed"], high["n"], high["missed"]) == (6, pytest.approx(1 / 6), 2, 0.0)
    assert low["false_accepts"] == 1 and low["false_accepts_per_hour"] == pytest.approx(1 / found["hours"])
    assert high["false_accepts"] == 0 and low["detections_per_heard"] == 1.0
    assert low["missed_at"] == {"400": pytest.approx(1 / 6), "0.5": 1.0}
    assert high["missed_at"] == {"400": 0.0, "0.5": 0.0}
    assert found["total"]["n"] == 8 and found["interval_by"] == "speaker"
    assert [row["reason"][:12] for row in found["unreadable"]] == ["not readable"]
    assert any("means that there is not one" in note for note in found["notes"])


def test_a_clip_shorter_than_the_window_is_heard_wherever_the_word_stands(tmp_path: Path) -> None:
    model = spotter()
    length = model.contract.frontend.clip_samples
    word = clip("low", 4)[RATE // 10 : RATE * 4 // 10]
    assert len(word) < length and context_seconds(model) > length / RATE
    (tmp_path / "low").mkdir()
    (tmp_path / "none").mkdir()
    soundfile.write(tmp_path / "low" / "a.wav", word, RATE)
    soundfile.write(tmp_path / "none" / "a.wav", noise(RATE // 10, 0), RATE)
    files = word_files([f"low={tmp_path}/low"], [tmp_path / "none"], ("low", "high"))
    found = evaluate_files(model, files).to_dict()
    assert found["words"]["low"]["missed"] == 0.0 and found["words"]["high"]["n"] == 0
    assert found["words"]["high"]["missed"] is None and found["interval_by"] == "file"


def test_scores_by_pieces_are_those_of_the_whole() -> None:
    samples = np.concatenate([clip("low", 1), noise(RATE, 1), clip("high", 2)])
    for stride in (1, 5, 70):
        model = spotter()
        model = replace(model, plan=replace(model.plan, stride=stride))
        stream = ScoreStream(model)
        pieces = [stream.push(piece) for piece in np.array_split(samples, [5, 800, 801, 9000, 20000])]
        np.testing.assert_array_equal(np.concatenate(pieces), model.plan.smooth(model.outputs(samples)))


def test_recordings_are_counted_apart_however_they_are_cut() -> None:
    plan = spotter().plan
    rng = np.random.default_rng(0)
    streams = [rng.integers(0, 32768, (rng.integers(1, 90), 2)).astype(np.uint16) for _ in range(20)]
    tally = Tally(plan, [9000, 20000, 32768], len(streams))
    for owner, rows in enumerate(streams):
        tally.add(owner, np.array_split(rows, 3))
    counts = tally.finish()
    for owner, rows in enumerate(streams):
        for place, level in enumerate((plan.thresholds[0], 9000, 20000, 32768)):
            padded = np.pad(rows.astype(np.int64), ((0, 0), (0, 2)))
            found = [each.label for each in plan.with_threshold(level).decide(padded)]
            assert counts[owner, place].tolist() == [found.count(0), found.count(1)]


def test_files_that_are_both_are_no_negatives(folder: Path) -> None:
    files = word_files([f"low={folder}/low"], [folder], ("low", "high"))
    assert {path.name for path in files.negatives} == {"long.wav", "short.ogg", "broken.MP3"}
    assert files.notes[0].startswith("6 files are given as positives") and files.notes[1].startswith("2 files lie in")


@pytest.mark.parametrize(
    ("positives", "negatives", "reported"),
    [
        (["lo=LOW"], ["TALK"], r"does not know the word 'lo'.*Did you mean 'low'"),
        (["LOW"], ["TALK"], "expected WORD=FOLDER"),
        (["low=LOW"], [], "1 positives and 0 negatives"),
        (["low=LOW/none"], ["TALK"], "no folder or sound file"),
        (["low=EMPTY"], ["TALK"], "no sound file in"),
        (["low=LOW"], ["LOW"], "no negative is left: 6 files"),
    ],
)
def test_what_cannot_be_judged_is_refused(
    folder: Path, positives: list[str], negatives: list[str], reported: str
) -> None:
    (folder / "empty").mkdir()
    known = {"LOW": f"{folder}/low", "TALK": f"{folder}/talk", "EMPTY": f"{folder}/empty"}

    def filled(texts: list[str]) -> list[str]:
        for name, path in known.items():
            texts = [text.replace(name, path) for text in texts]
        return texts

    with pytest.raises(DataError, match=reported):
        word_files(filled(positives), filled(negatives), ("low", "high"))


def test_nothing_readable_is_an_error_that_names_it(tmp_path: Path) -> None:
    for name in ("low", "talk"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.wav").write_bytes(b"")
    files = word_files([f"low={tmp_path}/low"], [tmp_path / "talk"], ("low", "high"))
    with pytest.raises(DataError, match=r"none of the positives can be read.*empty"):
        evaluate_files(spotter(), files)


def test_near_silence_stays_within_its_bounds() -> None:
    from kws_tfmot.data.levels import SoundLevels

    for floor, expected in ((-200.0, -84), (-70.0, -70), (-10.0, -60)):
        rms = near_silence(SoundLevels(1, 1, 0, 0, floor, 0, 0), 50_000).astype(float).std()
        assert 20 * np.log10(rms / 32768) == pytest.approx(expected, abs=0.5)
    assert to_q15(1.0) == 32768
