"""Boards: those the emulator runs, and the budgets of common real ones."""

from __future__ import annotations

from dataclasses import dataclass

from kws_tfmot.errors import RecipeError, did_you_mean


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


@dataclass(frozen=True)
class Budget:
    """A real board: what its microcontroller has. ``like`` is the emulated board of its core.

    ``key`` names the board on a command line; flash and RAM are in bytes; ``timing`` is the core whose cycles it has;
    ``source`` is the data sheet that flash, RAM and clock are from.
    """

    name: str
    like: str
    flash: int
    ram: int
    mhz: int
    key: str
    timing: str
    source: str


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

BUDGETS: tuple[Budget, ...] = (
    Budget(
        "micro:bit v1 (nRF51822)",
        "microbit",
        256 * _K,
        16 * _K,
        16,
        "microbit-v1",
        "m0",
        "Nordic, nRF51822 product specification",
    ),
    Budget(
        "Raspberry Pi Pico (RP2040, 2 MB flash chip)",
        "microbit",
        2 * _M,
        264 * _K,
        133,
        "pico",
        "m0plus",
        "Raspberry Pi, RP2040 datasheet; flash: Pico datasheet",
    ),
    Budget("STM32L031K6", "microbit", 32 * _K, 8 * _K, 32, "nucleo-l031k6", "m0plus", "ST DS10668"),
    Budget("STM32G071RB", "microbit", 128 * _K, 36 * _K, 64, "nucleo-g071rb", "m0plus", "ST DS12232"),
    Budget("Blue Pill (STM32F103C8)", "mps2-an385", 64 * _K, 20 * _K, 72, "blue-pill", "m3", "ST DS5319"),
    Budget(
        "Arduino Nano 33 BLE Sense (nRF52840)",
        "mps2-an386",
        1 * _M,
        256 * _K,
        64,
        "nano-33-ble-sense",
        "m4",
        "Nordic, nRF52840 product specification",
    ),
    Budget("nRF52832", "mps2-an386", 512 * _K, 64 * _K, 64, "nrf52-dk", "m4", "Nordic, nRF52832 product specification"),
    Budget("STM32L432KC", "mps2-an386", 256 * _K, 64 * _K, 80, "nucleo-l432kc", "m4", "ST DS11451"),
    Budget("STM32L476RG", "mps2-an386", 1 * _M, 128 * _K, 80, "nucleo-l476rg", "m4", "ST DS10198"),
    Budget("STM32F411RE", "mps2-an386", 512 * _K, 128 * _K, 100, "nucleo-f411re", "m4", "ST DS10314"),
    Budget("STM32G431KB", "mps2-an386", 128 * _K, 32 * _K, 170, "nucleo-g431kb", "m4", "ST DS12589"),
    Budget("STM32F746NG", "mps2-an500", 1 * _M, 320 * _K, 216, "stm32f746g-disco", "m7", "ST DS10916"),
    Budget(
        "nRF5340 application core",
        "mps2-an505",
        1 * _M,
        512 * _K,
        128,
        "nrf5340-dk",
        "m33",
        "Nordic, nRF5340 product specification",
    ),
    Budget("STM32U585AI", "mps2-an505", 2 * _M, 786 * _K, 160, "b-u585i-iot02a", "m33", "ST DS13086"),
)


def board_of(name: str) -> Board:
    """The emulated board called ``name``.

    Raises:
        RecipeError: For a board there is no profile of.

    >>> board_of("mps2-an386").core
    'Cortex-M4F'
    """
    if name not in BOARDS:
        raise RecipeError(f"unknown board {name!r}.{did_you_mean(name, BOARDS)} Allowed: {', '.join(BOARDS)}.")
    return BOARDS[name]


def budget_of(name: str) -> Budget:
    """The real board called ``name``: its key, or the part's name, in any case.

    Raises:
        RecipeError: For a board there is no profile of.

    >>> budget_of("nucleo-l476rg").name, budget_of("stm32l476rg").mhz
    ('STM32L476RG', 80)
    """
    for budget in BUDGETS:
        if name.lower() in (budget.key, budget.name.lower()):
            return budget
    keys = [budget.key for budget in BUDGETS]
    raise RecipeError(f"unknown board {name!r}.{did_you_mean(name.lower(), keys)} Allowed: {', '.join(keys)}.")
