"""The cycle model against sequences counted by hand from the manuals' tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from firmware_export.boards import BOARDS, BUDGETS
from firmware_export.emulation.cycles import TIMINGS, Cycles, ExecutionCounts, timing_of
from firmware_export.emulation.emulator import emulate, run_firmware
from firmware_export.emulation.firmware_build import build_firmware
from firmware_export.graphs.ds_cnn_benchmark import ds_cnn
from kws_tfmot.errors import RecipeError

MARK = "mov r10, r10"
SOURCE = """#include "board.h"
static uint32_t buffer[16];
static const uint32_t constant[4] = {1, 2, 3, 4};
__asm__(".syntax unified\\n\\t.thumb\\n\\t.text\\n\\t.align 2\\n"
        ".thumb_func\\nleaf: bx lr\\n.thumb_func\\nnested: push {lr}\\n\\tpop {pc}\\n");
int main(void) {
  register uint32_t *at __asm__("r0") = buffer;
  register const uint32_t *flash __asm__("r1") = constant;
  buffer[0] = (uint32_t)(uintptr_t)buffer;
  __asm__ volatile(".syntax unified\\n\\tSEQUENCES"
      : "+r"(at) : "r"(flash) : "r2", "r3", "r4", "r5", "r6", "r7", "lr", "cc", "memory");
  return 0;
}
"""
LOADS = "ldr r2, [r0]; ldr r3, [r0, #4]; ldr r4, [r0, #8]; ldr r5, [r0, #12]"
LOOP = "movs r2, #10; 1: subs r2, r2, #1; bne 1b"
LDM = "ldm r0!, {r2, r3, r4, r5}; subs r0, r0, #16"
PUSH = "push {r4, r5}; pop {r4, r5}"

# sequence -> cycles on M0, M0+ (their multipliers apart)
ARMV6M = {
    LOADS: (8, 8),
    "str r0, [r0]": (2, 2),
    LDM: (6, 6),
    PUSH: (6, 6),
    LOOP: (1 + 10 + 9 * 3 + 1, 1 + 10 + 9 * 2 + 1),
    "bl leaf": (4 + 3, 3 + 2),
    "bl nested": (4 + 2 + (4 + 1), 3 + 2 + (3 + 1)),
    "b 1f; 1: nop": (1 + 3, 1 + 2),
    "adds r2, r2, r3; uxtb r3, r3; lsls r2, r2, #3": (3, 3),
}
# sequence -> cycles on M3, M4, each least and most
ARMV7M = {
    LOADS: ((5, 5), (5, 5)),
    "ldrd r2, r3, [r0]; ldrd r4, r5, [r0, #8]": ((6, 6), (6, 6)),
    LDM: ((6, 6), (6, 6)),
    PUSH: ((6, 6), (6, 6)),
    "ldr r2, [r0]; ldr r3, [r2]": ((4, 4), (4, 4)),  # the address is what was loaded
    "ldr r2, [r0]; adds r3, r3, r4; ldr r5, [r0]": ((5, 5), (5, 5)),
    "adds r2, r0, #4; ldr r3, [r2]": ((4, 4), (4, 4)),  # the address waits for the addition
    "ldr r2, [r0]; str r2, [r0, #4]": ((3, 3), (3, 3)),
    "str r0, [r0]": ((1, 2), (1, 1)),
    "ldr r2, [r0], #4; ldr r3, [r0]; subs r0, r0, #4": ((4, 5), (4, 5)),  # with a moved base they may pair or not
    LOOP: ((1 + 10 + 9 * 2 + 1, 1 + 10 + 9 * 4 + 1),) * 2,
    "bl leaf": ((4, 8), (4, 8)),
    "bl nested": ((2 + 2 + 3, 4 + 2 + 5),) * 2,
    "cmp r0, r0; it eq; addeq r2, r2, #1": ((2, 3), (2, 3)),  # IT may fold into the narrow CMP
    "cbz r0, 1f; nop; 1: nop": ((3, 3), (3, 3)),
    "mul r2, r3, r4; mla r2, r3, r4, r5": ((3, 3), (2, 2)),
    "smull r2, r3, r4, r5": ((3, 5), (1, 1)),
    "smlal r2, r3, r4, r5": ((4, 7), (1, 1)),
    "udiv r2, r3, r4": ((2, 12), (2, 12)),
}
M4_ALONE = {"smlad r2, r3, r4, r5; sxtb16 r2, r3; smlabb r2, r3, r4, r5; smlald r2, r3, r4, r5": (4, 4)}
M55 = {
    "vldrw.u32 q0, [r0]; vadd.i32 q1, q0, q0": (2 + 1, 2 + 2),  # beats of the second may hide behind the first
    "vadd.i32 q0, q0, q0; vadd.i32 q1, q0, q0": (4, 4),
    "vmov.i32 q1, #0; vldrb.u8 q0, [r0, q1]": (2 + 16, 2 + 16),  # each element by itself
    "vmov.i32 q1, #0; vldrb.s16 q0, [r0, q1]": (2 + 8, 2 + 8),
    "vldrb.s32 q0, [r0]; vctp.8 r0": (2 + 1, 2 + 2),
    # a start, two turns of a load and an addition, their ends, of which one jumps
    "movs r4, #8; dlstp.32 lr, r4; 1: vldrw.32 q0, [r0]; vadd.i32 q1, q0, q0; letp lr, 1b": (
        1 + 1 + 6 + 2,
        1 + 1 + 8 + 3,
    ),
}


def run(board: str, sequences: list[str], folder: Path, **options: bool) -> ExecutionCounts:
    """Each sequence between two markers, in one firmware."""
    lines = "; ".join([MARK, *(f"{text}; {MARK}" for text in sequences)])
    text = SOURCE.replace("SEQUENCES", lines.replace("; ", "\\n\\t"))
    elf = build_firmware(BOARDS[board], {"sequence.c": text}, "sequence.c", folder)
    return run_firmware(BOARDS[board], elf, **options).counts.spent()


def check(found: np.ndarray, expected: dict[str, tuple[int, int]]) -> None:
    assert dict(zip(expected, map(tuple, found.tolist()), strict=True)) == expected


@pytest.mark.device
def test_sequences_on_cortex_m0_and_m0plus(tmp_path: Path) -> None:
    multiplication = "muls r2, r3, r2; muls r3, r2, r3"
    spent = run("microbit", [*ARMV6M, multiplication], tmp_path)
    for core, column in (("m0", 0), ("m0plus", 1)):
        for multiplier, cycles in (("", 1), ("-slow-multiplier", 32)):
            expected = {text: (counted[column],) * 2 for text, counted in ARMV6M.items()}
            check(spent.cycles(core + multiplier), expected | {multiplication: (2 * cycles,) * 2})


@pytest.mark.device
@pytest.mark.parametrize(("board", "core"), [("mps2-an385", "m3"), ("mps2-an386", "m4"), ("mps2-an505", "m33")])
def test_sequences_on_cortex_m3_m4_and_m33_which_is_taken_as_m4(board: str, core: str, tmp_path: Path) -> None:
    expected = {text: both[0 if core == "m3" else 1] for text, both in ARMV7M.items()}
    expected |= {} if core == "m3" else M4_ALONE
    check(run(board, list(expected), tmp_path).cycles(core), expected)


@pytest.mark.device
def test_vectors_take_two_beats_and_hide_one_behind_the_other_kind(tmp_path: Path) -> None:
    check(run("mps3-an547", list(M55), tmp_path).cycles("m55"), M55)


@pytest.mark.device
def test_cortex_m7_is_bounded_not_modelled(tmp_path: Path) -> None:
    assert run("mps2-an500", [LOADS, LDM], tmp_path).cycles("m7").tolist() == [[2, 5], [1, 6]]
    assert emulate(ds_cnn(0.9), "mps2-an500", random=1).cycles is None


@pytest.mark.device
def test_wait_states_cost_at_every_jump_and_read_from_flash(tmp_path: Path) -> None:
    sequences = [LOOP, "ldr r2, [r1]; ldr r3, [r1, #4]", "ldr r2, [r0]; ldr r3, [r0, #4]", "ldrd r2, r3, [r1]"]
    spent = run("mps2-an386", sequences, tmp_path, watch_flash=True)
    assert spent.jumps.tolist() == [9, 0, 0, 0]
    assert spent.flash_reads.tolist() == [0, 2, 0, 2]
    more = spent.cycles("m4", 5) - spent.cycles("m4")
    assert more.tolist() == [[45, 45], [10, 10], [0, 0], [10, 10]]


@pytest.mark.device
def test_a_report_says_its_cycles_and_what_they_are() -> None:
    report = emulate(ds_cnn(0.9), "mps2-an386", random=1)
    least, most = report.cycles_range
    assert least < report.cycles == (least + most) // 2 < most
    assert report.instructions < report.cycles < 3 * report.instructions
    assert [sum(row["cycles_range"][i] for row in report.layers) for i in (0, 1)] == [least, most]
    assert report.cycles_are == "modelled, no wait states: Cortex-M4, Arm DDI 0439B"
    assert report.cycles_by_core == {"m4": [least, most]}
    waiting = emulate(ds_cnn(0.9), "mps2-an386", random=1, wait_states=4)
    assert waiting.instructions == report.instructions
    assert waiting.cycles > report.cycles
    assert "4 flash wait states assumed" in waiting.cycles_are


def test_every_board_has_a_table_of_its_core() -> None:
    assert all(name in TIMINGS for board in BOARDS.values() for name in board.timings)
    assert all(b.timing in BOARDS[b.like].timings for b in BUDGETS if b.like)
    with pytest.raises(RecipeError, match="unknown core 'm5'"):
        timing_of("m5")
    assert Cycles(100_000, 300_000).milliseconds(100) == (1.0, 3.0)
