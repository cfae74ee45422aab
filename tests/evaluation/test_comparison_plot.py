"""The picture of a comparison: which panels it has, and what each shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from kws_tfmot.evaluation import comparison_summary
from kws_tfmot.evaluation.comparison_summary import comparison_record, plot_comparison

SIZES = {"nonzero_weights": 5, "file_bytes": 7, "engine_bytes": 3, "instructions": 900, "cycles": 1100}
NAMES = {
    "nonzero_weights": "non-zero weights",
    "engine_bytes": "weights and constants of the engine, B",
    "file_bytes": "bytes of the .tflite",
    "instructions": "instructions of an inference",
    "cycles": "modelled cycles of an inference, no wait states",
}


def entry(variant: str, accuracy: float = 0.5, spread: float | None = 0.25, **known: float) -> dict[str, Any]:
    figures = {name: {"mean": value, "spread": spread} for name, value in known.items()}
    return {"variant": variant, "accuracy": {"mean": accuracy, "spread": spread}} | dict.fromkeys(NAMES) | figures


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Draws a summary and returns the figure."""
    monkeypatch.setattr(comparison_summary, "save_figure", lambda figure, path: figure)

    def draw(*entries: dict[str, Any]) -> Figure:
        rows = [
            {"n": n, "split_sha256": f"{n}123456789abcdef", "seed": seed, "interpreter": f"tflm {seed}"}
            for n, seed in ((0, 3), (9, 1))
        ]
        return plot_comparison({"name": "both", "summary": list(entries), "rows": rows}, Path("x.png"))  # type: ignore

    return draw


@pytest.mark.parametrize(
    ("first", "second", "panels"),
    [
        (SIZES, SIZES, ["nonzero_weights", "engine_bytes", "instructions", "cycles"]),
        ({"file_bytes": 7}, {}, ["file_bytes"]),
        ({"file_bytes": 7}, {"engine_bytes": 3}, ["engine_bytes"]),  # what is flashed, where it is known
        (SIZES, {"nonzero_weights": 2}, ["nonzero_weights", "engine_bytes"]),  # never some variants' counts alone
        (SIZES, {"cycles": 2}, ["nonzero_weights", "engine_bytes", "cycles"]),
    ],
)
def test_panels_are_those_of_what_is_known(drawn: Any, first: dict, second: dict, panels: list[str]) -> None:
    figure = drawn(entry("a", **first), entry("b", **second))
    assert [axes.get_xlabel() for axes in figure.axes] == [NAMES[name] for name in panels]
    accuracy = "int8 accuracy on unseen speakers, %"
    assert [axes.get_ylabel() for axes in figure.axes] == [accuracy, *[""] * (len(panels) - 1)]
    positions = [axes.get_subplotspec().get_geometry() for axes in figure.axes]
    assert positions == [(1, len(panels), place, place) for place in range(len(panels))]
    assert figure.get_size_inches().tolist() == pytest.approx([4.6 * len(panels), 4.4])


def test_a_figure_says_what_it_is_of(drawn: Any) -> None:
    figure = drawn(*(entry(name, nonzero_weights=5) for name in "abcde"))
    said = "both: mean and standard deviation; N = 0, split 0123456789ab, seeds 1, 3; tflm 3"
    assert figure.get_suptitle() == said
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == list("abcde") and legend._ncols == 4
    assert drawn(entry("a", nonzero_weights=5)).legends[0]._ncols == 1


def test_bars_are_the_spread_in_per_cent_and_none_of_one_seed(drawn: Any) -> None:
    def ends(spread: float | None) -> list[list[float]]:
        (axes,) = drawn(entry("a", 0.5, spread, nonzero_weights=5), entry("a", 0.75, spread, nonzero_weights=9)).axes
        (container,) = axes.containers
        across, along = container.lines[2]
        return [line.tolist() for bars in (across, along) for segment in bars.get_segments() for line in segment]

    assert ends(None) == [[5, 50], [5, 50], [9, 75], [9, 75]] * 2
    assert ends(0.25) == [[4.75, 50], [5.25, 50], [8.75, 75], [9.25, 75], [5, 25], [5, 75], [9, 50], [9, 100]]


def test_an_axis_is_logarithmic_above_three_times_the_least(drawn: Any) -> None:
    def scale(*sizes: float) -> str:
        return (
            drawn(*(entry(name, nonzero_weights=size) for name, size in zip("abc", sizes, strict=False)))
            .axes[0]
            .get_xscale()
        )

    assert [scale(5, 15), scale(5, 15.1), scale(15.1, 6, 5), scale(5)] == ["linear", "log", "log", "linear"]


def test_a_record_holds_what_it_was_made_from() -> None:
    row = {"variant": "a", "target": None, "seed": 1, "accuracy": {"int8": 0.5}, "n": 9, "nonzero_weights": 5,
           "zero_share": 0.0, "bytes": {"slim": 7}, "board": None}  # fmt: skip
    record = comparison_record("x", (row,), "a", {"b": "late"}, {"command": "c", "baseline": "told"})
    assert record == {
        "schema_version": 1, "name": "x", "baseline": "told", "rows": [row], "failures": {"b": "late"}, "command": "c",
        "summary": comparison_summary.summarise([row], "a"),
    }  # fmt: skip
