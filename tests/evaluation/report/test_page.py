"""The page says what the figures say, shows hostile text as text, and loads nothing."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from jinja2 import UndefinedError

from kws_tfmot.errors import KwsError, ModelError, RecipeError
from kws_tfmot.evaluation.comparison_summary import comparison_record
from kws_tfmot.evaluation.report import (
    ReportInput,
    read_comparison,
    read_det,
    read_run,
    render_card,
    render_page,
    trusting,
)
from kws_tfmot.evaluation.report.svg import Chart, ChartAxis

from .conftest import HOSTILE, det_figures

VOID = {"meta", "link", "img", "br", "input", "hr"}
SHAPES = {"polyline", "polygon", "circle", "line", "rect"}


class Page(HTMLParser):
    """Tags, attributes and text of a page; complains of tags that are not closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID | SHAPES:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID | SHAPES:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def values(self, attribute: str) -> list[str]:
        return [value for _, attrs in self.tags if (value := attrs.get(attribute)) is not None]


@pytest.fixture
def full(report_input: ReportInput) -> ReportInput:
    """With streams and a comparison."""
    det = {HOSTILE: det_figures(report_input.facts.model_sha256), "other": det_figures("0" * 64)}
    rows = [row(variant, target, seed) for variant, target in (("dense", None), (HOSTILE, 0.9)) for seed in (1, 2)]
    return replace(report_input, det=det, comparison=comparison_record(HOSTILE, rows, "dense", {}, {}))


def row(variant: str, target: float | None, seed: int) -> dict[str, Any]:
    return {
        **{"variant": variant, "target": target, "seed": seed, "accuracy": {"int8": 0.9 + seed / 100}, "n": 40},
        **{"split_sha256": "5" * 64, "interpreter": HOSTILE, "nonzero_weights": 1000 * (2 - (target or 0))},
        **{"zero_share": target or 0.0, "bytes": {"slim": 5000}, "board": None},
    }


def test_the_page_says_what_was_measured(report_input: ReportInput) -> None:
    text = Page(render_page(report_input)).text
    accuracy = report_input.facts.accuracy
    low, high = accuracy["interval_95"]
    assert f"{100 * accuracy['accuracy']:.2f} %" in text
    assert f"{100 * low:.1f} % to {100 * high:.1f} %, N = 40" in text
    layer = report_input.device["layers"][0]
    assert f"{layer['stored_bits']:.2f}" in text
    assert f"{layer['weights'] - layer['zeros']:,} of 1,960 are left" in text
    assert "7 of 160 output bytes differ" in text
    assert "8 → 4" in text


def test_a_network_for_streams_is_judged_by_its_detector(run_folder: Path, report_input: ReportInput) -> None:
    metrics = json.loads((run_folder / "metrics.json").read_text())
    metrics["accuracy"]["model_int8.tflite"]["detector"] = {
        **{"accuracy": 0.84, "n": 50, "interval_95": [0.71, 0.93], "interpreter": HOSTILE},
        "keywords": {HOSTILE: {"n": 23, "heard": 21}},
        "others": {"_unknown_": {"n": 27, "heard": 4}},
    }
    (run_folder / "metrics.json").write_text(json.dumps(metrics))
    judged = replace(report_input, facts=read_run(run_folder))
    page = " ".join(Page(render_page(judged)).text.split())
    assert "84.00 %95 %: 71.0 % to 93.0 %, N = 50" in page and "Accuracy92.50 %" not in page
    assert "_unknown_274" in page and "What counts is its detector" in page
    card = render_card(judged)
    assert "was right in 84.00 % (N = 50" in card and r"| \_unknown\_ | 27 | 4 |" in card
    without = render_page(report_input) + render_card(report_input)
    assert (
        "detector, which heard" not in without
        and "Clips judged rightly" not in without
        and "Accuracy</dt><dd>92.50 %" in without
    )


def test_no_board_means_estimates_and_says_so(report_input: ReportInput) -> None:
    device = report_input.device | {"missing": "no compiler here"}
    text = " ".join(Page(render_page(replace(report_input, device=device))).text.split())
    assert "estimated by the cost model" in text
    assert "Not counted: no compiler here" in text


def test_hostile_text_stays_text(full: ReportInput) -> None:
    page = Page(render_page(full))
    names = {tag for tag, _ in page.tags}
    assert names.isdisjoint({"script", "iframe", "object", "embed", "base", "form"})
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]
    # Heading, data source, note, label, reason, recipe, layer, method, file, stream, comparison, ...
    assert page.text.count(HOSTILE) > 25


def test_the_page_loads_nothing(full: ReportInput) -> None:
    html = render_page(full)
    page = Page(html)
    for attribute in ("src", "href", "srcset", "poster", "data", "action", "xlink:href"):
        assert all(value.startswith(("data:", "#")) for value in page.values(attribute)), attribute
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    assert style and "url(" not in style[1] and "@import" not in style[1]
    assert any("default-src 'none'" in value for value in page.values("content"))


def test_the_page_can_be_read_without_seeing_it(full: ReportInput) -> None:
    page = Page(render_page(full))
    ids = page.values("id")
    assert len(set(ids)) == len(ids)
    references = [part for name in ("aria-labelledby",) for value in page.values(name) for part in value.split()]
    assert {*references, *(value[1:] for value in page.values("href") if value.startswith("#"))} <= set(ids)
    for tag, attrs in page.tags:
        if tag == "html":
            assert attrs["lang"] == "en"
        if tag == "img":
            assert attrs["alt"]
        if tag == "th":
            assert attrs["scope"] in ("row", "col")
        if tag == "svg":
            assert attrs["role"] == "img"
            assert attrs.get("aria-labelledby") or attrs.get("aria-label")


