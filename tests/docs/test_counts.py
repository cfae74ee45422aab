"""Nothing shows instructions without the cycles they take: results, and the tables of the documentation."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.docs.blocks import ROOT

RESULTS = sorted(ROOT.glob("results/*.json"))
PAGES = [
    ROOT / "README.md",
    *sorted(ROOT.glob("docs/*.md")),
    *sorted(ROOT.glob("*/README.md")),
    *sorted(ROOT.glob("kws_tfmot/*/README.md")),
]
NOT_COUNTS = ("budget", "goal", "seconds", "commits")  # what was asked for, and stages by their names
INSTRUCTIONS = re.compile(r"(^|_)instructions($|_)")


def alone(value: Any, place: str = "") -> Iterator[str]:
    """Places of ``value`` with a count of instructions but without one of cycles beside it."""
    if isinstance(value, dict):
        timed = any("cycles" in key and own for key, own in value.items())
        for key, own in value.items():
            counted = "mean" in own if isinstance(own, dict) else isinstance(own, int | float)
            if INSTRUCTIONS.search(key) and counted and not timed:
                yield f"{place}/{key}"
            if key not in NOT_COUNTS:
                yield from alone(own, f"{place}/{key}")
    elif isinstance(value, list):
        for i, own in enumerate(value):
            yield from alone(own, f"{place}[{i}]")


def tables_without_cycles(text: str) -> list[str]:
    """Heads of Markdown tables that have a column of instructions and none of cycles."""
    heads = re.findall(r"^(\|.*\|)\n\|[-:| ]+\|$", text, re.MULTILINE)
    return [head for head in heads if "instructions" in head and "cycles" not in head]


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.name)
def test_a_result_has_cycles_beside_instructions(path: Path) -> None:
    found = list(alone(json.loads(path.read_text(encoding="utf-8"))))
    assert not found, f"{len(found)} counts without cycles in {path.name}, the first: {found[0]}"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_table_of_the_docs_has_cycles_beside_instructions(path: Path) -> None:
    assert not tables_without_cycles(path.read_text(encoding="utf-8"))


def test_the_walk_finds_what_stands_alone() -> None:
    assert list(alone([{"board": {"instructions": 7}}])) == ["[0]/board/instructions"]
    assert list(alone({"summary": [{"instructions": {"mean": 7.0}, "cycles": None}]})) == ["/summary[0]/instructions"]
    assert list(alone({"expected_instructions": 7.0})) == ["/expected_instructions"]
    assert not list(alone({"instructions": 7, "cycles": 9, "seconds": {"instructions": 0.1}}))
    assert tables_without_cycles("| a | instructions |\n|---|---|\n| 1 | 2 |\n")
    assert not tables_without_cycles("| a | instructions | modelled cycles |\n|---|---|---|\n")
