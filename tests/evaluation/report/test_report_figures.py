"""A report's figures, worked out by hand from inputs of two or three numbers."""

from __future__ import annotations

import base64
import io
import re
import wave
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from kws_tfmot.contract import ModelContract
from kws_tfmot.errors import DataError
from kws_tfmot.evaluation.report.charts import arena_chart, det_chart, pareto_charts, variants_of
from kws_tfmot.evaluation.report.clips import _one_of_each, _Shower, judge_clips, outline, wav_uri
from kws_tfmot.evaluation.report.contents import MODEL, RunFacts, layer_rows
from kws_tfmot.evaluation.report.page import (
    ReportInput,
    _board_of,
    _charts,
    confusions,
    context_of,
    count,
    own_det,
    percent,
    size_text,
)
from kws_tfmot.evaluation.report.svg import Chart, ChartAxis, round_step, thousands
from kws_tfmot.zoo import find_shipped

LAYERS = [
    {"operator": 0, "number": 0, "name": "0 CONV_2D", "weights": 10, "zeros": 4, "macs": 100, "nonzero_macs": 60},
    {"operator": 1, "number": 1, "name": "1 MAX POOL_2D"},
    {"operator": 2, "number": 2, "name": "2 FULLY_CONNECTED", "weights": 6, "zeros": 1, "macs": 6, "nonzero_macs": 5},
]


def board(name: str, first: int) -> dict[str, Any]:
    counts = [first, first + 1, first + 2]
    return {
        **{"board": name, "layer_instructions": counts, "layer_cycles": [2 * n for n in counts]},
        **{"instructions": sum(counts), "cycles": 2 * sum(counts)},
    }


def device(boards: list[dict[str, Any]], flash: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"layers": LAYERS, "boards": boards, "flash": flash, "arena": 8, "spans": [], "constant_bytes": 33}


def facts(**more: Any) -> RunFacts:
    metrics = {
        "files": {MODEL: {"sha256": "ab"}},
        "accuracy": {MODEL: {"accuracy": 0.75, "labels": ["a", "b"], "confusion": [[3, 1], [0, 4]]}},
        "sparsity": {"layers": {"conv": {"not_pruned": None, "note": "n"}, "out": {"not_pruned": "too small"}}},
        "tflite": {
            MODEL: {
                "zeros": [{"operator": 0, "layer": "conv"}, {"operator": 2, "layer": "out"}],
                "bytes": {"slim": 44},
            }
        },
        "export": {"engine": None},
        "quantization": {"mode": "ptq"},
    }
    return RunFacts(Path("run"), metrics | more, "")


def test_a_layer_s_row_joins_training_file_and_boards() -> None:
    flash = {"layers": {"0": 70, "2": 30}}
    conv, pool, out = layer_rows(facts(), device([board("x", 5), board("y", 8)], flash))
    assert [row["name"] for row in (conv, pool, out)] == ["conv", "max pool 2d", "out"]
    assert [row["pruned"] for row in (conv, pool, out)] == [True, False, False]
    assert [row["reason"] for row in (conv, pool, out)] == [None, None, "too small"]
    assert [row["note"] for row in (conv, pool, out)] == ["n", None, None]
    assert [row["flash"] for row in (conv, pool, out)] == [70, None, 30]
    assert conv["instructions"] == [5, 8] and out["instructions"] == [7, 10]
    assert conv["cycles"] == [10, 16] and out["cycles"] == [14, 20]
    dense = layer_rows(facts(sparsity=None), device([]))
    assert not any(row["pruned"] for row in dense) and dense[0]["flash"] is None and dense[0]["instructions"] == []


@pytest.mark.parametrize(
    ("source", "speech", "synthetic"),
    [
        ("synthetic", None, True),
        ("synthetic:fast", {"test": {"recorded": 0}}, True),
        ("synthetic", {"test": {"recorded": 2}}, False),
        ("synthetic", {"train": {"recorded": 2}}, True),
        ("folder:synthetic", None, False),
    ],
)
def test_what_was_judged_on_synthesised_speech_says_so(source: str, speech: Any, synthetic: bool) -> None:
    assert facts(data={"source": source, "speech": speech}).synthetic is synthetic


def test_a_run_s_own_facts() -> None:
    assert facts().trust == [] and facts(trust=["a", "b"]).trust == ["a", "b"]
    assert facts().model == Path("run") / MODEL and facts().model_sha256 == "ab"


