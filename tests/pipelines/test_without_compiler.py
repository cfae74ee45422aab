"""No C compiler on this computer: what needs none goes on, the rest says what to install or what to ask for."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from kws_tfmot import host_library
from kws_tfmot.errors import ToolchainError
from pipelines.console import friendly_errors
from pipelines.emulate import on_this_computer
from pipelines.openers import opener_of

MODEL = Path(host_library.__file__).parent / "zoo" / "tiny" / "model_int8.tflite"


@pytest.fixture(autouse=True)
def no_compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))


def test_an_emulation_keeps_its_figures(capsys: pytest.CaptureFixture[str]) -> None:
    assert on_this_computer(MODEL, "balanced", 4, "cortex-m4") is None
    assert "apt install gcc" in capsys.readouterr().err


@pytest.mark.parametrize("interpreter", ["engine", "fast"])
def test_streams_name_the_interpreters_that_need_none(interpreter: str) -> None:
    with pytest.raises(ToolchainError, match=r"(?s)apt install gcc.*--interpreter tflm"):
        opener_of(interpreter)(MODEL)


def test_a_slow_path_is_a_note(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)  # put back afterwards
    with friendly_errors():
        warnings.showwarning("the front end\nruns slowly", RuntimeWarning, "somewhere.py", 3)
        warnings.showwarning("for developers", DeprecationWarning, "somewhere.py", 4)
    assert capsys.readouterr().err == "note the front end runs slowly\n"
