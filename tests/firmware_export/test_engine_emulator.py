"""The emulator counts exactly and reports what issue and boards ask for; the host interpreter is the same code."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from firmware_export.boards import BOARDS, BUDGETS, board_of
from firmware_export.emulation.cycles import Cycles
from firmware_export.emulation.elf import footprint
from firmware_export.emulation.emulator import emulate, fits, run_firmware
from firmware_export.emulation.firmware_build import build_firmware, require
from firmware_export.emulation.host import EngineInterpreter
from firmware_export.emulation.stream_report import emulate_stream
from firmware_export.graphs.ds_cnn_benchmark import ds_cnn
from firmware_export.graphs.graph_writer import GraphWriter
from kws_tfmot.errors import ModelError, RecipeError, ToolchainError
from kws_tfmot.tflite.interpreter import open_interpreter

MARK = '__asm__ volatile("mov r10, r10")'
LOOP = """#include "board.h"
int main(void) {
  MARK;
  __asm__ volatile(
      ".syntax unified\\n\\tmov r0, %0\\n\\tmovs r1, #1\\n1:\\n\\tsubs r0, r0, r1\\n\\tcmp r0, #0\\n\\tbne 1b"
      ::"r"(TURNS) : "r0", "r1", "cc");
  MARK;
  return 0;
}
"""


def small_model(input_dtype: str = "int8") -> bytes:
    """One fully connected layer and softmax over 24 inputs, which every input byte can change."""
    rng = np.random.default_rng(3)
    w = GraphWriter()
    x = first = w.activation((1, 24), 1 / 64, 0)
    if input_dtype == "float32":
        first = w.tensor((1, 24), "float32")
        w.operator("QUANTIZE", [first], [x])
    y = w.activation((1, 4), 0.05, 3)
    z = w.activation((1, 4), 1 / 256, -128)
    weights = w.weights(rng.integers(-127, 128, (4, 24)), np.array([0.01], np.float32), 0)
    w.operator("FULLY_CONNECTED", [x, weights, -1], [y])
    w.operator("SOFTMAX", [y], [z], beta=1.0)
    return w.finish([first], [z])


@pytest.mark.device
@pytest.mark.parametrize("board", sorted(BOARDS))
def test_a_loop_of_known_length_is_counted_exactly(board: str, tmp_path: Path) -> None:
    counts = []
    for turns in (100, 101):
        text = LOOP.replace("MARK", MARK).replace("TURNS", str(turns))
        elf = build_firmware(BOARDS[board], {"loop.c": text}, "loop.c", tmp_path)
        first, last = run_firmware(BOARDS[board], elf).counts.instructions.tolist()
        counts.append(last - first)
    assert counts[1] - counts[0] == 3  # subs, cmp, bne


@pytest.mark.device
def test_the_report_of_a_model(tmp_path: Path) -> None:
    reports = [emulate(small_model(), "mps2-an386", random=3, seed=seed).to_dict() for seed in (1, 1)]
    assert reports[0] == reports[1]
    report = json.loads(json.dumps(reports[0]))
    keys = {"board", "instructions", "flash_bytes", "ram_bytes", "stack_bytes", "bit_exact", "inputs", "layers"}
    assert keys <= set(report)
    assert report["bit_exact"] and report["inputs"] == 3 and report["differing_bytes"] == 0
    assert sum(layer["instructions"] for layer in report["layers"]) == report["instructions"]
    assert sum(report["flash_parts"].values()) == report["flash_bytes"]
    assert report["arena_bytes"] <= report["ram_bytes"] < report["arena_bytes"] + 64
    assert 100 < report["stack_bytes"] < 1000
    assert {b["board"] for b in report["budgets"]} == {b.name for b in BUDGETS if b.like == "mps2-an386"}
    assert all(b["fits"] for b in report["budgets"])
    assert "modelled, not measured" in report["note"]


@pytest.mark.device
def test_a_wrong_byte_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = np.random.default_rng(0).integers(-128, 128, (3, 24)).astype(np.int8)

    class Liar:
        name = "liar"

        def run(self, batch: np.ndarray) -> np.ndarray:
            outputs = open_interpreter(small_model(), "tflm").run(batch)
            outputs.reshape(-1)[5] ^= 1
            return outputs

    monkeypatch.setattr("firmware_export.emulation.emulator.open_interpreter", lambda model, kind: Liar())
    report = emulate(small_model(), "mps2-an386", inputs)
    assert not report.bit_exact and report.differing_bytes == 1


@pytest.mark.device
def test_a_firmware_that_does_not_fit_says_so(tmp_path: Path) -> None:
    text = "static volatile char big[17 * 1024]; int main(void) { return big[5]; }"
    said = r"does not fit microbit: .* of 262,144 bytes of flash and 17,408 of 16,384 bytes of RAM.*: mps2-an385"
    with pytest.raises(ToolchainError, match=said):
        build_firmware(BOARDS["microbit"], {"big.c": text}, "big.c", tmp_path)


@pytest.mark.device
def test_a_fault_and_an_error_code_are_reported(tmp_path: Path) -> None:
    for text, code in (
        ("int main(void) { return 7; }", "7"),
        ('int main(void) { __asm__("udf #0"); return 0; }', "99"),
    ):
        elf = build_firmware(BOARDS["mps2-an386"], {"f.c": text}, "f.c", tmp_path)
        with pytest.raises(ToolchainError, match=f"exit code {code}"):
            run_firmware(BOARDS["mps2-an386"], elf)


@pytest.mark.device
def test_flash_and_ram_come_from_the_elf_file(tmp_path: Path) -> None:
    full = (
        "const char c[1000] = {1}; volatile char d[64] = {2}, b[300];"
        "int main(void) { return (*(const volatile char *)(c + 9) + d[9] + b[9]) * 0; }"
    )
    sizes = []
    for source in ("int main(void) { return 0; }", full):
        sizes.append(footprint(build_firmware(BOARDS["mps2-an386"], {"s.c": source}, "s.c", tmp_path)))
    assert 1064 <= sizes[1].flash - sizes[0].flash < 1064 + 64
    assert sizes[1].ram - sizes[0].ram == pytest.approx(364, abs=8)


def test_real_boards_budgets() -> None:
    cycles = {"m0": Cycles(1_600_000, 1_600_000), "m0plus": Cycles(1_330_000, 2_660_000)}
    rows = fits("microbit", 100_000, 20_000, cycles)
    pico = next(b for b in rows if "Pico" in b["board"])
    tiny = next(b for b in rows if "L031" in b["board"])
    assert pico["fits"] and not tiny["fits"]
    assert tiny["flash_left"] == 32 * 1024 - 100_000
    assert pico["modelled_ms"] == [10.0, 20.0]  # of its own core, M0+ at 133 MHz
    assert next(b for b in rows if "micro:bit" in b["board"])["modelled_ms"] == [100.0, 100.0]
    assert {b.like for b in BUDGETS} <= {*BOARDS, ""}


def test_unknown_boards_and_missing_tools_are_refused() -> None:
    with pytest.raises(RecipeError, match="Did you mean 'mps2-an386'"):
        board_of("mps2-an368")
    with pytest.raises(ToolchainError, match="apt install"):
        require("no-such-tool")


@pytest.mark.parametrize("dtype", ["int8", "float32"])
def test_the_host_interpreter_equals_tflm(dtype: str) -> None:
    model = small_model(dtype)
    engine, reference = EngineInterpreter(model), open_interpreter(model, "tflm")
    rng = np.random.default_rng(5)
    batch = (
        rng.integers(-128, 128, (50, 24)).astype(np.int8)
        if dtype == "int8"
        else rng.normal(0, 1, (50, 24)).astype(np.float32)
    )
    np.testing.assert_array_equal(engine.run(batch), reference.run(batch))
    assert len(np.unique(engine.run(batch), axis=0)) > 10
    assert "engine" in engine.name


def test_the_host_interpreter_checks_its_samples() -> None:
    engine = EngineInterpreter(ds_cnn())
    with pytest.raises(ModelError, match="expected int8"):
        engine.run(np.zeros((1, 49, 10, 1), np.float32))
    with pytest.raises(ModelError, match="490 numbers"):
        engine.run(np.zeros((1, 40, 10, 1), np.int8))


@pytest.mark.parametrize("count", [emulate, emulate_stream])
def test_a_path_without_a_file_is_refused(count: Callable[[str], object], tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no model file at.*gone"):
        count(str(tmp_path / "gone.tflite"))
