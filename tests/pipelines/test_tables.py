"""Tables fit a terminal of 80 columns, and nothing of them is lost."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from pipelines import console
from pipelines.console_tables import WIDTH, layout

LONG = "left dense, depthwise: few weights, each used at every position (TFMOT never prunes them)"
TABLES = {
    "narrow": (["layer", "zeros"], [["conv", "50.0 %"]]),
    "many numbers": (["layer", *(f"figure {i}" for i in range(12))], [["conv", *(["1,234,567"] * 12)]]),
    "a sentence": (["layer", "weights", "note"], [["conv", "960", ""], ["depthwise", "216", LONG]]),
    "a long name": (["model", "a", "b"], [["runs/" + "x" * 90, "1,000,000", "2,000,000"]]),
    "no rows": (["kind", "bytes"], []),
}


@pytest.mark.parametrize("name", TABLES)
def test_every_block_fits_and_no_cell_is_lost(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    header, rows = TABLES[name]
    shown = io.StringIO()
    monkeypatch.setattr(console, "out", Console(file=shown, width=WIDTH, highlight=False))
    console.table("title", header, rows)
    text = shown.getvalue()
    assert max(map(len, text.splitlines())) <= WIDTH
    letters = "".join(text.split())
    for cell in (cell for row in rows for cell in row):
        if " " not in cell and len(cell) < 20:  # a number stays in one piece
            assert cell in text
        assert len(letters) >= len("".join(cell.split()))
    assert all(word in text for cell in header for word in cell.split())


def test_the_first_column_stands_in_every_block() -> None:
    blocks = layout(*TABLES["many numbers"])
    assert len(blocks) > 1
    assert all(block.columns[0] == 0 for block in blocks)
    assert sorted(column for block in blocks for column in block.columns[1:]) == list(range(1, 13))


def test_a_sentence_gives_way_before_a_second_block_is_needed() -> None:
    (block,) = layout(*TABLES["a sentence"])
    assert block.widths[:2] == [len("depthwise"), len("weights")]


def test_a_stage_shows_one_bar(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.StringIO()
    monkeypatch.setattr(console, "err", Console(file=shown, width=WIDTH))
    reporter = console.RichReporter()
    with console.one_bar(reporter, "evaluate"):
        for kind in ("float", "int8", "pruned"):
            with reporter.task(f"inference {kind}", 3) as task:
                task.advance(3, "all of it")
    with console.one_bar(reporter, "skipped"):  # a stage that was done already has nothing to show
        pass
    rows = [row for row in shown.getvalue().splitlines() if "━" in row]
    assert len(rows) == 1 and rows[0].startswith("evaluate") and "3/3" in rows[0]
