"""Files with and without words, counted: whose they are, at which thresholds, and what is written of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tone_words import spotter

from kws_tfmot.detection.posterior import ONE
from kws_tfmot.errors import DataError
from kws_tfmot.evaluation.streaming import recordings_det
from kws_tfmot.evaluation.streaming.det_curve import ratio_interval, threshold_grid
from kws_tfmot.evaluation.streaming.heard_files import Readings
from kws_tfmot.evaluation.streaming.intervals import poisson_interval
from kws_tfmot.evaluation.streaming.recordings_det import Counted, count_files, evaluate_files, figures_of
from kws_tfmot.evaluation.streaming.word_files import WordFiles

THRESHOLD = 20000
# What the keywords' posteriors reach one after another in each file, for `low` and `high`.
HEARD = {
    "aa1_nohash_0.wav": ([25000], []),
    "aa2_nohash_0.wav": ([15000], [30000]),  # the other word alone
    "aa2_nohash_1.wav": ([32000, 21000], []),  # twice
    "bb3_nohash_0.wav": ([], [26000]),
    "aa1_nohash_1.wav": ([], []),
    "talk.wav": ([22000, 9000], []),
    "aa2_nohash_2.wav": ([], [30000, 30000]),
    "bb3_nohash_2.wav": ([], []),
}
SECONDS = {"talk.wav": 3600.0, "aa2_nohash_2.wav": 1800.0, "bb3_nohash_2.wav": 9000.0}


def model() -> Any:
    made = spotter(threshold=THRESHOLD / ONE, refractory=1)
    return replace(made, plan=replace(made.plan, window=1, stride=1))


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> WordFiles:
    """Files whose scores are those of :data:`HEARD`; one of each kind cannot be read."""

    def hear(model: object, paths: Iterable[Path], readings: Readings, reporter: object, what: str) -> Iterator[Any]:
        for path in paths:
            if path.name not in HEARD:
                readings.unreadable.append((path.name, "broken"))
                continue
            rows = [[0, 0]]
            for column, levels in enumerate(HEARD[path.name]):
                for level in levels:
                    rows += [[level * (column == 0), level * (column == 1)], [0, 0]]
            readings.read += 1
            readings.seconds += SECONDS.get(path.name, 1.0)
            if path.name == "talk.wav":
                readings.odd.append((path.name, "quiet"))
            yield path, SECONDS.get(path.name, 1.0), [np.array(rows, np.uint16)]

    monkeypatch.setattr(recordings_det, "hear_files", hear)
    low = ("aa1_nohash_0.wav", "aa2_nohash_0.wav", "cc4_nohash_0.wav", "aa2_nohash_1.wav")
    high = ("bb3_nohash_0.wav", "aa1_nohash_1.wav")
    positives = {"low": tuple(map(Path, low)), "high": tuple(map(Path, high))}
    return WordFiles(positives, tuple(map(Path, (*SECONDS, "dd5_nohash_0.wav"))), ("left out",))


def test_detections_are_counted_by_file_threshold_and_word(files: WordFiles) -> None:
    said, unsaid = Readings(), Readings()
    found = count_files(model(), files, said, unsaid)
    assert found.keywords == ("low", "high") and found.thresholds == tuple(threshold_grid(240))
    assert (said.read, unsaid.read, found.by, found.wakes) == (5, 3, "speaker", None)
    assert found.names == ("aa1", "aa2", "cc4", "bb3", "talk.wav", "dd5")
    assert found.said.tolist() == [0, 0, 0, 1, 1]
    assert [found.names[number] for number in found.who] == ["aa1", "aa2", "aa2", "bb3", "aa1"]
    assert found.hours.tolist() == [0.0, 0.5, 0.0, 2.5, 1.0, 0.0]
    read = [path.name for paths in files.positives.values() for path in paths if path.name in HEARD]
    for point, threshold in enumerate((THRESHOLD, *found.thresholds)):
        counts = {name: [sum(level >= threshold for level in levels) for levels in HEARD[name]] for name in HEARD}
        assert found.heard[:, point].tolist() == [counts[name] for name in read]
        assert found.accepts[:, point].tolist() == [
            [0, 0], counts["aa2_nohash_2.wav"], [0, 0], [0, 0], counts["talk.wav"], [0, 0],
        ]  # fmt: skip


def test_a_report_of_files_is_their_sum(files: WordFiles) -> None:
    found = evaluate_files(model(), files, (0.3, 0.2))
    figures, counted = found.to_dict(), count_files(model(), files, Readings(), Readings())
    assert figures["hours"] == 4.0 and figures["target_false_accepts_per_hour"] == 0.3
    assert figures["notes"] == [
        "left out",
        "positives: 1 files could not be read: cc4_nohash_0.wav: broken",
        "negatives: 1 files could not be read: dd5_nohash_0.wav: broken",
        "negatives: 1 files are odd: talk.wav: quiet",
        "4.00 h of negatives: 0.2 false accepts an hour means that there is not one",
    ]
    for k, word in enumerate(("low", "high")):
        expected = figures_of(counted, [k], (0.3, 0.2))
        other = {"threshold": THRESHOLD / ONE, "other_words_heard": (1, 0)[k]}
        assert figures["words"][word] == expected | other
    assert figures["total"] == figures_of(counted, [0, 1], (0.3, 0.2))
    low, total = figures["words"]["low"], figures["total"]
    assert (low["missed"], low["detections_per_heard"]) == (pytest.approx(1 / 3), 1.5)
    assert (total["n"], total["missed"], total["detections_per_heard"]) == (5, 0.4, pytest.approx(4 / 3))
    assert (total["false_accepts"], total["false_accepts_per_hour"]) == (3, 0.75)
    assert (figures["positives"], figures["negatives"], figures["interval_by"]) == (5, 3, "speaker")
    assert figures["unreadable"] == [{"file": f"{name}_nohash_0.wav", "reason": "broken"} for name in ("cc4", "dd5")]
    assert figures["odd"] == [{"file": "talk.wav", "reason": "quiet"}]
    assert figures["chosen"] is None and found.threshold is None and "wakes_per_hour" not in figures
    assert (figures["interpreter"], figures["model_sha256"]) == ("bands of tones", "0" * 64)
    assert figures["context_s"] == (500 + model().contract.frontend.hop_ms) / 1000
    assert list(evaluate_files(model(), files).to_dict()["total"]["missed_at"]) == ["0.5", "0.1"]
    for point, (accepts, rejects) in enumerate(zip(found.curve.false_accepts, found.curve.false_rejects, strict=True)):
        assert accepts.tolist() == [0.0, *counted.accepts[:, point + 1].sum(axis=1)]
        own = [counted.heard[n, point + 1, counted.said[n]] == 0 for n in range(5)]
        assert rejects.tolist() == [0.0, *(sum(own[n] for n in range(5) if counted.who[n] == who) for who in range(6))]
    assert found.curve.events.tolist() == [0.0, 2, 2, 0, 1, 0, 0] and found.curve.hours.tolist() == [
        0.0,
        *counted.hours,
    ]
    assert found.curve.thresholds == counted.thresholds


@pytest.mark.parametrize(("lost", "what"), [("positives", "cc4"), ("negatives", "dd5")])
def test_files_none_of_which_can_be_read_are_refused(files: WordFiles, lost: str, what: str) -> None:
    path = Path(f"{what}_nohash_0.wav")
    given = replace(files, **{lost: {"low": (path,)} if lost == "positives" else (path,)})
    with pytest.raises(DataError, match=rf"none of the {lost} can be read\. 1 files could not be read: {what}"):
        evaluate_files(model(), given)


def test_one_nameless_positive_makes_every_file_its_own(files: WordFiles) -> None:
    given = replace(files, positives={"low": (Path("aa1_nohash_0.wav"), Path("talk.wav"))})
    found = count_files(model(), given, Readings(), Readings())
    assert found.by == "file" and found.names == (
        "aa1_nohash_0.wav", "talk.wav", "aa2_nohash_2.wav", "bb3_nohash_2.wav", "dd5_nohash_0.wav",
    )  # fmt: skip


def counted(seed: int, who: int = 7) -> Counted:
    rng = np.random.default_rng(seed)
    heard, accepts = rng.poisson(0.8, (30, 4, 2)), rng.poisson(0.5, (who, 4, 2))
    return Counted(("a", "b"), (900, 1900, 2900), rng.integers(0, 2, 30), heard.astype(np.int32),
                   rng.integers(0, who, 30), accepts.astype(np.int32), rng.uniform(0.2, 1, who),
                   tuple("uvwxyz0"[:who]), "speaker")  # fmt: skip


@pytest.mark.parametrize("seed", range(6))
def test_intervals_are_over_whoever_is_counted(seed: int) -> None:
    found = counted(seed)
    for words in ([0], [1], [0, 1]):
        figures = figures_of(found, words, (5.0, 0.9, 1e-9))
        point = found.point_for(words, 5.0)
        assert point is not None
        for key, at in ((figures["missed_95"], 0), (figures["missed_at_95"]["5"], point)):
            interval = ratio_interval(*found.missed_by(words, at))
            assert key == (list(interval) if interval else None)
        by_who = ratio_interval(*found.accepts_by(words, 0))
        assert by_who and figures["false_accepts_per_hour_95"] == list(by_who)
        assert found.missed(words).shape == (np.isin(found.said, words).sum(), 4)
    few = counted(seed, who=3)
    figures = figures_of(few, [0, 1], ())
    assert figures["missed_95"] is None
    exact = poisson_interval(figures["false_accepts"], float(few.hours.sum()))
    assert figures["false_accepts_per_hour_95"] == list(exact)


def test_of_a_word_that_nobody_says_nothing_is_known_but_its_false_accepts() -> None:
    found = replace(
        counted(0), said=np.zeros(30, int), accepts=np.array([[[0, 2], [0, 2], [0, 1], [0, 0]]] * 7, np.int32)
    )
    figures = figures_of(found, [1], (0.5, 100.0))
    assert (figures["n"], figures["missed"], figures["missed_95"], figures["detections_per_heard"]) == (
        0,
        None,
        None,
        None,
    )
    assert figures["false_accepts"] == 14 and figures["missed_at"] == figures["missed_at_95"] == {
        "0.5": None,
        "100": None,
    }
    assert figures["threshold_at"] == {"0.5": 2900 / ONE, "100": 900 / ONE}
    never = replace(found, accepts=found.accepts + 1)
    assert figures_of(never, [0], (0.5,))["missed_at"] == {"0.5": 1.0}
    assert (
        figures_of(never, [0], (0.5,))["threshold_at"]
        == {"0.5": None}
        == figures_of(never, [0], (0.5,))["missed_at_95"]
    )
