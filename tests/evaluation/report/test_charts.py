"""The charts of a report, by their coordinates: everything is drawn, inside the plot, where its figures say."""

from __future__ import annotations

import base64
import io
import math
import re
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from matplotlib import colormaps, image

from kws_tfmot.evaluation.report.charts import arena_chart, det_chart, pareto_charts
from kws_tfmot.evaluation.report.clips import _one_of_each, feature_picture
from kws_tfmot.evaluation.report.svg import BOTTOM, COLOURS, LEFT, RIGHT, TOP, Chart, ChartAxis


def numbers(pattern: str, markup: str) -> list[tuple[float, ...]]:
    return [tuple(map(float, found)) for found in re.findall(pattern, str(markup))]


def dots(markup: str) -> list[tuple[float, ...]]:
    return numbers(r'<circle class="dot s(\d)" cx="([\d.-]+)" cy="([\d.-]+)"', markup)


def lines(markup: str) -> list[list[tuple[float, float]]]:
    """The corners of every polyline."""
    found = re.findall(r'<polyline class="[^"]*" points="([^"]*)"', str(markup))
    return [[(float(x), float(y)) for x, y in (corner.split(",") for corner in points.split())] for points in found]


def inside(markup: str, height: float) -> None:
    """Nothing that is drawn lies outside the axes."""
    places = [corner for line in lines(markup) for corner in line] + [(x, y) for _, x, y in dots(markup)]
    places += [(x, y) for x, y in numbers(r'class="line s\d" x1="([\d.-]+)" y1="([\d.-]+)"', markup)]
    places += [(x, y) for x, y in numbers(r'<rect class="box s\d" x="([\d.-]+)" y="([\d.-]+)"', markup)]
    assert places
    assert all(LEFT <= x <= 720 - RIGHT and TOP <= y <= height - BOTTOM for x, y in places)


def curve(accepts: list[float], rejects: list[float], hours: float, keywords: int, **chosen: float) -> dict[str, Any]:
    points = [
        {"threshold": i / 10, "false_accepts_per_hour": x, "false_reject_rate": y}
        for i, (x, y) in enumerate(zip(accepts, rejects, strict=True))
    ]
    return {
        **{"det": points, "hours_without_keywords": hours, "keywords": keywords, "chosen": chosen or None},
        "target_false_accepts_per_hour": 0.5,
    }


def test_a_det_curve_holds_half_of_one_error_where_none_was_counted() -> None:
    chart = det_chart({"a": curve([50.0, 4.0, 0.0], [0.0, 0.1, 0.5], 2.0, 20)})
    inside(chart, 340)
    corners = lines(chart)[0]
    # From the highest threshold: none in two hours is drawn at 0.25 an hour, none of 20 missed at 2.5 %.
    axis = ChartAxis(0.25 * 0.8, 50 * 1.25, "", log=True), ChartAxis(2.5 * 0.8, 100, "", log=True)
    where = Chart("", "", "", *axis).at
    assert corners[0] == pytest.approx(where(0.25, 50.0))
    assert corners[-1] == pytest.approx(where(50.0, 2.5))
    assert where(4.0, 10.0) in corners and len(corners) == 5  # steps: each value holds up to the next


def test_a_det_curve_of_nearly_nothing_is_drawn_too() -> None:
    short = curve([1.0, 0.0], [0.0, 1.0], 0.1, 1)
    nothing = curve([0.0], [1.0], 0.0, 0) | {"det": []}
    inside(det_chart({"short": short}), 340)
    assert lines(det_chart({"short": short, "nothing": nothing}))[1] == []


def test_a_chosen_point_is_a_dot_on_its_figures() -> None:
    rows = {
        "a": curve([50.0, 0.0], [0.0, 0.5], 2.0, 20, false_accepts_per_hour=0.0, false_reject_rate=0.0),
        "b": curve([10.0, 1.0], [0.1, 0.4], 2.0, 20, false_accepts_per_hour=4.0, false_reject_rate=0.2),
    }
    chart = det_chart(rows)
    where = Chart("", "", "", ChartAxis(0.2, 62.5, "", log=True), ChartAxis(2.0, 100, "", log=True)).at
    assert dots(chart) == [(0, *where(0.25, 2.5)), (1, *where(4.0, 20.0))]
    assert re.findall(r' r="([\d.]+)"', str(chart)) == ["6.5", "6.5"]  # larger than those of other charts


def test_every_mean_of_a_comparison_has_its_bar_and_dot() -> None:
    def row(variant: str, weights: float, mean: float, spread: float | None, target: float | None) -> dict[str, Any]:
        return {
            **{"variant": variant, "target": target, "accuracy": {"mean": mean, "spread": spread}},
            "nonzero_weights": {"mean": weights},
        }

    summary = [row("dense", 40.0, 0.95, 0.01, None), row("pruned", 20.0, 0.94, 0.02, 0.5)]
    summary.append(row("pruned", 15.0, 0.9, None, 0.75))
    (chart,) = pareto_charts({"name": "c", "summary": summary}, {"nonzero_weights": 30.0}, 0.92)
    inside(chart, 300)
    margin = 0.08 * 25.0
    low, high = 90.0, 96.0  # of means and of what spreads reach
    where = Chart(
        "", "", "", ChartAxis(15 - margin, 40 + margin, ""), ChartAxis(low - 0.6, high + 0.6, ""), height=300
    ).at
    expected = [(0, 40.0, 95.0), (1, 15.0, 90.0), (1, 20.0, 94.0), (COLOURS - 1, 30.0, 92.0)]
    assert dots(chart) == [(colour, *where(x, y)) for colour, x, y in expected]
    bars = numbers(r'class="line s\d" x1="([\d.-]+)" y1="([\d.-]+)" x2="([\d.-]+)" y2="([\d.-]+)"', chart)
    ends = [(40.0, 94.0, 96.0), (15.0, 90.0, 90.0), (20.0, 92.0, 96.0)]
    assert bars == [(*where(x, bottom), *where(x, top)) for x, bottom, top in ends]
    assert [len(line) for line in lines(chart)] == [1, 2]
    assert "this run: 92.00 %, 30 non-zero weights" in chart
    assert "94.00 ± 2.00 %, 20 non-zero weights" in chart and "pruned at sparsity 0.5" in chart


