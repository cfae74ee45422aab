"""Objects kept by content: what is linked is what one compilation of everything gives, and a change is never missed."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware_export.boards import BOARDS
from firmware_export.emulation import objects
from firmware_export.emulation.firmware_build import COMPILER, FLAGS, LINK, PROBE, build_firmware
from firmware_export.emulation.objects import compile_objects
from firmware_export.emulation.tools import run_tool
from firmware_export.engine import build
from firmware_export.graphs.random_graphs import SeededChooser, random_model

SOURCES = {
    "kws_a.c": '#include "kws_a.h"\nint a(void) { return A; }\n',
    "kws_a.h": '#  include "kws_b.h"\n',
    "kws_b.h": "#define A 1\n",
    "own.c": "int own;\n",
}


@pytest.fixture
def compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The sources that the compiler was given, call by call, in an empty cache."""
    monkeypatch.setenv("KWS_CACHE", str(tmp_path / "cache"))
    calls: list[list[str]] = []

    def watched(command: list[str], *arguments, **options) -> str:
        calls.append([part for part in command if part.endswith(".c")])
        return run_tool(command, *arguments, **options)

    monkeypatch.setattr(objects, "run_tool", watched)
    return calls


def compile_in(folder: Path, changes: dict[str, str], flags: tuple[str, ...] = ("-O1",)) -> bytes:
    folder.mkdir()
    for name, text in (SOURCES | changes).items():
        (folder / name).write_text(text, encoding="utf-8")
    names = compile_objects(["gcc"], flags, ["kws_a.c", "own.c"], folder, "compiling")
    assert names == ["kws_a.o", "own.o"]
    return (folder / names[0]).read_bytes()


def test_what_is_known_is_not_compiled_again(compiled: list[list[str]], tmp_path: Path) -> None:
    first = compile_in(tmp_path / "1", {})
    assert compile_in(tmp_path / "2", {}) == first
    assert compiled == [["kws_a.c", "own.c"], ["own.c"]]  # what no other engine has is not kept


@pytest.mark.parametrize(
    ("changes", "flags"),
    [({"kws_b.h": "#define A 2\n"}, ("-O1",)), ({"kws_a.c": "int a(void) { return 5; }\n"}, ("-O1",)), ({}, ("-O0",))],
    ids=["a header of a header", "the source", "flags"],
)
def test_whatever_changes_is_compiled(compiled: list[list[str]], tmp_path: Path, changes, flags) -> None:
    first = compile_in(tmp_path / "1", {})
    assert compile_in(tmp_path / "2", changes, flags) != first
    assert compiled[1] == ["kws_a.c", "own.c"]


def test_a_header_that_lies_elsewhere_may_change_unseen(compiled: list[list[str]], tmp_path: Path) -> None:
    objects = []
    for number in "34":
        (tmp_path / "kws_far.h").write_text(f"#define A {number}\n", encoding="utf-8")
        far = {"kws_b.h": '#include "kws_far.h"\n'}
        objects.append(compile_in(tmp_path / number, far, ("-O1", f"-I{tmp_path}")))
    assert objects[0] != objects[1]


@pytest.mark.device
def test_a_firmware_is_the_same_byte_for_byte(compiled: list[list[str]], tmp_path: Path) -> None:
    board, files = BOARDS["mps2-an386"], build(random_model(SeededChooser(3), 4)).files
    for number in (1, 2):
        (tmp_path / str(number)).mkdir()
        build_firmware(board, files, "infer.c", tmp_path / str(number), (PROBE,))
    assert compiled[1] == ["model.c"]
    whole = [COMPILER, *board.flags, *FLAGS, PROBE, *LINK, "-o", "whole.elf", *compiled[0], "-lc", "-lgcc"]
    run_tool(whole, "everything in one command", cwd=tmp_path / "1")
    expected = (tmp_path / "1" / "whole.elf").read_bytes()
    assert [(tmp_path / n / "firmware.elf").read_bytes() for n in ("1", "2")] == [expected] * 2
