"""The habits of the C files, some of which the exporter relies on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from firmware_export.engine import RUNTIME, engine_sources, runtime_files
from kws_tfmot.frontend.native import SOURCES as FRONTEND
from tests.conftest import ROOT

SOURCES = sorted([*RUNTIME.rglob("*.c"), *FRONTEND.rglob("*.c")])
EVERY = sorted(path for top in ("kws_tfmot", "firmware_export") for path in (ROOT / top).rglob("*.[ch]"))
DEFINITION = re.compile(r"^([A-Za-z_][\w *(),]*?)\b(kws_\w+)\([^;{]*\{", re.MULTILINE)
INTERNAL = re.compile(r"\b(static|typedef|KWS_FIXED|KWS_LAID_OUT|KWS_INLINE)\b")  # the last three: static too


def without_comments(path: Path) -> str:
    return re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_file_defines_the_one_public_function_of_its_name(path: Path) -> None:
    found = DEFINITION.findall(without_comments(path))
    assert {name for before, name in found if not INTERNAL.search(before)} == {path.stem}


def test_every_file_begins_with_what_it_is() -> None:
    assert len(EVERY) > 250
    assert [path for path in EVERY if not re.match(r"/\* \w.{10,}", path.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize("path", engine_sources("*.c"), ids=lambda path: path.stem)
def test_what_a_file_calls_comes_with_it(path: Path) -> None:
    """Each function of the runtime that a file mentions is in the files that are exported with it."""
    own = {each.stem for each in engine_sources("*.c")}
    exported = {each.stem for each in runtime_files((path.stem,))}
    for each in runtime_files((path.stem,)):
        if each.suffix == ".c":
            assert set(re.findall(r"\bkws_\w+", without_comments(each))) & own <= exported, each.name


def test_literal_offsets_of_structures_are_checked_by_the_compiler() -> None:
    """Loads relative to a pointer to a structure, by a number that is not 0, need KWS_CHECK_OFFSET in the file."""
    for path in sorted([*RUNTIME.rglob("*.c"), *RUNTIME.rglob("*.h")]):
        text = path.read_text(encoding="utf-8")
        if re.search(r"\[r[23], #\d", text):
            reached = "".join(
                header.read_text(encoding="utf-8")
                for header in runtime_files((path.stem,) if path.suffix == ".c" else ())
            )
            assert "KWS_CHECK_OFFSET(" in text + reached, path.name


def members(structure: str, text: str) -> set[str]:
    """Names in the definitions of a structure, of which there may be one for each kind of core."""
    names = set()
    for body in re.findall(rf"typedef struct \{{((?:[^{{}}]|struct \{{[^}}]*\}})*)\}} {structure};", text):
        outer = re.sub(r"struct \{[^}]*\}|^#.*$", "", body, flags=re.MULTILINE)
        names |= set(re.findall(r"(\w+)(?:\[[^\]]*\])?(?=[,;])", outer))
    return names


def test_no_member_of_a_structure_of_assembly_is_left_out() -> None:
    headers = "".join(without_comments(path) for path in sorted(RUNTIME.rglob("*.h")))
    structures = 0
    for path in sorted([*RUNTIME.rglob("*.c"), *RUNTIME.rglob("*.h")]):
        text, checked = without_comments(path), {}
        for structure, member in re.findall(r"^KWS_CHECK_OFFSET\((\w+), (\w+),", text, re.MULTILINE):
            checked.setdefault(structure, set()).add(member)
        structures += len(checked)
        for structure, found in checked.items():
            assert found == (members(structure, text) or members(structure, headers)), f"{structure} of {path.name}"
    assert structures > 15
