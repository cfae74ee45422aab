"""The figures of an operating point, of a summary and of an interval, each beside its sum written out."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy import stats
from tone_words import spotter

from kws_tfmot.detection.detector import to_q15
from kws_tfmot.detection.posterior import ONE
from kws_tfmot.evaluation.comparison_summary import (
    FIGURES,
    _draw,
    mean_and_spread,
    summarise,
    write_comparison,
)
from kws_tfmot.evaluation.model_scores import model_input_of, scores_of
from kws_tfmot.evaluation.streaming.det_curve import DetCurve, bootstrap_weights, ratio_interval, threshold_grid
from kws_tfmot.evaluation.streaming.intervals import poisson_interval
from kws_tfmot.evaluation.streaming.judging import Outcome
from kws_tfmot.evaluation.streaming.product import _report, operating_point
from kws_tfmot.tflite.interpreter import TensorSpec

SPEAKERS = ["", *(f"s{n}" for n in range(6))]
WORDS = ["low", "high", "never said"]


def outcome(seed: int = 0) -> Outcome:
    rng = np.random.default_rng(seed)
    tables = [rng.integers(0, 9, (7, 3)) for _ in range(5)]
    for table in (tables[0], tables[1]):
        table[:, 2] = table[0] = 0
    found = Outcome(*tables)
    for k in range(3):
        for _ in range(int(tables[0][:, k].sum())):
            found.latencies.append(float(rng.normal()))
            found.hit_words.append(k)
    return found


def test_a_curve_is_what_the_judge_says_of_each_speaker_at_each_threshold() -> None:
    said = {threshold: outcome(n) for n, threshold in enumerate(threshold_grid())}
    plan = SimpleNamespace(with_threshold=lambda threshold: threshold)
    judge: Any = SimpleNamespace(plan=plan, at=said.__getitem__, speakers=SPEAKERS, hours=np.arange(7.0))
    curve = DetCurve.of(judge)
    assert curve.thresholds == tuple(said)
    for n, found in enumerate(said.values()):
        for speaker in range(7):
            assert curve.false_accepts[n, speaker] == sum(int(found.false_accepts[speaker, k]) for k in range(3))
            assert curve.false_rejects[n, speaker] == sum(int(found.false_rejects[speaker, k]) for k in range(3))
    assert curve.events.tolist() == [sum(row) for row in (found.hits + found.false_rejects).tolist()]
    assert curve.hours.tolist() == list(range(7))


def judge(found: Outcome, hours: float = 0.25) -> Any:
    weights = np.array([2.0, 1, 0.5, 0.25, 0.25, 0.5, 0.5])
    return SimpleNamespace(
        at=lambda plan: found, hours=weights * hours, speakers=SPEAKERS, keywords=WORDS, total_hours=3.0,
        sha256="f" * 64, events=9, tolerance=0.5,
    )  # fmt: skip


def test_every_figure_of_an_operating_point_is_counted() -> None:
    found, plan = outcome(), spotter(0.7).plan
    point = operating_point(judge(found), plan)
    said, hours = found.hits + found.false_rejects, 5.0 * 0.25
    assert point["thresholds"] == {"low": to_q15(0.7) / ONE, "high": to_q15(0.7) / ONE}
    accepts = int(found.false_accepts.sum())
    assert (point["false_accepts"], point["false_accepts_per_hour"]) == (accepts, pytest.approx(accepts / hours))
    assert point["false_accepts_in_background"] == found.false_accepts[0].sum()
    assert point["n"] == said.sum() and point["false_rejects"] == found.false_rejects.sum()
    assert point["false_reject_rate"] == pytest.approx(found.false_rejects.sum() / said.sum())
    assert (point["substitutions"], point["repeats"]) == (found.substitutions.sum(), found.repeats.sum())
    by_speaker = ratio_interval(found.false_rejects.sum(axis=1) * 1.0, said.sum(axis=1) * 1.0)
    assert by_speaker and point["false_reject_rate_95"] == list(by_speaker)
    by_hour = ratio_interval(found.false_accepts.sum(axis=1) * 1.0, judge(found).hours)
    assert by_hour and point["false_accepts_per_hour_95"] == list(by_hour)
    every = np.array(found.latencies)
    assert point["latency_s"] == {"median": np.median(every), "p90": np.percentile(every, 90)}
    assert list(point["per_speaker"]) == SPEAKERS[1:]
    for n, speaker in enumerate(SPEAKERS[1:], start=1):
        own = (said[n].sum(), found.false_rejects[n].sum(), found.false_accepts[n].sum())
        assert tuple(point["per_speaker"][speaker].values()) == own
    for k, word in enumerate(WORDS):
        row, own = point["per_keyword"][word], every[np.array(found.hit_words) == k]
        n, missed, wrong = said[:, k].sum(), found.false_rejects[:, k].sum(), found.false_accepts[:, k].sum()
        assert (row["n"], row["false_rejects"], row["false_accepts"]) == (n, missed, wrong)
        assert row["false_reject_rate"] == (missed / n if n else None)
        assert row["false_accepts_per_hour"] == pytest.approx(wrong / hours)
        assert row["latency_s"] == ({"median": np.median(own), "p90": np.percentile(own, 90)} if len(own) else None)


def test_without_hours_or_keywords_rates_are_unknown() -> None:
    nothing = Outcome.none(7, 3)
    point = operating_point(judge(nothing, hours=0.0), spotter().plan)
    for name in ("false_accepts_per_hour", "false_reject_rate", "latency_s", "false_reject_rate_95"):
        assert point[name] is None
    assert all(row["false_accepts_per_hour"] is None for row in point["per_keyword"].values())


def curve(accepts: list[float]) -> DetCurve:
    columns = np.array(accepts)[:, None]
    return DetCurve((10, 20, 30), columns, np.array([[1.0], [2], [3]]), np.array([9.0]), np.array([2.0]))


@pytest.mark.parametrize(("per_hour", "threshold", "warned"), [(0.5, 20, True), (1.5, 10, False), (1.49, 20, True)])
def test_a_target_of_too_few_false_accepts_is_said(per_hour: float, threshold: int, warned: bool) -> None:
    """Fewer than three in the stream that the threshold is chosen on."""
    about = {"notes": ["before"], "source": "x"}
    tuned = curve([3.0, 1, 0])
    report = _report(spotter(), judge(outcome()), curve([5.0, 4, 3]), tuned, "validation", per_hour, about)
    figures = report.to_dict()
    assert report.threshold == threshold and figures["chosen"]["tuned_on"] == "validation"
    assert figures["chosen"]["tuned_hours"] == 2.0
    assert set(figures["chosen"]["thresholds"].values()) == {threshold / ONE}
    assert len(figures["notes"]) == 1 + warned and about["notes"] == ["before"]
    assert (figures["hours"], figures["hours_without_keywords"], figures["keywords"]) == (3.0, 1.25, 9)
    assert (figures["speakers"], figures["tolerance_s"]) == (6, 0.5)
    assert figures["target_false_accepts_per_hour"] == per_hour and len(figures["det"]) == 3


def test_where_no_threshold_meets_the_target_none_is_chosen() -> None:
    report = _report(spotter(), judge(outcome()), curve([5.0] * 3), curve([9.0] * 3), "t", 1.0, {"notes": []})
    assert report.threshold is None and report.to_dict()["chosen"] is None and report.to_dict()["own"]


@pytest.mark.parametrize("count", [0, 1, 3, 17, 120])
@pytest.mark.parametrize("confidence", [0.4, 0.9, 0.95])
def test_the_exact_interval_is_that_of_the_chi_squared_distribution(count: int, confidence: float) -> None:
    tail = (1 - confidence) / 2
    low = stats.chi2.ppf(tail, 2 * count) / 2 if count else 0.0
    high = stats.chi2.ppf(1 - tail, 2 * count + 2) / 2
    assert poisson_interval(count, 2.5, confidence) == pytest.approx((low / 2.5, high / 2.5), rel=1e-9)
    if confidence == 0.95:
        assert poisson_interval(count, 2.5) == poisson_interval(count, 2.5, confidence)


def test_speakers_are_drawn_with_replacement_and_the_background_always_counts() -> None:
    weights = bootstrap_weights(6, 4000, seed=3)
    assert weights.shape == (4000, 6) and (weights[:, 0] == 1).all()
    assert weights[:, 1:].mean(axis=0) == pytest.approx(np.ones(5), abs=0.06)
    assert weights[:, 1:].var(axis=0) == pytest.approx(np.full(5, 0.8), abs=0.08)  # binomial of 5 draws
    assert bootstrap_weights(1, 7).tolist() == [[1.0]] * 7 and len(bootstrap_weights(3)) == 2000
    counts, base = np.r_[1.0, np.arange(8.0)], np.r_[2.0, np.full(8, 3.0)]
    drawn = bootstrap_weights(9)
    expected = np.percentile((drawn @ counts) / (drawn @ base), [2.5, 97.5])
    assert ratio_interval(counts, base) == pytest.approx(tuple(expected))
    assert ratio_interval(counts[:5], base[:5]) is None
    assert ratio_interval(0 * counts, base) == (0.0, 3 / 26)


def test_thresholds_are_even_in_log_odds() -> None:
    grid = np.array(threshold_grid(30))
    odds = np.log(grid[:-1] / (ONE - grid[:-1]))
    assert grid[-1] == ONE and len(grid) == 31
    np.testing.assert_allclose(np.diff(odds)[:20], (odds[-1] - odds[0]) / 29, rtol=0.02)  # above it Q15 is too coarse
    assert odds[0] == pytest.approx(-3.9, abs=1e-3) and grid[-2] == ONE - 1


def row(variant: str, target: float | None, seed: int, int8: float, **more: Any) -> dict[str, Any]:
    return {
        "variant": variant, "target": target, "seed": seed, "n": 9, "accuracy": {"int8": int8}, "nonzero_weights": 5,
        "zero_share": 0.5, "bytes": {"slim": 7}, "board": None,
    } | more  # fmt: skip


def test_a_variant_is_compared_seed_by_seed_at_its_own_sparsity_or_with_the_only_one() -> None:
    rows = [row("base", 0.5, s, a, n=10 * s) for s, a in ((1, 0.5), (2, 0.6), (3, 0.9))]
    rows += [row("base", 0.9, s, 0.1) for s in (1, 2)]
    rows += [row("new", 0.5, s, a) for s, a in ((1, 0.6), (2, 0.8), (9, 0.0))] + [row("new", 0.7, 1, 0.9)]
    entries = {(entry["variant"], entry["target"]): entry for entry in summarise(rows, "base")}
    against = entries["new", 0.5]["against"]
    assert (against["pairs"], against["baseline"]) == (2, "base") and entries["base", 0.5]["n"] == 10
    assert against["mean"] == pytest.approx(0.15) and against["spread"] == pytest.approx(0.1 / math.sqrt(2))
    assert "against" not in entries["new", 0.7]  # the baseline has other sparsities, not one
    assert not any("against" in entry for key, entry in entries.items() if key[0] == "base")
    dense = [row("dense", None, 1, 0.5), row("new", 0.5, 1, 0.75)]
    assert summarise(dense, "dense")[1]["against"]["mean"] == 0.25
    assert "against" not in summarise(dense)[1] and summarise(dense)[0]["seeds"] == [1]
    assert mean_and_spread([2.0]) == {"mean": 2.0, "spread": None}


def test_figures_are_read_from_where_a_row_has_them() -> None:
    full = row("a", None, 1, 0.5) | {
        "accuracy": {"int8": 0.5, "dense": 0.6, "float": 0.7},
        "bytes": {"slim": 1, "slim_gzip": 2, "engine_constant": 3},
        "board": {"instructions": 4, "cycles": 5, "flash_bytes": 6},
        "stream": {"missed_at": {"0.5": 7, "0.1": 8}},
        "step_ms": {"sparsify": 9, "train": 3},
        "step_cpu_ms": {"sparsify": 8, "train": 2},
    }
    known = {
        "dense_accuracy": 0.6, "float_accuracy": 0.7, "nonzero_weights": 5, "zero_share": 0.5, "file_bytes": 1,
        "gzip_bytes": 2, "engine_bytes": 3, "instructions": 4, "cycles": 5, "flash_bytes": 6, "missed_at_0.5": 7,
        "missed_at_0.1": 8, "sparse_step_over_dense": 3, "sparse_step_cpu_over_dense": 4,
    }  # fmt: skip
    assert {name: get(full) for name, get in FIGURES.items()} == known
    (entry,) = summarise([full])
    assert all(entry[name] == {"mean": value, "spread": None} for name, value in known.items())
    lacking = {name: get(row("a", None, 1, 0.5)) for name, get in FIGURES.items()}
    assert [name for name, value in lacking.items() if value is not None] == [
        "nonzero_weights", "zero_share", "file_bytes",
    ]  # fmt: skip
    half = row("a", None, 1, 0.5) | {"step_ms": {"train": 1}, "stream": {}, "board": {"instructions": 1}}
    assert FIGURES["sparse_step_over_dense"](half) is None and FIGURES["cycles"](half) is None


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.uint8, np.float32])
def test_features_are_given_in_the_model_s_own_quantisation(dtype: type) -> None:
    features = np.random.default_rng(0).integers(-128, 128, (4, 3, 2)).astype(np.int8)
    spec = TensorSpec(np.dtype(dtype), (1, 3, 2, 1), 0.5, 7)
    found = model_input_of(spec, features, 1.25)
    assert found.shape == (4, 3, 2, 1) and found.dtype == dtype
    real = features[..., None] * 1.25
    if dtype == np.int8:
        np.testing.assert_array_equal(found, features[..., None])
    elif dtype == np.float32:
        np.testing.assert_array_equal(found, real)
    else:
        limits = np.iinfo(dtype)
        np.testing.assert_array_equal(found, np.clip(np.rint(real / 0.5) + 7, limits.min, limits.max))


def test_scores_are_those_of_every_clip_in_order() -> None:
    runner = SimpleNamespace(run=lambda batch: np.stack([batch[:, 0], -batch[:, 0]], axis=1)[:, None])
    inputs = np.arange(601)[:, None]
    scores = scores_of(runner, inputs)  # type: ignore[arg-type]
    assert scores.shape == (601, 2) and scores[:, 0].tolist() == list(range(601))


def test_a_threshold_of_a_curve_is_the_least_that_is_at_least_as_high() -> None:
    found = curve([3.0, 1, 0])
    assert [found.at(level) for level in (1, 10, 11, 30, 31)] == [0, 0, 1, 2, 2]
    assert found.missed_at(1.5) == pytest.approx(1 / 9) and found.missed_at(0.0) == pytest.approx(3 / 9)
    empty = replace(found, hours=np.array([0.0]), events=np.array([0.0]))
    assert np.isnan(empty.accepts_per_hour).all() and empty.points()[0]["false_reject_rate"] is None


@pytest.mark.parametrize(("most", "scale"), [(29.0, "linear"), (31.0, "log")])
def test_a_plot_s_points_are_means_and_its_axis_is_logarithmic_beyond_threefold(most: float, scale: str) -> None:
    def entry(variant: str, bytes_: float, accuracy: float) -> dict[str, Any]:
        own = {"bytes": {"mean": bytes_, "spread": 1.0}, "accuracy": {"mean": accuracy, "spread": None}}
        return {"variant": variant, **own}

    axes = Figure().add_subplot()
    _draw(axes, [entry("a", most, 0.95), entry("b", 12.0, 0.8), entry("a", 10.0, 0.9)], "bytes")
    drawn = {box.get_label(): box.lines[0] for box in axes.containers}
    assert drawn["a"].get_xdata().tolist() == [10, most] and drawn["a"].get_ydata().tolist() == pytest.approx([90, 95])
    assert (drawn["a"].get_marker(), drawn["b"].get_marker(), axes.get_xscale()) == ("o", "s", scale)


def test_a_comparison_is_written_with_its_plot(tmp_path: Path) -> None:
    rows = [
        {"variant": v, "target": None, "seed": s, "accuracy": {"int8": a}, "n": 9, "nonzero_weights": 5,
         "zero_share": 0.0, "bytes": {"slim": 7}, "board": None, "split_sha256": "5" * 64, "interpreter": "tflm"}
        for v, s, a in (("a", 1, 0.5), ("a", 2, 0.7), ("b", 1, 0.6))
    ]  # fmt: skip
    record = {"name": "both", "rows": rows, "summary": summarise(rows)}  # type: ignore[arg-type]
    write_comparison(record, tmp_path)
    assert json.loads((tmp_path / "both.json").read_text()) == record
    assert (tmp_path / "both.png").read_bytes()[:4] == b"\x89PNG"
    write_comparison({"name": "none", "rows": [], "summary": []}, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"both.json", "both.png", "none.json"}
