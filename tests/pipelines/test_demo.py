"""`kws demo` on the run of the tiny build, and the report's link to its page."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from firmware_export.browser.wasm import wasm_compiler
from kws_tfmot.errors import ToolchainError
from tests.pipelines.conftest import TinyBuild, run

pytestmark = pytest.mark.xdist_group("tiny_build")


@pytest.fixture(autouse=True)
def compiler() -> None:
    try:
        wasm_compiler()
    except ToolchainError as error:
        pytest.skip(error.hint)


def test_the_page_says_what_the_run_is_and_the_report_links_to_it(tiny_build: TinyBuild, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(tiny_build.directory, copy)
    result = run("demo", copy)
    assert result.exit_code == 0, result.output
    page = (copy / "demo.html").read_text(encoding="utf-8")
    accuracy = tiny_build.metrics["accuracy"]["model_int8.tflite"]
    assert f"{accuracy['accuracy']:.1%} of N = {accuracy['n']} test clips" in page
    assert tiny_build.metrics["files"]["model_int8.tflite"]["sha256"] in page and "up, down" in page
    assert run("report", copy, "--boards", "").exit_code == 0
    assert '<a href="demo.html">' in (copy / "report.html").read_text(encoding="utf-8")
    (copy / "demo.html").unlink()
    assert run("report", copy, "--boards", "").exit_code == 0
    assert "demo.html" not in (copy / "report.html").read_text(encoding="utf-8")


def test_a_model_alone_makes_a_page_and_nothing_else_does(tiny_build: TinyBuild, tmp_path: Path) -> None:
    model = tiny_build.directory / "model_int8.tflite"
    assert run("demo", model, "--out", tmp_path / "page.html").exit_code == 0
    assert "<title>model_int8: hear it" in (tmp_path / "page.html").read_text(encoding="utf-8")
    missing = run("demo", tmp_path / "nothing.tflite")
    assert missing.exit_code == 2 and "expected the directory of a build" in missing.output
    empty = run("demo", tmp_path)
    assert empty.exit_code == 2 and "expected a folder with a finished build" in empty.output
