"""Building firmware for an emulated board: compiled, linked, or refused where it does not fit."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from firmware_export.boards import BOARDS, Board
from firmware_export.emulation.elf import footprint
from firmware_export.emulation.objects import compile_objects, shared_by_engines
from firmware_export.emulation.tools import run_tool
from kws_tfmot.errors import ToolchainError

BOARD_FILES = Path(__file__).parent.parent / "boards"
COMPILER = "arm-none-eabi-gcc"
PROBE = '-DKWS_PROBE(layer)=__asm__ volatile("mov r10, r10" ::: "memory")'
# NDEBUG: sizes of layers are the code generator's, and are not checked again at every inference.
FLAGS = (
    *("-std=c11", "-O2", "-DNDEBUG", "-mthumb", "-ffunction-sections", "-fdata-sections"),
    "-fno-tree-loop-distribute-patterns",
)
LINK = ("-nostdlib", "-Wl,--gc-sections", "-Wl,--fatal-warnings", "-T", "board.ld")
STACK_RESERVE = 1024
# What GNU ld says when a region is full; and a region for any firmware.
_OUT_OF_MEMORY, _ENDLESS = ("overflowed by", "is left for the stack"), 1 << 26


def require(tool: str) -> str:
    """Path of a tool of the Arm toolchain.

    Raises:
        ToolchainError: Saying which packages to install.
    """
    found = shutil.which(tool)
    if found is None:
        raise ToolchainError(
            f"{tool} is not installed.", "Debian: apt install gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm"
        )
    return found


def link_script(board: Board) -> str:
    """The linker script for a board."""
    text = (BOARD_FILES / "board.ld.in").read_text(encoding="utf-8")
    for key in ("rom_start", "rom_bytes", "ram_start", "ram_bytes"):
        text = text.replace(f"@{key.upper()}@", f"{getattr(board, key):#x}")
    return text.replace("@STACK_RESERVE@", str(STACK_RESERVE))


def build_firmware(board: Board, files: dict[str, str], main: str, folder: Path, flags: tuple[str, ...] = ()) -> Path:
    """Compile ``files``, the board's start-up code and ``main`` into ``folder``.

    Args:
        board: Where it is to run.
        files: Names and texts of C sources and headers.
        main: Name of the file that holds ``main``: one of ``files`` or of the boards directory.
        folder: Where to build.
        flags: Further compiler flags.

    Raises:
        ToolchainError: If a tool is missing, the code is refused, or the firmware does not fit the board.
    """
    compiler = require(COMPILER)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    for name in ("start.c", "semihosting.c", "board.h", main):
        if name not in files:
            shutil.copy(BOARD_FILES / name, folder / name)
    (folder / "board.ld").write_text(link_script(board), encoding="utf-8")
    sources = sorted({*(n for n in files if n.endswith(".c")), "start.c", "semihosting.c", main})
    command, what = [*board.flags, *FLAGS, *flags], f"building the firmware for {board.name}"
    objects = compile_objects([compiler], command, sources, folder, what, shared=_shared)
    link = [compiler, *command, *LINK, "-o", "firmware.elf", *objects, "-lc", "-lgcc"]
    try:
        run_tool(link, what, cwd=folder)
    except ToolchainError as err:
        if any(said in str(err) for said in _OUT_OF_MEMORY):
            raise _does_not_fit(board, link, folder) from err
        raise
    return folder / "firmware.elf"


def _does_not_fit(board: Board, link: list[str], folder: Path) -> ToolchainError:
    """What a firmware takes that is too large for its board: linked again where there is no limit."""
    roomy = replace(board, rom_bytes=_ENDLESS, ram_bytes=_ENDLESS)
    (folder / "board.ld").write_text(link_script(roomy), encoding="utf-8")
    run_tool(link, f"linking a firmware too large for {board.name}", cwd=folder)
    size = footprint(folder / "firmware.elf")
    larger = ", ".join(
        b.name for b in BOARDS.values() if b.rom_bytes >= size.flash and b.ram_bytes >= size.ram + STACK_RESERVE
    )
    return ToolchainError(
        f"the firmware does not fit {board.name}: it takes {size.flash:,} of {board.rom_bytes:,} bytes of flash and "
        f"{size.ram:,} of {board.ram_bytes:,} bytes of RAM, where {STACK_RESERVE:,} must be left for the stack. "
        f"Emulated boards that hold it: {larger or 'none'}."
    )


def _shared(source: str) -> bool:
    """Whether a source is the runtime's or the boards', which every firmware has."""
    return shared_by_engines(source) or (BOARD_FILES / source).is_file()