def test_the_context_sums_the_layers_that_have_weights() -> None:
    report = ReportInput(facts(), device([board("x", 5), board("y", 8)]))
    context = context_of(report)
    assert [context[key] for key in ("weights", "zeros", "macs", "nonzero_macs")] == [16, 5, 106, 65]
    assert context["board"]["board"] == "x" and context["engine"] == {}
    assert context["mode"] == "calibration after training" and context["confusions"] == [("a", "b", 1)]
    alone = ReportInput(facts(quantization={"mode": "qat"}, export={"engine": {"a": 1}}), device([]))
    assert context_of(alone)["board"] is None and context_of(alone)["engine"] == {"a": 1}
    assert context_of(alone)["mode"] == "quantisation-aware training"
    other = ReportInput(facts(quantization={"mode": "own"}), device([]))
    assert context_of(other)["mode"] == "own"


def test_the_det_figures_of_a_run_are_those_of_its_model() -> None:
    rows = {"x": {"model_sha256": "cd"}, "y": {"model_sha256": "ab", "n": 1}, "z": {"model_sha256": "ab", "n": 2}}
    assert own_det(ReportInput(facts(), {}, det=rows)) == {"model_sha256": "ab", "n": 1}
    assert own_det(ReportInput(facts(), {}, det={"x": {"model_sha256": "cd"}})) is None


def test_most_frequent_confusions_come_first() -> None:
    table = {"labels": ["a", "b", "c"], "confusion": [[9, 1, 5], [2, 9, 0], [4, 3, 9]]}
    found = [("a", "c", 5), ("c", "a", 4), ("c", "b", 3), ("b", "a", 2), ("a", "b", 1)]
    assert confusions(table) == found and confusions(table, 2) == found[:2]
    six = {"labels": ["a", "b", "c"], "confusion": [[0, 1, 1], [1, 0, 1], [1, 1, 0]]}
    assert len(confusions(six)) == 5


def test_numbers_are_written_for_people() -> None:
    assert [percent(share) for share in (0.0, 0.12345, 1.0, None)] == ["0.00 %", "12.35 %", "100.00 %", "–"]
    assert percent(0.12345, 0) == "12 %"
    assert [count(number) for number in (0, 1234567, -1234, None)] == ["0", "1,234,567", "−1,234", "–"]
    assert [size_text(number) for number in (0, 999, 1000, 1049, 21850, None)] == [
        "0 B", "999 B", "1.0 kB", "1.0 kB", "21.9 kB", "–"
    ]  # fmt: skip
    assert [round_step(rough) for rough in (0.1, 0.11, 1, 2, 2.1, 5, 5.1, 10)] == [0.1, 0.2, 1, 2, 5, 5, 10, 10]
    assert [thousands(number) for number in (1000, 1e6, -1000)] == ["1k", "1M", "-1k"]


def summary_row(variant: str, mean: float, **costs: float) -> dict[str, Any]:
    means = {key: {"mean": value} for key, value in costs.items()}
    return {"variant": variant, "target": None, "accuracy": {"mean": mean, "spread": 0.0}} | means


def test_a_comparison_s_own_dot_has_the_costs_of_this_run_on_its_board() -> None:
    costs = {"nonzero_weights": 5.0, "file_bytes": 9.0, "instructions": 7.0, "cycles": 8.0}
    record = {
        "name": "c",
        "summary": [summary_row("v", 0.5, **costs), summary_row("w", 0.25, **costs)],
        "rows": [{"board": None}, {"board": {"board": "y"}}],
    }
    assert _board_of(record) == "y" and _board_of({"rows": [{}]}) == ""
    charts = _charts(ReportInput(facts(), device([board("x", 5), board("y", 8)]), comparison=record))
    said = [re.findall(r"this run: [^<]*", str(chart)) for chart in charts["pareto"]]
    assert said == [
        ["this run: 75.00 %, 11 non-zero weights"],
        ["this run: 75.00 %, 44 bytes of the .tflite"],
        ["this run: 75.00 %, 27 instructions of an inference"],
        ["this run: 75.00 %, 54 modelled cycles of an inference, no wait states"],
    ]
    assert charts["variants"] == ["v", "w"] == variants_of(record["summary"]) and charts["det"] is None
    elsewhere = _charts(ReportInput(facts(), device([board("x", 5)]), comparison=record))
    assert ["this run" in str(chart) for chart in elsewhere["pareto"]] == [True, True, False, False]
    none = _charts(ReportInput(facts(), device([])))
    assert none["pareto"] == [] and none["variants"] == []


def test_equal_costs_and_accuracies_lie_in_the_middle() -> None:
    (chart,) = pareto_charts({"name": "c", "summary": [summary_row("v", 0.5, cycles=100.0)]}, {}, 0.9)
    axes = ChartAxis(92, 108, ""), ChartAxis(49.5, 50.5, "")
    middle = Chart("", "", "", *axes, height=300).at(100, 50)
    assert f'cx="{middle[0]}" cy="{middle[1]}" r="4"' in str(chart) and "v: 50.00 ± 0.00 %, 100 " in str(chart)
    assert ">92<" not in str(chart) and ">95<" in str(chart) and ">49.6<" in str(chart) and "49.4" not in str(chart)