def test_the_same_figures_give_the_same_bytes(full: ReportInput) -> None:
    assert render_page(full) == render_page(full)
    assert render_card(full) == render_card(full)


def test_the_card_has_figures_with_n_and_limits(full: ReportInput, report_input: ReportInput) -> None:
    card = render_card(full)
    assert "N = 40, 95 % interval" in card
    assert "## Limits" in card
    assert "no threshold has at most 0.5 false accepts an hour" in card
    assert "False accepts an hour were not measured" in render_card(report_input)
    assert "<script>" not in card
    for line in card.splitlines():
        if line.startswith("|"):  # a bar or line break from the data would make another column
            assert len(re.findall(r"(?<!\\)\|", line)) in (3, 4, 5)


def test_synthetic_speech_is_said_to_be_synthetic(run_folder: Path, report_input: ReportInput) -> None:
    metrics = json.loads((run_folder / "metrics.json").read_text())
    metrics["data"]["source"] = "synthetic"
    (run_folder / "metrics.json").write_text(json.dumps(metrics))
    report = replace(report_input, facts=read_run(run_folder))
    assert "Trained and judged on synthesised speech" in render_page(report)
    assert "Trained and judged on synthesised speech" in render_card(report)
    assert "synthesised" not in render_page(report_input)


def test_what_a_model_of_few_recordings_can_be_trusted_with_is_shown(
    run_folder: Path, report_input: ReportInput
) -> None:
    metrics = json.loads((run_folder / "metrics.json").read_text())
    recorded = {"synthetic": 0, "recorded": 30, "speakers": 5}
    metrics["data"] |= {"source": "synthetic+folder:mine", "speech": {"train": recorded, "test": recorded}}
    metrics["trust"] = ["Tested on 30 recordings <here>."]
    (run_folder / "metrics.json").write_text(json.dumps(metrics))
    report = replace(report_input, facts=read_run(run_folder))
    assert "Tested on 30 recordings &lt;here&gt;." in render_page(report)
    assert "Tested on 30 recordings" in render_card(report)
    assert "judged on synthesised speech" not in render_page(report)  # its test is of people


def test_another_split_in_the_comparison_is_reported(full: ReportInput) -> None:
    assert "was judged on other test clips" not in render_page(full)
    for one in full.comparison["rows"]:  # type: ignore[index]
        one["split_sha256"] = "6" * 64
    assert "was judged on other test clips" in render_page(full)


def test_the_det_curve_goes_from_the_highest_threshold_to_the_lowest(report_input: ReportInput) -> None:
    """Of several thresholds without false accepts the highest misses most: the curve begins at the top."""
    figures = det_figures(report_input.facts.model_sha256)
    figures["det"].append({"threshold": 1.0, "false_accepts_per_hour": 0.0, "false_reject_rate": 1.0})
    page = render_page(replace(report_input, det={"a": figures}))
    corners = re.search(r'<polyline class="line s0" points="([^"]*)"', page)
    assert corners
    points = [tuple(map(float, corner.split(","))) for corner in corners[1].split(" ")]
    heights = [y for _, y in points]
    assert points == sorted(points, key=lambda point: point[0])
    assert heights == sorted(heights)  # SVG counts from the top


def test_a_stream_of_another_model_is_reported(full: ReportInput) -> None:
    assert "None of these curves" not in render_page(full)
    assert "None of these curves" in render_page(replace(full, det={"other": full.det["other"]}))


def test_an_unfinished_or_changed_run_is_refused(run_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="no finished build"):
        read_run(tmp_path / "nothing")
    (run_folder / "model_int8.tflite").write_bytes(b"another")
    with pytest.raises(ModelError, match="not the model that"):
        read_run(run_folder)
    (run_folder / "metrics.json").write_text('{"schema_version": 99}')
    with pytest.raises(RecipeError, match="schema version 99"):
        read_run(run_folder)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"a": 1}', '{"schema_version": 1, "rows": [], "summary": []}'])
def test_other_json_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(text)
    for read in (read_comparison, read_det):
        with pytest.raises(KwsError, match=re.escape(str(path))):
            read(path)


@pytest.mark.parametrize(
    "kind", [KeyError, IndexError, TypeError, AttributeError, ValueError, ZeroDivisionError, UndefinedError]
)
def test_figures_of_another_shape_are_refused_whatever_python_says(kind: type[Exception]) -> None:
    with (
        pytest.raises(RecipeError, match=rf"metrics.json does not hold .*{kind.__name__}"),
        trusting(Path("metrics.json")),
    ):
        raise kind("x")


@pytest.mark.parametrize(
    ("content", "said"),
    [("seed: 1".encode("utf-16"), "cannot be read as text"), (bytes(1_000_001), "at most 1,000,000")],
)
def test_a_recipe_in_a_run_that_is_no_text_of_a_recipe_is_refused(run_folder: Path, content: bytes, said: str) -> None:
    (run_folder / "recipe.yaml").write_bytes(content)
    with pytest.raises(RecipeError, match=said):
        read_run(run_folder)


def test_a_chart_places_data_and_escapes_texts() -> None:
    chart = Chart("c", HOSTILE, "d", ChartAxis(0, 10, "x"), ChartAxis(1, 100, "y", log=True))
    left, bottom = chart.at(0, 1)
    right, top = chart.at(10, 100)
    assert chart.at(5, 10) == ((left + right) / 2, (bottom + top) / 2)
    chart.box((0, 1), (5, 10), 0, HOSTILE, text="&")
    chart.line([(0, 1), (5, 10)], 1, steps=True)
    svg = str(chart.render())
    assert "<script>" not in svg
    middle = chart.at(5, 10)
    assert f"{left},{bottom} {middle[0]},{bottom} {middle[0]},{middle[1]}" in svg
