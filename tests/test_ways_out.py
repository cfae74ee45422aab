"""A refusal names the way out: as its second part, or by what is allowed. Read from the sources."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from kws_tfmot.errors import ModelError
from kws_tfmot.tflite.checked_table import REBUILD
from kws_tfmot.tflite.reader import read_model
from tests.conftest import ROOT

# What is allowed, or what to do, in the text itself.
SAID = re.compile(
    r"expected|Allowed|one of|Keywords:|It (holds|knows|hears)|the path or the name|Export it again|Define|WAY_OUT|"
    r"Use |Leave|leave|needs? |goes with|takes|limits|stream=True|was written by another|two commands|judges int8|"
    r"other recipe|names its variants|unknown key|is none of its keywords"
)
# Their readers add one to whatever is raised inside of them (`errors.way_out`).
TFLITE = ROOT / "kws_tfmot" / "tflite"
WRAPPED = {TFLITE / f"{name}.py" for name in ("consistency", "reader", "resource_variables", "sparse", "tensors")}


def sources() -> dict[Path, ast.Module]:
    paths = (path for top in ("kws_tfmot", "firmware_export", "pipelines") for path in (ROOT / top).rglob("*.py"))
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in paths}


def refused_by(trees: Iterable[ast.Module]) -> set[str]:
    """Names of `KwsError` and of all that are derived from it."""
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    found: set[str] = {"KwsError"}
    while more := {c.name for c in classes if any(getattr(base, "id", "") in found for base in c.bases)} - found:
        found |= more
    return found


def refusals(tree: ast.Module, names: set[str]) -> list[tuple[int, str]]:
    """Line and text of every refusal with one part, raised or made to be, where that is written down there."""
    return [
        (node.lineno, ast.unparse(node.args[0]))
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", "") in names
        and len(node.args) == 1
        and not node.keywords
        and isinstance(node.args[0], ast.Constant | ast.JoinedStr | ast.BinOp)
    ]


def test_every_refusal_names_a_way_out() -> None:
    trees = sources()
    names = refused_by(trees.values())
    found = [(path, *one) for path, tree in trees.items() if path not in WRAPPED for one in refusals(tree, names)]
    without = [f"{path.relative_to(ROOT)}:{line} {text}" for path, line, text in found if not SAID.search(text)]
    assert without == [] and len(found) > 100 and "TooFewFrames" in names


def test_what_the_readers_raise_gets_a_way_out() -> None:
    model = (ROOT / "kws_tfmot" / "zoo" / "tiny" / "model_int8.tflite").read_bytes()
    for damaged in (b"", model[:-2000], model.replace(b"TFL3", b"TFL9")):
        with pytest.raises(ModelError) as refused:
            read_model(damaged)
        assert refused.value.hint == REBUILD
