"""The same C on every emulated core, and on this computer under the sanitizers, equals TFLM byte for byte."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from engine_corpus import Case, all_files, build_for_host, corpus, differing, main_source, write_inputs

from firmware_export.boards import BOARDS
from firmware_export.emulation.emulator import run_firmware
from firmware_export.emulation.firmware_build import build_firmware

SANITIZE = ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return corpus(20, 7_000)


@pytest.mark.device
@pytest.mark.parametrize("board", sorted(BOARDS))
def test_a_corpus_on_every_board(board: str, cases: list[Case], tmp_path: Path) -> None:
    files = all_files(cases) | {"corpus.c": main_source(cases, shared_arena=True)}
    elf = build_firmware(BOARDS[board], files, "corpus.c", tmp_path)
    write_inputs(cases, tmp_path)
    run_firmware(BOARDS[board], elf)
    assert differing(cases, tmp_path) == []


@pytest.mark.device
@pytest.mark.parametrize("level", [*(pytest.param(each, marks=pytest.mark.slow) for each in ("-O0", "-Os")), "-O3"])
def test_the_assembly_does_not_depend_on_the_optimisation_level(level: str, cases: list[Case], tmp_path: Path) -> None:
    files = all_files(cases) | {"corpus.c": main_source(cases, shared_arena=True)}
    elf = build_firmware(BOARDS["mps2-an386"], files, "corpus.c", tmp_path, (level,))
    write_inputs(cases, tmp_path)
    run_firmware(BOARDS["mps2-an386"], elf)
    assert differing(cases, tmp_path) == []


def test_a_corpus_under_the_sanitizers(cases: list[Case], tmp_path: Path) -> None:
    more = [*cases, *corpus(20, 9_000, 100_000, len(cases))]
    files = all_files(more) | {"corpus.c": main_source(more, shared_arena=False)}
    program = build_for_host(files, tmp_path, SANITIZE)
    write_inputs(more, tmp_path)
    result = subprocess.run([str(program)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-3000:]
    assert differing(more, tmp_path) == []


@pytest.mark.parametrize("missing", [0, 1])
def test_an_arena_one_byte_too_small_is_caught(missing: int, cases: list[Case], tmp_path: Path) -> None:
    """With the compile-time checks taken out, the sanitizer sees the one byte; with the full arena it sees nothing."""
    case = next(c for c in cases if any(p and p.encoding == "dense" for p in c.engine.picked))
    name, arena = case.engine.name, case.engine.plan.arena
    files = dict(case.engine.files)
    files[f"{name}.h"] = files[f"{name}.h"].replace(f"ARENA_BYTES {arena}", f"ARENA_BYTES {arena - missing}")
    files[f"{name}.c"] = files[f"{name}.c"].replace("[(condition) ? 1 : -1]", "[1]")
    program = build_for_host(files | {"corpus.c": main_source([case], False)}, tmp_path, SANITIZE)
    write_inputs([case], tmp_path)
    result = subprocess.run([str(program)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ("AddressSanitizer" in result.stderr) == bool(missing), result.stderr[-2000:]
