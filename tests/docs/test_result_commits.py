"""Each row of results/ names the commit that trained or counted it, not only the one that gathered the file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.docs.blocks import ROOT

RESULTS = sorted(ROOT.glob("results/*.json"))
TABLES = ("rows", "runs", "trials", "networks", "random", "goals", "boards", "frontends", "menu")
HASH = re.compile(r"[0-9a-f]{7,40}(\+changes)?")


def rows(record: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every row of a file of results with its place; those of a file without tables are its entries."""
    tables = {key: record[key] for key in TABLES if key in record}
    tables |= {f"seeds[{i}]": seed["rows"] for i, seed in enumerate(record.get("seeds", [])) if isinstance(seed, dict)}
    for key, table in (tables or {"": record}).items():
        for place, row in table.items() if isinstance(table, dict) else enumerate(table):
            yield f"{key}[{place}]", row


def named(row: dict[str, Any]) -> list[str]:
    """The commits of a row: its own, or those of its stages."""
    stages = row.get("commits") or {}
    return [value for value in (row.get("commit"), *stages.values()) if value]


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_each_row_names_its_commit(path):
    found = list(rows(json.loads(path.read_text("utf-8"))))
    assert found
    without = [place for place, row in found if not named(row)]
    assert not without
    assert all(HASH.fullmatch(commit) for _, row in found for commit in named(row))


def test_a_row_without_a_commit_is_found():
    record = {"commit": "0" * 40, "rows": [{"commit": "1" * 40}, {"added_by_commit": "1" * 40, "commits": {}}]}
    assert [place for place, row in rows(record) if not named(row)] == ["rows[1]"]
