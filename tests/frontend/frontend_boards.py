"""Builds the exported C for an emulated board, feeds it clips through semihosting, counts its instructions."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kws_tfmot.frontend import FrontendSettings, c_source

HERE = Path(__file__).with_name("device")


@dataclass(frozen=True)
class Board:
    machine: str
    flags: tuple[str, ...]
    rom: tuple[int, int]
    ram: tuple[int, int]


def _board(machine: str, cpu: str, fpu: str, rom: tuple[int, int], ram: tuple[int, int]) -> Board:
    floats = (f"-mfpu={fpu}", "-mfloat-abi=hard") if fpu else ("-mfloat-abi=soft",)
    return Board(machine, (f"-mcpu={cpu}", "-mthumb", *floats), rom, ram)


K, M = 1 << 10, 1 << 20
BOARDS = {
    "m0": _board("microbit", "cortex-m0", "", (0x0, 256 * K), (0x20000000, 16 * K)),
    "m3": _board("mps2-an385", "cortex-m3", "", (0x0, 4 * M), (0x20000000, 4 * M)),
    "m4": _board("mps2-an386", "cortex-m4", "fpv4-sp-d16", (0x0, 4 * M), (0x20000000, 4 * M)),
    "m7": _board("mps2-an500", "cortex-m7", "fpv5-d16", (0x0, 4 * M), (0x60000000, 16 * M)),
    "m33": _board("mps2-an505", "cortex-m33", "fpv5-sp-d16", (0x10000000, 4 * M), (0x38000000, 2 * M)),
    "m55": _board("mps3-an547", "cortex-m55", "auto", (0x10000000, 512 * K), (0x31000000, 2 * M)),
}

LINKER = """
MEMORY {{ ROM (rx) : ORIGIN = {rom[0]:#x}, LENGTH = {rom[1]}  RAM (rw) : ORIGIN = {ram[0]:#x}, LENGTH = {ram[1]} }}
SECTIONS {{
  .text : {{ KEEP(*(.vectors)) *(.text*) *(.rodata*) . = ALIGN(4); }} > ROM
  .ARM.exidx : {{ *(.ARM.exidx*) }} > ROM
  data_load = LOADADDR(.data);
  .data : {{ data_start = .; *(.data*) . = ALIGN(4); data_end = .; }} > RAM AT > ROM
  .bss (NOLOAD) : {{ bss_start = .; *(.bss*) *(COMMON) . = ALIGN(4); bss_end = .; }} > RAM
  stack_top = ORIGIN(RAM) + LENGTH(RAM);
}}
"""


def build(board: str, settings: FrontendSettings, folder: Path, optimise: str = "-O2") -> Path:
    """Write the exported files to ``folder`` and compile them with the test's program; return the ELF file."""
    for name, text in c_source(settings).items():
        (folder / name).write_text(text)
    return link(board, folder, optimise)


def link(board: str, folder: Path, optimise: str = "-O2") -> Path:
    """Compile what lies in ``folder``."""
    target = BOARDS[board]
    (folder / "link.ld").write_text(LINKER.format(rom=target.rom, ram=target.ram))
    elf = folder / "firmware.elf"
    sources = sorted(path.name for path in folder.glob("*.c"))
    common = ("arm-none-eabi-gcc", *target.flags, "-std=c11", optimise, "-ffunction-sections", "-fdata-sections", "-I.")
    _run(*common, "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror", "-c", *sources, cwd=folder)
    objects = [f"{name[:-2]}.o" for name in sources]
    _run(
        *(*common, str(HERE / "main.c"), *objects, "-nostartfiles", "-Wl,--gc-sections", "-Wl,-e,vectors"),
        *("-T", "link.ld", "-o", str(elf)),
        cwd=folder,
    )
    return elf


def symbol_sizes(elf: Path) -> dict[str, tuple[str, int]]:
    """Of each symbol that has one: kind (t code, r constants, d data, b zeroed) and size in bytes."""
    table = {}
    for line in _run("arm-none-eabi-nm", "-S", str(elf), cwd=elf.parent).splitlines():
        fields = line.split()
        if len(fields) == 4:
            table[fields[3]] = (fields[2].lower(), int(fields[1], 16))
    return table


def run(
    board: str, elf: Path, clips: np.ndarray, features: int, count: bool = False
) -> tuple[np.ndarray, dict[int, int]]:
    """Push the samples of all clips, one after the other; return the frames and, where asked, a profile.

    The profile maps addresses to executed instructions; key -1 holds the number of pushes.
    """
    folder = elf.parent
    clips.tofile(folder / "clips.pcm")
    profile = folder / "profile.txt"
    plugin = ["-plugin", f"{build_plugin(folder)},out={profile}"] if count else []
    _run(
        *("qemu-system-arm", "-M", BOARDS[board].machine, "-display", "none", "-monitor", "none", "-serial", "none"),
        *("-chardev", "stdio,id=sh0", "-semihosting-config", "enable=on,target=native,chardev=sh0"),
        *("-kernel", str(elf), *plugin),
        cwd=folder,
    )
    frames = np.fromfile(folder / "features.bin", np.int8).reshape(-1, features)
    counts: dict[int, int] = {}
    if count:
        first, *lines = profile.read_text().splitlines()
        counts = {int(line.split()[0], 16): int(line.split()[1]) for line in lines}
        counts[-1] = int(first.split()[1])
    return frames, counts


def build_plugin(folder: Path) -> Path:
    """Compile the instruction counter for the host."""
    plugin = folder / "counter.so"
    _run("gcc", "-O2", "-shared", "-fPIC", "-o", str(plugin), str(HERE / "counter.c"), cwd=folder)
    return plugin


def _run(*command: str, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout
