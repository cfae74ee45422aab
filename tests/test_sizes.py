"""A file says one thing, in at most 400 lines; what a function does fits a screen."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from tests.conftest import ROOT

LINES, SCREEN = 400, 60
FOLDERS = ("kws_tfmot", "firmware_export", "pipelines", "scripts", "tests")
PATHS = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*"))
FILES = sorted(path for path in PATHS if path.suffix in (".py", ".c", ".h"))


def lengths(text: str) -> Iterator[tuple[str, int]]:
    """Functions of a text and their lines, without signature and docstring; nothing where none can be long.

    >>> list(lengths("def f(\\n    x,\\n):\\n    'Says.'\\n" + 61 * "    x += 1\\n"))
    [('f', 61)]
    """
    starts = [found.start() for found in re.finditer(r"^(?: {4})?(?:async )?def ", text, re.MULTILINE)]
    if all(text.count("\n", *both) <= SCREEN for both in pairwise([*starts, len(text)])):
        return  # before it is parsed
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[ast.get_docstring(node) is not None :]
            yield node.name, (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_files_are_short() -> None:
    assert len(FILES) > 900
    assert [path for path in FILES if len(path.read_text("utf-8").splitlines()) > LINES] == []


def test_functions_fit_a_screen() -> None:
    def long_ones(path: Path) -> list[str]:
        return [f"{path.name}: {name}" for name, lines in lengths(path.read_text("utf-8")) if lines > SCREEN]

    assert [name for path in FILES if path.suffix == ".py" for name in long_ones(path)] == []
