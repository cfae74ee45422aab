"""A real board's bench: its log, made in the emulator with SysTick under -icount as the counter, read back."""

from __future__ import annotations

import re
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from firmware_export.boards import board_of
from firmware_export.emulation.bench_export import bench_engine, bench_input, bench_sources, export_bench
from firmware_export.emulation.bench_log import BOARD_OF_CORE, compare_log, read_log
from firmware_export.emulation.cycles import TIMINGS, Cycles
from firmware_export.emulation.emulator import EMULATOR, emulate
from firmware_export.emulation.firmware_build import build_firmware, require
from firmware_export.graphs.ds_cnn_benchmark import ds_cnn
from kws_tfmot.errors import DataError, RecipeError
from pipelines.bench import group

MAIN = """#include "board.h"
#include "kws_bench.h"
static void put(char character) {
    const char text[2] = {character, 0};
    board_print(text);
}
int main(void) { return kws_bench(put); }
"""
TICKS = 1.6  # SysTick's of an instruction on this board with -icount shift=6


def log_of(model: bytes, core: str, folder: Path) -> str:
    """What the bench writes on the emulated board."""
    board = board_of(BOARD_OF_CORE[core][0])
    files = bench_sources(bench_engine(model, core, "balanced"), core, "balanced") | {"main.c": MAIN}
    elf = build_firmware(board, files, "main.c", folder, ("-DKWS_BENCH_SYSTICK",))
    command = [require(EMULATOR), "-M", board.name, "-icount", "shift=6", "-display", "none", "-monitor", "none"]
    command += ["-serial", "none", "-chardev", "stdio,id=sh0", "-kernel", str(elf)]
    command += ["-semihosting-config", "enable=on,target=native,chardev=sh0"]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=600).stdout


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A model and the log of its bench."""
    folder = tmp_path_factory.mktemp("bench")
    model = folder / "model.tflite"
    model.write_bytes(ds_cnn(0.9))
    log = folder / "board.log"
    text = log_of(model.read_bytes(), "cortex-m4", folder)
    log.write_text(f"boot 1.2\r\nkws-bench 1\r\nhalf a line\r\n{text}\r\n> ", encoding="ascii")  # and one that was cut
    return model, log


@pytest.mark.device
def test_measured_cycles_stand_beside_the_modelled_ones(golden: tuple[Path, Path]) -> None:
    model, path = golden
    found = compare_log(read_log(path.read_text()), model)
    assert found["outputs_equal"]
    assert found["counter"] == "systick"
    assert found["core"] == "cortex-m4"
    convolutions = [row for row in found["layers"] if "CONV_2D" in row["layer"]]
    assert len(convolutions) == 9
    counted = {row["layer"]: row for row in emulate(model.read_bytes(), BOARD_OF_CORE["cortex-m4"][0], random=1).layers}
    for row in convolutions:
        own = counted[row["layer"]]
        ticks = TICKS * own["instructions"] / Cycles(*own["cycles_range"]).middle
        assert row["ratio"] == pytest.approx(ticks, rel=0.06)
    assert found["total"]["measured_cycles"] == pytest.approx(sum(r["measured_cycles"] for r in found["layers"]), abs=9)


@pytest.mark.device
def test_the_command_prints_both_and_refuses_what_is_not_a_log(golden: tuple[Path, Path], tmp_path: Path) -> None:
    model, path = golden
    reported = CliRunner().invoke(group, ["read", str(path), str(model)])
    assert reported.exit_code == 0, reported.output
    assert "modelled" in reported.output and "as on the emulated board" in reported.output
    damaged = tmp_path / "damaged.log"
    damaged.write_text(re.sub(r"crc [0-9a-f]+", "crc 0", path.read_text(), count=1))
    assert CliRunner().invoke(group, ["read", str(damaged), str(model)]).exit_code == 2
    assert CliRunner().invoke(group, ["read", str(tmp_path / "none.log"), str(model)]).exit_code == 2


@pytest.mark.device
def test_other_outputs_are_said_and_other_models_refused(golden: tuple[Path, Path], tmp_path: Path) -> None:
    model, path = golden
    body = re.search(r"kws-bench 1\n(?!half).*?(?=end )", path.read_text().replace("\r", ""), re.DOTALL)
    assert body is not None
    wrong = re.sub(r"crc [0-9a-f]+", "crc 1234", body[0], count=1)
    assert not compare_log(read_log(signed(wrong)), model)["outputs_equal"]
    still = re.sub(r"cycles [0-9 ]+", lambda m: re.sub(r"\d+", "0", m[0]), body[0])
    with pytest.raises(DataError, match="stood still"):
        compare_log(read_log(signed(still)), model)
    other = tmp_path / "other.tflite"
    other.write_bytes(ds_cnn(0.75))
    with pytest.raises(DataError, match="another model"):
        compare_log(read_log(path.read_text()), other)


def signed(body: str) -> str:
    return f"{body}end {zlib.crc32(body.encode()):x}\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no line 'kws-bench 1'"),
        ("kws-bench 1\nmodel abc\n", "'end ...' is missing"),
        ("kws-bench 1\nrefused\n", "refused to run"),
        ("kws-bench 1\nmodel abc\nend 12\n", "characters were lost"),
        (signed("kws-bench 1\nmodel abc\n"), "another version"),
    ],
)
def test_what_is_not_a_whole_log_is_refused(text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_log(text)


WHOLE = (
    "kws-bench 1\nmodel abc\nfor cortex-m4 balanced\ncompiler 12.2\ncounter dwt\nprobe 3\ninput 0 crc ab cycles 7 9\n"
)


def test_logs_that_a_reset_cut_off_are_passed_over() -> None:
    """Before the whole one, behind it, and around one whose line another program wrote into."""
    cut = WHOLE[:70]
    for text in (cut + signed(WHOLE), signed(WHOLE) + cut, cut + signed(WHOLE) + "boot\n" + cut):
        assert read_log(text.replace("\n", "\r\n")).cycles.tolist() == [[7, 9]]
    torn = signed(WHOLE).replace("probe", "[1.2] wifi up\nprobe")
    assert read_log(signed(WHOLE) + torn).probe == 3
    with pytest.raises(DataError, match="lines of another program"):
        read_log(torn)
    with pytest.raises(DataError, match="another version"):
        read_log(signed(WHOLE.replace("7 9", f"7 {10**30}")))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-8-sig", "latin-1"])
def test_logs_of_a_shell_in_16_bits_are_read(encoding: str, tmp_path: Path) -> None:
    """What Windows PowerShell's > writes."""
    path = tmp_path / "board.log"
    path.write_bytes(signed(WHOLE).encode(encoding))
    assert read_log(path.read_text(encoding="latin-1")).model == "abc"


def test_every_core_can_be_exported_for(tmp_path: Path) -> None:
    assert {timing for _, timing in BOARD_OF_CORE.values()} <= set(TIMINGS)
    for core in BOARD_OF_CORE:
        files = export_bench(ds_cnn(0.9), tmp_path / core, core.removeprefix("cortex-"))
        assert {"kws_bench.c", "kws_bench.h", "kws_bench_model.h", "model.c", "README.md"} <= set(files)
    with pytest.raises(RecipeError, match="unknown core"):
        export_bench(ds_cnn(0.9), tmp_path / "x", "cortex-a53")
    assert not (tmp_path / "x").exists()
    first = bench_input(bench_engine(ds_cnn(0.9), "cortex-m4", "balanced"), 0)
    assert (first.size, first.dtype) == (490, np.int8)
    assert int(first.view(np.uint8)[0]) == ((1664525 + 1013904223) & 0xFFFFFFFF) >> 24
