"""The engine's instructions, modelled cycles and bytes on the emulated boards, beside those of TFLM with CMSIS-NN.

TFLM's were measured on Debian 12 (GCC 12.2.1, QEMU 7.2) with its own flags, int8-only op registrations and batch 1, on
MLPerf Tiny's keyword model: the same architecture, so the same multiplications. Its flash is that with the model file
cut to 30.9 kB. The front end compared with is TFLM's microfrontend C library.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from firmware_export.emulation.emulator import EmulationReport, emulate
from firmware_export.emulation.example import FrontendReport, emulate_frontend
from firmware_export.emulation.stream_report import StreamReport, emulate_stream
from firmware_export.graphs.column_network import column_network
from firmware_export.graphs.ds_cnn_benchmark import ds_cnn
from kws_tfmot.frontend.frontend_settings import FrontendSettings
from kws_tfmot.quantization.grids import Grid

KB = 1000


@dataclass(frozen=True)
class Goal:
    """What is to be reached, and what the other implementation takes; ``None`` where no figure exists.

    ``cycles`` bounds the middle of the modelled range.
    """

    instructions: int | None
    cycles: int | None
    flash: int | None
    ram: int | None
    tflm_instructions: int | None
    tflm_cycles: tuple[int, int] | None
    tflm_flash: int | None
    tflm_ram: int | None


@dataclass(frozen=True)
class BenchRow:
    """One line of the table."""

    title: str
    board: str
    core: str
    goal: Goal
    instructions: int
    cycles: int
    cycles_range: tuple[int, int]
    cycles_are: str
    flash: int
    ram: int
    stack: int
    bit_exact: bool
    layers: tuple[dict[str, Any], ...] = ()

    @property
    def reached(self) -> bool:
        """Whether every figure with a goal meets it, and the results are exact."""
        names = ("instructions", "cycles", "flash", "ram")
        pairs = [(getattr(self, name), getattr(self.goal, name)) for name in names]
        return self.bit_exact and all(goal is None or value <= goal for value, goal in pairs)

    def to_dict(self) -> dict[str, Any]:
        """Values for JSON."""
        return asdict(self) | {"reached": self.reached}


CMSIS_M4 = (9_200_000, 10_700_000)  # CMSIS-NN's kernels of July 2026, the same model of cycles
MODELS: tuple[tuple[str, float, str, Goal], ...] = (
    (
        "dense int8",
        0.0,
        "mps2-an386",
        Goal(5_400_000, 4_200_000, 36 * KB, 10 * KB, 7_700_551, CMSIS_M4, 100_910, 22_820),
    ),
    (
        "75 % zeros",
        0.75,
        "mps2-an386",
        Goal(3_200_000, 2_500_000, 27 * KB, 10 * KB, 7_700_551, CMSIS_M4, 100_910, 22_820),
    ),
    (
        "90 % zeros",
        0.90,
        "mps2-an386",
        Goal(2_400_000, 1_900_000, 22 * KB, 10 * KB, 7_700_551, CMSIS_M4, 100_910, 22_820),
    ),
    ("1 bit", 0.0, "mps2-an386", Goal(None, 2_500_000, None, None, None, CMSIS_M4, None, 22_820)),
    (
        "dense int8",
        0.0,
        "mps2-an385",
        Goal(10_535_022, 9_500_000, None, None, 10_535_022, (14_400_000, 21_500_000), None, 22_820),
    ),
    ("dense int8", 0.0, "mps3-an547", Goal(1_200_000, None, None, None, 1_816_506, None, 91_646, 27_348)),
    ("75 % zeros", 0.75, "mps3-an547", Goal(1_000_000, None, None, None, 1_816_506, None, 91_646, 27_348)),
    ("90 % zeros", 0.90, "mps3-an547", Goal(800_000, None, None, None, 1_816_506, None, 91_646, 27_348)),
)
OTHERS: tuple[tuple[str, float, str], ...] = (
    ("75 % zeros, ReLU at zero point -6", 0.75, "mps2-an386"),
    ("90 % zeros", 0.90, "mps2-an385"),
    ("dense int8", 0.0, "mps2-an500"),
    ("dense int8", 0.0, "mps2-an505"),
    ("dense int8", 0.0, "microbit"),
    ("90 % zeros", 0.90, "microbit"),
)
FRONTENDS: tuple[tuple[str, str], ...] = (
    ("mfcc", "mps2-an386"),
    ("mfcc", "microbit"),
    ("microfrontend", "mps2-an386"),
    ("microfrontend", "microbit"),
)
STEP_GOAL = Goal(100_000, 140_000, None, 4_500, None, None, None, None)
FRONTEND_GOAL = Goal(60_000, None, 12 * KB, 6 * KB, 84_700, None, 31 * KB, None)


def _bench_row(
    title: str,
    goal: Goal,
    report: EmulationReport | StreamReport | FrontendReport,
    instructions: float,
    cycles: Sequence[float],
    layers: Sequence[dict[str, Any]] = (),
) -> BenchRow:
    """A row of what any run on a board tells."""
    return BenchRow(
        title,
        report.board,
        report.core,
        goal,
        round(instructions),
        round(sum(cycles)) // 2,
        (round(cycles[0]), round(cycles[1])),
        report.cycles_are,
        report.flash_bytes,
        report.ram_bytes,
        report.stack_bytes,
        report.bit_exact,
        tuple(layers),
    )


def _row(title: str, goal: Goal, report: EmulationReport) -> BenchRow:
    return _bench_row(title, goal, report, report.instructions, report.cycles_range, report.layers)


def _step_row(goal: Goal, report: StreamReport) -> BenchRow:
    title = "a step of N x 1 kernels, dense int8"
    return _bench_row(title, goal, report, report.step_instructions, report.step_cycles_range, report.layers)


def _frontend_row(goal: Goal, report: FrontendReport) -> BenchRow:
    return _bench_row("front end, a 20 ms hop", goal, report, report.instructions, report.cycles_range)


def sweep(seconds: int = 3, rate: int = 16_000) -> np.ndarray:
    """A loud noisy sweep as int16, the same every time.

    >>> sweep(1).shape
    (16000,)
    """
    time = np.arange(seconds * rate) / rate
    tone = np.sin(2 * np.pi * (100 + 1200 * time) * time) * 12_000
    noise = np.random.default_rng(7).normal(0, 1500, time.size)
    return np.clip(tone + noise, -32768, 32767).astype(np.int16)


def goals(say: Callable[[str], None], inputs: int = 2) -> list[BenchRow]:
    """Measure every row that has a goal: the models on Cortex-M4F, M3 and M55, a step, and the front end."""
    rows = []
    for title, sparsity, board, goal in MODELS:
        say(f"{title} on {board}")
        grid = Grid(1, zero=False) if title == "1 bit" else None
        rows.append(_row(title, goal, emulate(ds_cnn(sparsity, grid=grid), board, random=inputs)))
    say("a step on mps2-an386")
    rows.append(_step_row(STEP_GOAL, emulate_stream(column_network(), "mps2-an386", steps=4 * inputs)))
    say("front end on mps2-an386")
    rows.append(_frontend_row(FRONTEND_GOAL, emulate_frontend(FrontendSettings(), sweep())))
    return rows


def other_boards(say: Callable[[str], None], inputs: int = 1) -> list[EmulationReport]:
    """The dense and sparse models on the cores, and with the zero points, that have no goal."""
    reports = []
    for title, sparsity, board in OTHERS:
        say(f"{title} on {board}")
        model = ds_cnn(sparsity, relu_zero=-6 if "-6" in title else -128)
        reports.append(emulate(model, board, random=inputs))
    return reports


def frontends(say: Callable[[str], None]) -> list[tuple[FrontendSettings, FrontendReport]]:
    """Both kinds of front end on Cortex-M4F and Cortex-M0, one hop."""
    reports = []
    for kind, board in FRONTENDS:
        say(f"front end {kind} on {board}")
        settings = FrontendSettings.model_validate({"kind": kind})
        reports.append((settings, emulate_frontend(settings, sweep(1), board)))
    return reports
