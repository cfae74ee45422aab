"""The machines that QEMU emulates, one for each kind of core."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Board:
    """A machine QEMU emulates. Addresses and sizes in bytes, as QEMU 7.2 maps them.

    Sources: QEMU's ``hw/arm/microbit.c`` and ``nrf51_soc.c``, ``mps2.c`` (AN385, AN386, AN500) and ``mps2-tz.c``
    (AN505, AN547), which follow Arm's application notes of these numbers.

    ``timings`` names the cores whose cycles are modelled there (:mod:`~firmware_export.emulation.cycles`).
    """

    name: str
    core: str
    flags: tuple[str, ...]
    rom_start: int
    rom_bytes: int
    ram_start: int
    ram_bytes: int
    timings: tuple[str, ...]


_K = 1024
_M = 1024 * 1024

BOARDS: dict[str, Board] = {
    board.name: board
    for board in (
        Board(
            "microbit",
            "Cortex-M0",
            ("-mcpu=cortex-m0", "-mfloat-abi=soft"),
            *(0, 256 * _K, 0x20000000, 16 * _K),
            ("m0", "m0-slow-multiplier", "m0plus", "m0plus-slow-multiplier"),
        ),
        Board(
            "mps2-an385",
            "Cortex-M3",
            ("-mcpu=cortex-m3", "-mfloat-abi=soft"),
            *(0, 4 * _M, 0x20000000, 4 * _M),
            ("m3",),
        ),
        Board(
            "mps2-an386",
            "Cortex-M4F",
            ("-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard"),
            *(0, 4 * _M, 0x20000000, 4 * _M),
            ("m4",),
        ),
        Board(
            "mps2-an500",
            "Cortex-M7F",
            ("-mcpu=cortex-m7", "-mfpu=fpv5-d16", "-mfloat-abi=hard"),
            *(0, 4 * _M, 0x60000000, 16 * _M),
            ("m7",),
        ),
        Board(
            "mps2-an505",
            "Cortex-M33F",
            ("-mcpu=cortex-m33", "-mfpu=fpv5-sp-d16", "-mfloat-abi=hard"),
            *(0x10000000, 4 * _M, 0x38000000, 2 * _M),
            ("m33",),
        ),
        Board(
            "mps3-an547",
            "Cortex-M55",
            ("-mcpu=cortex-m55", "-mfloat-abi=hard"),
            *(0x10000000, 512 * _K, 0x31000000, 2 * _M),
            ("m55",),
        ),
    )
}
