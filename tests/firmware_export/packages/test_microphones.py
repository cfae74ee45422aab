"""The microphones of three vendors' boards: compiled with stand-ins, their ring tried, the RP2040's PIO program run."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
from package_support import NAME, STAND_INS, run

Packages = Callable[[str], Path]
LEFT, RIGHT = 0xA5C3F00F, 0x3C96A5A5


def options(packages: Packages, board: str) -> tuple[str, ...]:
    folder = packages("cmake")
    places = (folder / "src", folder / "examples", folder / "examples" / "microphones", STAND_INS / board)
    return ("-std=gnu11", "-Wall", "-Wextra", "-Werror", *(f"-I{place}" for place in places))


@pytest.mark.parametrize(("board", "file"), [("nrf", "nrf52"), ("stm32", "stm32l4"), ("pico", "rp2040")])
def test_they_compile(packages: Packages, board: str, file: str) -> None:
    source = packages("cmake") / "examples" / "microphones" / f"microphone_{file}.c"
    run("gcc", *options(packages, board), "-fsyntax-only", source)


def test_the_ring_gives_hops_in_order_and_counts_what_was_lost(packages: Packages, tmp_path: Path) -> None:
    (tmp_path / "ring.c").write_text("""#include <stdio.h>
#include "microphone_ring.h"
#define HOP HEY_NOVA_KWS_FRONTEND_HOP_SAMPLES
static microphone_ring ring;
static int16_t made, hop[HOP];
static void interrupt(void) {
    microphone_ring_next(&ring)[0] = made++;
    microphone_ring_added(&ring);
}
int main(void) {
    for (int i = 0; i < 3; i++) { microphone_ring_take(&ring, hop, HOP, interrupt); printf("%d ", hop[0]); }
    for (int i = 0; i < 40; i++) interrupt();
    for (int i = 0; i < 2; i++) { microphone_ring_take(&ring, hop, HOP, interrupt); printf("%d ", hop[0]); }
    printf("lost %u, short %zu, narrow %d %d %d\\n", ring.lost, microphone_ring_take(&ring, hop, 1, interrupt),
           microphone_narrow(-5, 1), microphone_narrow(1 << 30, 14), microphone_narrow(-(1 << 30), 14));
    return 0;
}
""")
    run("gcc", *options(packages, "nrf"), "-o", "ring", "ring.c", cwd=tmp_path)
    assert run(tmp_path / "ring") == "0 1 2 42 43 lost 39, short 0, narrow -2 32767 -32768\n"


def test_the_pio_program_takes_the_left_slot_of_i2s(packages: Packages, tmp_path: Path) -> None:
    """A microphone that changes its data with the falling clock, a bit after word select: every bit comes out right."""
    source = packages("cmake") / "examples" / "microphones" / "microphone_rp2040.c"
    printing = "int main(void) { uint16_t code[LENGTH]; assemble(code); for (int i = 0; i < LENGTH; i++) "
    (tmp_path / "code.c").write_text(f'#include <stdio.h>\n#include "{source}"\n{printing}printf("%u ", code[i]); }}\n')
    objects = (*options(packages, "pico"), "-ffunction-sections", "-fdata-sections", "-Wno-unused-function", "-O2")
    run(
        "gcc",
        *objects,
        "-Wl,--gc-sections",
        "-Wl,--unresolved-symbols=ignore-all",
        "-o",
        "code",
        "code.c",
        cwd=tmp_path,
    )
    taken, periods = simulated([int(word) for word in run(tmp_path / "code").split()], 1000)
    assert taken[1:] == [LEFT] * len(taken[1:]) and len(taken) > 5
    assert set(periods[1:]) == {128}  # cycles from one word select to the next, as the clock's divisor has it


def simulated(code: list[int], cycles: int) -> tuple[list[int], list[int]]:
    """Words that the program pushes, and the cycles between falls of word select."""
    pc = x = count = 0
    clock, select, latched, data, bit, shifted = 0, 1, 1, 0, 0, 0
    words, falls = [], []
    for cycle in range(cycles):
        instruction = code[pc]
        side = instruction >> 9 & 3
        rising, falling = side & 1 > clock, side & 1 < clock
        if side >> 1 < select:
            falls.append(cycle)
        clock, select = side & 1, side >> 1
        if rising and select != latched:  # the microphone sees word select with the rising clock
            latched, bit = select, -1
        if falling:
            bit += 1
            data = ((RIGHT if latched else LEFT) >> (31 - bit)) & 1 if bit < 32 else 0
        kind, operand = instruction >> 12, instruction & 0x1FF
        pc = (pc + 1) % len(code)
        if kind == 1:
            shifted, count = (shifted << 1 | data) & 0xFFFFFFFF, count + 1
            if count == 32:
                words.append(shifted)
                count = 0
        elif kind == 3:
            x = operand & 0xFF
        elif kind == 4:
            if x:
                pc = operand
            x = (x - 1) & 0xFFFFFFFF
    return words, [later - earlier for earlier, later in itertools.pairwise(falls)]


def test_the_names_are_the_packages(packages: Packages) -> None:
    text = (packages("cmsis-pack") / "examples" / "microphones" / "microphone_ring.h").read_text()
    assert f'#include "{NAME}.h"' in text and "KWS_FRONTEND" not in text.replace(f"{NAME.upper()}_KWS_FRONTEND", "")