def test_from_four_times_the_least_on_an_axis_is_logarithmic() -> None:
    rows = [summary_row("v", 0.5, cycles=10.0), summary_row("v", 0.5, cycles=40.0)]
    (chart,) = pareto_charts({"name": "c", "summary": rows}, {"cycles": 20.0}, 0.5)
    where = Chart("", "", "", ChartAxis(10 / 1.2, 48, "", log=True), ChartAxis(49.5, 50.5, ""), height=300)
    assert f'cx="{where.at(20, 50)[0]}" cy="{where.at(20, 50)[1]}" r="6.5"' in str(chart)


def det_row(**chosen: float | None) -> dict[str, Any]:
    known = {"false_accepts_per_hour": 2.0, "false_reject_rate": 0.5}
    unknown = {"false_accepts_per_hour": None, "false_reject_rate": 0.5}
    return {
        **{"det": [known, unknown], "hours_without_keywords": 0.5, "keywords": 10, "chosen": chosen},
        "target_false_accepts_per_hour": 4.0,
    }


def test_a_det_chart_has_its_target_and_says_its_point() -> None:
    chosen = det_row(false_accepts_per_hour=None, false_reject_rate=None)
    chart = det_chart({"m": chosen})
    where = Chart("", "", "", ChartAxis(2 * 0.8, 5, "", log=True), ChartAxis(4, 100, "", log=True)).at
    assert f'<line class="rule" x1="{where(4, 100)[0]}"' in str(chart) and "target: 4 an hour" in str(chart)
    assert f'points="{where(2, 50)[0]},{where(2, 50)[1]}"' in str(chart)
    assert "m: 5.00 % at 1.00 an hour" in str(chart)
    without = str(det_chart({"m": det_row() | {"target_false_accepts_per_hour": 0.0}}))
    assert "rule" not in without and "<circle" not in without and ">0.001<" in without


def test_a_memory_plan_numbers_its_layers() -> None:
    span = {"layer": 0, "kind": "activation", "first": 0, "last": 1, "start": 1000, "size": 1000}
    chart = str(arena_chart({"layers": [{}, {}], "arena": 2000, "spans": [span]}, ["conv"]))
    layers = re.findall(r'"tick mid"[^>]*>([^<]*)<', chart)
    assert layers[0] == "0" and "1" in layers and layers[-1] == "" and "arena of 2000 bytes, over the 2 layers" in chart
    assert "activation of conv: 1,000 B from byte 1,000, layers 0 to 1" in chart
    assert ">conv: 1,000 B, layers 0 to 1</text>" in chart


def test_a_clip_is_drawn_and_heard_as_it_is() -> None:
    samples = np.zeros(480, np.int16)
    samples[:4] = 50, 100, -20, -50
    corners = outline(samples).split(" ")
    assert len(corners) == 480 and corners[:3] == ["0,0.5", "1,23.3", "2,19.5"]
    assert corners[240] == "239,20.5" and corners[-2:] == ["1,30.0", "0,11.0"]
    assert outline(np.array([1, -1], np.int16)) == "0,0.5 120,38.5 120,39.5 0,1.5"
    assert outline(np.full(1, -32768, np.int16)) == "0,38.5 0,39.5"
    kind, _, data = wav_uri(samples, 8000).partition(",")
    with wave.open(io.BytesIO(base64.b64decode(data))) as sound:
        assert (kind, sound.getparams()[:4]) == ("data:audio/wav;base64", (1, 2, 8000, 480))
        assert sound.readframes(480) == samples.tobytes()


def test_a_shown_clip_has_its_own_row_and_its_two_scores() -> None:
    split = SimpleNamespace(
        labels=np.array([0, 1]), paths=["p", "q"], gather=lambda rows: np.stack([np.full(3, 7 + rows[0], np.int16)])
    )
    features = np.zeros((2, 2, 3), np.int8)
    show = _Shower(("up", "down"), split, features, np.array([1, 0]), np.array([[0.2, 0.8], [0.7, 0.3]]), 8000)  # type: ignore[arg-type]
    clip = show(1, sound=True)
    assert (clip.path, clip.truth, clip.predicted, clip.score, clip.score_of_truth) == ("q", "down", "up", 0.7, 0.3)
    assert clip.sound == wav_uri(np.full(3, 8, np.int16), 8000) and show(0, sound=False).sound == ""


