"""A refusal names the way out: as its second part, or by what is allowed. Read from the sources."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.conftest import ROOT

REFUSALS = {"KwsError", "RecipeError", "DataError", "ModelError", "ToolchainError", "BudgetError", "CacheError"}
# What is allowed, or what to do, in the text itself.
SAID = re.compile(
    r"expected|Allowed|one of|Keywords:|It (holds|knows|hears)|the path or the name|Export it again|Define|WAY_OUT|"
    r"Use |Leave|leave|needs? |goes with|takes|limits|stream=True|was written by another|two commands|judges int8|"
    r"other recipe|names its variants|unknown key|is none of its keywords"
)
# Their readers and writers add one to whatever is raised inside of them (`errors.way_out`), or read what these wrote.
WRAPPED = ROOT / "kws_tfmot" / "tflite"


def refusals(path: Path) -> list[tuple[int, str]]:
    """Line and text of every refusal with one part, where that is written down there."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not (isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)):
            continue
        name = getattr(node.exc.func, "id", "")
        if name in REFUSALS and len(node.exc.args) == 1 and isinstance(node.exc.args[0], ast.Constant | ast.JoinedStr):
            found.append((node.lineno, ast.unparse(node.exc.args[0])))
    return found


def test_every_refusal_names_a_way_out() -> None:
    without, count = [], 0
    sources = (path for top in ("kws_tfmot", "firmware_export", "pipelines") for path in (ROOT / top).rglob("*.py"))
    for path in sources:
        for line, text in refusals(path):
            count += 1
            if WRAPPED not in path.parents and not SAID.search(text):
                without.append(f"{path.relative_to(ROOT)}:{line} {text}")
    assert without == [] and count > 100
