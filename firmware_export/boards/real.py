"""Real boards and what their microcontrollers have, each figure from the data sheet that is named beside it.

No board was at hand; the figures were taken from the makers' documents by name and not checked on silicon.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Budget:
    """A real board: what its microcontroller has.

    Attributes:
        name: What it is called in tables.
        like: The emulated board of its core; empty where none is emulated, and the C runs without assembly.
        flash: Bytes in which code and constants lie.
        ram: Bytes of the largest piece of RAM that a linker script would take for everything.
        mhz: Clock.
        key: Names it on a command line.
        timing: The core whose cycles it has.
        source: The maker's data sheet that flash, RAM and clock are from.
        wait_states: Of its flash, where they are known; 0 on a command line means these.
    """

    name: str
    like: str
    flash: int
    ram: int
    mhz: float
    key: str
    timing: str
    source: str
    wait_states: int = 0


_K = 1024
_M = 1024 * 1024

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
    Budget("STM32L053R8", "microbit", 64 * _K, 8 * _K, 32, "nucleo-l053r8", "m0plus", "ST DS10152"),
    Budget("STM32L073RZ", "microbit", 192 * _K, 20 * _K, 32, "nucleo-l073rz", "m0plus", "ST DS10685"),
    Budget("STM32G031K8", "microbit", 64 * _K, 8 * _K, 64, "nucleo-g031k8", "m0plus", "ST DS12992"),
    Budget("STM32G071RB", "microbit", 128 * _K, 36 * _K, 64, "nucleo-g071rb", "m0plus", "ST DS12232"),
    Budget("STM32G0B1RE", "microbit", 512 * _K, 144 * _K, 64, "nucleo-g0b1re", "m0plus", "ST DS13560"),
    Budget(
        "Arduino Zero (ATSAMD21G18A)",
        "microbit",
        256 * _K,
        32 * _K,
        48,
        "arduino-zero",
        "m0plus",
        "Microchip, SAM D21/DA1 family data sheet (DS40001882)",
    ),
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
    Budget(
        "nRF52840", "mps2-an386", 1 * _M, 256 * _K, 64, "nrf52840-dk", "m4", "Nordic, nRF52840 product specification"
    ),
    Budget(
        "micro:bit v2 (nRF52833)",
        "mps2-an386",
        512 * _K,
        128 * _K,
        64,
        "microbit-v2",
        "m4",
        "Nordic, nRF52833 product specification",
    ),
    Budget("nRF52832", "mps2-an386", 512 * _K, 64 * _K, 64, "nrf52-dk", "m4", "Nordic, nRF52832 product specification"),
    Budget("STM32L432KC", "mps2-an386", 256 * _K, 64 * _K, 80, "nucleo-l432kc", "m4", "ST DS11451"),
    Budget("STM32L476RG", "mps2-an386", 1 * _M, 128 * _K, 80, "nucleo-l476rg", "m4", "ST DS10198"),
    Budget("STM32F401RE", "mps2-an386", 512 * _K, 96 * _K, 84, "nucleo-f401re", "m4", "ST DS10086"),
    Budget("STM32F411RE", "mps2-an386", 512 * _K, 128 * _K, 100, "nucleo-f411re", "m4", "ST DS10314"),
    Budget("STM32F446RE", "mps2-an386", 512 * _K, 128 * _K, 180, "nucleo-f446re", "m4", "ST DS10693"),
    Budget(
        "STM32F429ZI",
        "mps2-an386",
        2 * _M,
        192 * _K,
        180,
        "nucleo-f429zi",
        "m4",
        "ST DS9405; RAM without the core-coupled 64 kB",
    ),
    Budget("STM32G431KB", "mps2-an386", 128 * _K, 32 * _K, 170, "nucleo-g431kb", "m4", "ST DS12589"),
    Budget(
        "SparkFun RedBoard Artemis (Apollo3 Blue)",
        "mps2-an386",
        1 * _M,
        384 * _K,
        48,
        "redboard-artemis",
        "m4",
        "Ambiq, Apollo3 Blue MCU data sheet; without burst mode",
    ),
    Budget(
        "Apollo4 Plus",
        "mps2-an386",
        2 * _M,
        384 * _K,
        96,
        "apollo4p-evb",
        "m4",
        "Ambiq, Apollo4 Plus SoC data sheet; tightly coupled RAM alone, without turbo mode",
    ),
    Budget("STM32F746NG", "mps2-an500", 1 * _M, 320 * _K, 216, "stm32f746g-disco", "m7", "ST DS10916"),
    Budget("STM32H743ZI", "mps2-an500", 2 * _M, 512 * _K, 480, "nucleo-h743zi", "m7", "ST DS12110; AXI SRAM alone"),
    Budget(
        "Teensy 4.0 (i.MX RT1062, 2 MB flash chip)",
        "mps2-an500",
        2 * _M,
        512 * _K,
        600,
        "teensy-40",
        "m7",
        "NXP, IMXRT1060 data sheet; RAM: FlexRAM alone; flash: PJRC, Teensy 4.0",
    ),
    Budget(
        "i.MX RT1060 (8 MB flash chip)",
        "mps2-an500",
        8 * _M,
        512 * _K,
        600,
        "mimxrt1060-evk",
        "m7",
        "NXP, IMXRT1060 data sheet; RAM: FlexRAM alone; flash: EVK user guide",
    ),
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
    Budget("nRF54L15", "mps2-an505", 1524 * _K, 256 * _K, 128, "nrf54l15-dk", "m33", "Nordic, nRF54L15 data sheet"),
    Budget("STM32U575ZI", "mps2-an505", 2 * _M, 786 * _K, 160, "nucleo-u575zi-q", "m33", "ST DS13737"),
    Budget("STM32U585AI", "mps2-an505", 2 * _M, 786 * _K, 160, "b-u585i-iot02a", "m33", "ST DS13086"),
    Budget("LPC55S69", "mps2-an505", 640 * _K, 320 * _K, 150, "lpcxpresso55s69", "m33", "NXP, LPC55S6x data sheet"),
    Budget(
        "Raspberry Pi Pico 2 (RP2350, 4 MB flash chip)",
        "mps2-an505",
        4 * _M,
        520 * _K,
        150,
        "pico2",
        "m33",
        "Raspberry Pi, RP2350 datasheet; flash: Pico 2 datasheet",
    ),
    Budget(
        "STM32N657X0 (64 MB flash chip)",
        "mps3-an547",
        64 * _M,
        4200 * _K,
        800,
        "nucleo-n657x0-q",
        "m55",
        "ST DS14791; flash: NUCLEO-N657X0-Q user manual",
    ),
    Budget(
        "Apollo510",
        "mps3-an547",
        4 * _M,
        512 * _K,
        96,
        "apollo510-evb",
        "m55",
        "Ambiq, Apollo510 SoC data sheet; tightly coupled RAM alone, without turbo mode",
    ),
    Budget(
        "ESP32 (Xtensa LX6, 4 MB flash chip)",
        "",
        4 * _M,
        520 * _K,
        240,
        "esp32",
        "",
        "Espressif, ESP32 series datasheet",
    ),
    Budget(
        "ESP32-S3 (Xtensa LX7, 8 MB flash chip)",
        "",
        8 * _M,
        512 * _K,
        240,
        "esp32-s3",
        "",
        "Espressif, ESP32-S3 series datasheet",
    ),
    Budget(
        "ESP32-C3 (RISC-V, 4 MB flash chip)",
        "",
        4 * _M,
        400 * _K,
        160,
        "esp32-c3",
        "",
        "Espressif, ESP32-C3 series datasheet",
    ),
    Budget(
        "ESP32-C6 (RISC-V, 4 MB flash chip)",
        "",
        4 * _M,
        512 * _K,
        160,
        "esp32-c6",
        "",
        "Espressif, ESP32-C6 series datasheet",
    ),
)