def test_no_more_than_six_clips_are_shown() -> None:
    eight = SimpleNamespace(
        labels=tuple("abcdefgh"),
        split=SimpleNamespace(labels=np.arange(8)),
        predicted=np.array([0, 0, 2, 3, 4, 5, 6, 7]),
        posteriors=np.eye(8),
    )
    assert _one_of_each(eight) == [0, 2, 3, 4, 5, 6]  # type: ignore[arg-type]


class Judged:
    """A run of the smallest model that ships, and four test clips of which its outputs here get two wrong."""

    labels = ("left", "right", "_unknown_", "_silence_")
    truth = np.array([0, 1, 1, 0])
    outputs = np.array([[100, 0, 0, 0], [90, 80, 0, 0], [0, 120, 0, 0], [0, 0, 127, 0]], np.int8)

    def __init__(self, monkeypatch: pytest.MonkeyPatch, contract: Any) -> None:
        self.digest = "5" * 64
        self.labels = contract.labels
        self.outputs = np.pad(self.outputs, [(0, 0), (0, len(self.labels) - 4)])
        features = np.zeros((4, *contract.frontend.feature_shape[:2]), np.int8)
        for name, value in {
            "prepare": lambda source, settings, cache, reach: self,
            "features_of": lambda split, frontend: features,
            "model_input_of": lambda spec, features, scale: features,
            "scores_of": lambda runner, inputs, reporter: self.outputs,
        }.items():
            monkeypatch.setattr(f"kws_tfmot.evaluation.report.clips.{name}", value)

    def split_sha256(self, split: str) -> str:
        return self.digest

    def audio(self, split: str) -> Any:
        assert split == "test"
        gather = lambda rows: np.zeros((len(rows), 480), np.int16)  # noqa: E731
        split_of = {"labels": self.truth, "paths": list("abcd"), "gather": gather, "__len__": lambda _: 4}
        return type("Split", (), {k: staticmethod(v) if k == "gather" else v for k, v in split_of.items()})()


def test_the_surest_mistakes_are_shown_and_clips_of_another_split_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shipped = find_shipped("tiny").model
    (tmp_path / MODEL).write_bytes(shipped.read_bytes())
    contract = ModelContract.of_model(shipped.read_bytes())
    judged = Judged(monkeypatch, contract)
    metrics = {"accuracy": {MODEL: {"split_sha256": "5" * 64}}, "data": {"source": "folder:x"}}
    run, runner = RunFacts(tmp_path, metrics, ""), SimpleNamespace(name="by hand")
    found = judge_clips(run, "synthetic", runner, 1, tmp_path)  # type: ignore[arg-type]
    assert (found.wrong, found.n, found.interpreter) == (2, 4, "by hand")
    assert found.rows == tuple(contract.frontend.feature_shape[:2])
    assert [(clip.path, clip.truth, clip.predicted) for clip in found.mistakes] == [
        ("d", judged.labels[0], judged.labels[2])
    ]
    assert [clip.path for clip in judge_clips(run, "synthetic", runner, 5, tmp_path).mistakes] == ["d", "b"]  # type: ignore[arg-type]
    sure = found.mistakes[0]  # the softmax of 127 steps of the output beside three zeros
    assert sure.sound and sure.score > 0.8 and sure.score + 3 * sure.score_of_truth == pytest.approx(1, abs=1e-3)
    assert [clip.path for clip in found.pictures] == ["a", "c"] and not found.pictures[0].sound
    for digest in ("4" * 64, "6" * 64):
        judged.digest = digest
        with pytest.raises(DataError, match=rf"\(split 555555555555\). Received: synthetic with a split {digest[:12]}"):
            judge_clips(run, "synthetic", runner, 1, tmp_path)  # type: ignore[arg-type]
    for labels in (contract.labels[::-1], tuple(sorted(contract.labels))):
        judged.digest, judged.labels = "5" * 64, labels
        with pytest.raises(DataError, match=f"with {', '.join(labels)}\nGive the data .* --data folder:x"):
            judge_clips(run, "synthetic", runner, 1, tmp_path)  # type: ignore[arg-type]


def test_the_sides_of_a_box_have_hundredths_of_a_pixel() -> None:
    chart = Chart("c", "", "", ChartAxis(0, 640, ""), ChartAxis(0, 284, ""))  # a unit is a pixel
    chart.box((0, 0), (10.26, 20.37), 0, "")
    chart.box((1.23, 0), (1.53, 1.49), 0, "")
    sides = re.findall(r'width="([\d.]+)" height="([\d.]+)"', str(chart.render()))
    assert sides == [("10.26", "20.37"), ("0.3", "1.49")]