@pytest.mark.parametrize(("most", "logarithmic"), [(39.0, False), (41.0, True)])
def test_a_wide_range_of_costs_is_logarithmic(most: float, logarithmic: bool) -> None:
    summary = [
        {"variant": "v", "target": None, "accuracy": {"mean": 0.9, "spread": 0.0}, "instructions": {"mean": x}}
        for x in (10.0, 20.0, most)
    ]
    (chart,) = pareto_charts({"name": "c", "summary": summary}, {}, 0.9)
    first, middle, last = (x for _, x, _ in dots(chart))
    share = math.log(2) / math.log(most / 10) if logarithmic else 10 / (most - 10)
    assert (middle - first) / (last - first) == pytest.approx(share, abs=1e-3)


def test_bytes_of_the_engine_replace_those_of_the_file() -> None:
    row = {"variant": "v", "target": None, "accuracy": {"mean": 0.9, "spread": 0.1}}
    costs = {key: {"mean": 9.0} for key in ("engine_bytes", "file_bytes", "cycles")}
    charts = pareto_charts({"name": "c", "summary": [row | costs]}, {}, 0.9)
    assert [re.findall(r'id="pareto-(\w+)-t"', chart)[0] for chart in charts] == ["engine_bytes", "cycles"]


def test_a_memory_plan_is_drawn_byte_by_byte() -> None:
    spans = [
        {"layer": None, "kind": "activation", "first": 0, "last": 0, "start": 0, "size": 40},
        {"layer": 1, "kind": "scratch", "first": 1, "last": 2, "start": 60, "size": 40},
    ]
    chart = arena_chart({"layers": [{}, {}, {}], "arena": 100, "spans": spans}, ["one", "two", "three"])
    inside(chart, 340)
    width, height = (720 - LEFT - RIGHT) / 3, (340 - TOP - BOTTOM) / 100
    boxes = numbers(r'box s(\d)" x="([\d.-]+)" y="([\d.-]+)" width="([\d.-]+)" height="([\d.-]+)"', chart)
    expected = [(0, LEFT, TOP + 60 * height, width, 40 * height), (1, LEFT + width, TOP, 2 * width, 40 * height)]
    np.testing.assert_allclose(boxes, expected, atol=0.02)
    assert "activation of model input: 40 B from byte 0, layers 0 to 0" in chart
    assert "scratch of two: 40 B from byte 60, layers 1 to 2" in chart


def test_more_series_than_colours_begin_again() -> None:
    chart = Chart("c", "", "", ChartAxis(0, 1, ""), ChartAxis(0, 1, ""))
    for colour in (COLOURS - 1, COLOURS, COLOURS + 2):
        chart.dot(0.5, 0.5, colour, "")
        chart.box((0, 0), (1, 1), colour, "")
        chart.line([(0, 0)], colour)
        chart.error_bar(0.5, 0, 1, colour)
    assert re.findall(r' s(\d+)"', str(chart.render())) == [c for c in "502" for _ in range(4)]


def test_a_text_is_written_where_its_box_holds_it() -> None:
    chart = Chart("c", "", "", ChartAxis(0, 640, ""), ChartAxis(0, 284, ""))  # a unit is a pixel
    for width, height in ((58, 14), (57, 14), (58, 13)):
        chart.box((0, 0), (width, height), 0, "", text="12345678")  # 8 letters: 52 and a margin of 6
    assert str(chart.render()).count('class="inside"') == 1


@pytest.mark.parametrize("columns", [4, 40])
def test_a_picture_of_features_has_the_last_on_top_and_the_colours_of_its_range(columns: int) -> None:
    features = np.tile(np.arange(columns, dtype=np.int8), (3, 1))
    features[1] += 10
    data = base64.b64decode(feature_picture(features).partition(",")[2])
    pixels = (image.imread(io.BytesIO(data))[..., :3] * 255).round().astype(int)
    assert pixels.shape == (columns, 3, 3)
    low, high = features.min(axis=0), features.max(axis=0)
    if columns >= 20:  # many: one range for all
        low, high = np.full(columns, features.min()), np.full(columns, features.max())
    shares = ((features - low) / (high - low))[:, ::-1].T
    np.testing.assert_allclose(pixels, colormaps["magma"](shares)[..., :3] * 255, atol=1)


def test_shown_is_the_surest_clip_of_each_class_that_was_heard() -> None:
    posteriors = np.array([[0.6, 0.2, 0.2], [0.9, 0.1, 0.0], [0.2, 0.1, 0.7], [0.1, 0.2, 0.7], [0.0, 0.1, 0.9]])
    show = SimpleNamespace(
        labels=("up", "down", "_silence_"),
        split=SimpleNamespace(labels=np.array([0, 0, 2, 1, 2])),
        predicted=posteriors.argmax(axis=1),
        posteriors=posteriors,
    )
    assert _one_of_each(show) == [1]  # type: ignore[arg-type]  # down was never heard, silence is never shown
