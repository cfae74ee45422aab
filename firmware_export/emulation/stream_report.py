"""A streaming model on an emulated board: every step's scores compared, every step counted.

They are compared with the whole window's, or with the steps of TFLM where the file itself keeps its state.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from firmware_export.boards import Board, board_of
from firmware_export.emulation.cycles import ExecutionCounts, Timing, timing_of
from firmware_export.emulation.elf import Footprint, footprint
from firmware_export.emulation.emulator import EMULATOR, run_firmware
from firmware_export.emulation.firmware_build import COMPILER, PROBE, build_firmware, require
from firmware_export.emulation.host import finish_output
from firmware_export.emulation.steps import random_rows, step_of, windows_of
from firmware_export.emulation.tools import version_of
from firmware_export.engine import Engine, build
from kws_tfmot.errors import OUR_FAULT, ModelError
from kws_tfmot.tflite.document import read_source
from kws_tfmot.tflite.interpreter import input_spec, open_interpreter
from kws_tfmot.tflite.reader import read_model

AGAIN = 8  # steps after a reset beyond the warm-up, as in boards/steps.c


@dataclass
class StreamReport:
    """What the steps of one model cost on one board, and whether they decide as the whole window does.

    Attributes:
        board: The emulated board.
        core: Its core.
        steps: Steps with a decision, each compared with the whole window on the last rows.
        bit_exact: Whether every byte of every decision is equal, before and after a reset.
        differing_bytes: How many are not.
        reference: The interpreter of the whole window.
        step_rows: Input rows a step takes.
        window_rows: Input rows of a whole window.
        warm_up_steps: Steps without a decision after a reset.
        step_instructions: The mean over the steps with a decision.
        step_instructions_most: The largest of them.
        step_cycles: The middle of the modelled cycles, the mean over the steps; ``None`` for a core only bounded.
        step_cycles_range: Least and most of them.
        cycles_by_core: Least and most cycles of a step, the mean over the steps, of every core modelled on the board.
        cycles_are: What the cycles are modelled from.
        state_bytes: What is kept from step to step.
        ram_bytes: State and arena together.
        static_ram_bytes: All static data of the test's firmware.
        stack_bytes: High-water mark of the stack.
        flash_bytes: Code, constants and weights of the test's firmware.
        layers: Instructions and modelled cycles of each layer, the mean over the steps.
    """

    board: str
    core: str
    steps: int
    bit_exact: bool
    differing_bytes: int
    reference: str
    step_rows: int
    window_rows: int
    warm_up_steps: int
    step_instructions: float
    step_instructions_most: int
    step_cycles: float | None
    step_cycles_range: list[float]
    cycles_by_core: dict[str, list[float]]
    cycles_are: str
    state_bytes: int
    ram_bytes: int
    static_ram_bytes: int
    stack_bytes: int
    flash_bytes: int
    layers: list[dict[str, Any]]
    optimise: str
    model_sha256: str
    compiler: str
    emulator: str
    note: str = field(default="Instructions are counted; cycles are modelled, not measured.")

    def to_dict(self) -> dict[str, Any]:
        """Values for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class _Played:
    """What the firmware left: decisions, those after a reset, instructions at each marker, stack and size."""

    scores: np.ndarray
    again: np.ndarray
    counts: ExecutionCounts
    stack: int
    size: Footprint


def emulate_stream(
    model: str | Path | bytes,
    board: str = "mps2-an386",
    rows: np.ndarray | None = None,
    *,
    hop: int | None = None,
    steps: int = 200,
    seed: int = 0,
    optimise: str = "balanced",
    encodings: tuple[str, ...] | None = None,
    reference: str = "tflm",
    wait_states: int = 0,
    core: str | None = None,
    progress: Callable[[str], None] | None = None,
) -> StreamReport:
    """Step ``model`` through a stream in QEMU and compare every decision with the whole window on the last rows.

    Args:
        model: Path or bytes of a ``.tflite``.
        board: Name of an emulated board.
        rows: int8 rows of a stream, ``[rows, numbers of a row]``; random ones where not given.
        hop: Rows a step takes; the least possible by default.
        steps: How many decisions, where ``rows`` is not given.
        seed: Of the random rows.
        optimise: As for :func:`firmware_export.engine.build`.
        encodings: As for :func:`firmware_export.engine.build`.
        reference: Interpreter of the whole window, as for ``open_interpreter``.
        wait_states: Of the board's flash, as for :func:`firmware_export.emulation.emulator.emulate`.
        core: Whose cycles decide the encodings; the board's by default.
        progress: Called with the name of each step.

    Raises:
        ModelError: If the model is not supported, cannot be streamed, or ``rows`` is shorter than a window.
        RecipeError: For a hop that the model cannot have.
        ToolchainError: If a tool is missing, or the firmware does not fit the board or fails.
    """
    say = progress or (lambda text: None)
    machine = board_of(board)
    data = read_source(model)
    engine = build(data, optimise=optimise, encodings=encodings, stream=True, hop=hop, core=core or machine.core)
    step = step_of(engine)
    if rows is None:
        rows = random_rows(engine, (step.warm_up + steps) * step.rows, seed)
    windows = windows_of(rows, step)
    if len(windows) == 0:
        raise ModelError(f"expected at least the {step.window} rows of a window. Received: {len(rows)}.")
    say(f"{reference} interpreter")
    interpreter = open_interpreter(data, reference)
    inputs = _typed(windows, data)
    expected = interpreter.run_steps(inputs) if interpreter.graph.stateful else interpreter.run(inputs)
    played = _play(machine, engine, rows, say, wait_states)
    return _report(machine, engine, played, expected, optimise, interpreter.name, wait_states)


def _typed(windows: np.ndarray, data: bytes) -> np.ndarray:
    """int8 windows as the model's own input: the same bytes where it is uint8, their values where it is float."""
    spec = input_spec(read_model(data))
    flat = np.ascontiguousarray(windows).reshape(len(windows), -1)
    if spec.dtype != "float32":
        return flat.view(spec.dtype).reshape(len(windows), *spec.shape[1:])
    shaped = flat.reshape(len(windows), *spec.shape[1:])
    program = build(data).program
    real = np.float32(program.input_scale) * (shaped.astype(np.float32) - program.input_zero_point)
    return real.astype(np.float32)


def _play(board: Board, engine: Engine, rows: np.ndarray, say: Callable[[str], None], wait_states: int) -> _Played:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        say(f"compiling for {board.core}")
        elf = build_firmware(board, engine.files, "steps.c", folder, (PROBE,))
        np.ascontiguousarray(rows, np.int8).tofile(folder / "in.bin")
        say(f"stepping through {len(rows)} rows on {board.name}")
        counts = run_firmware(board, elf, watch_flash=wait_states > 0).counts
        scores, again = (np.fromfile(folder / f"{kind}.bin", np.int8) for kind in ("out", "again"))
        stack = int(np.fromfile(folder / "stack.bin", np.uint32)[0])
        return _Played(scores, again, counts, stack, footprint(elf))


def _spent(
    engine: Engine, played: _Played, decisions: int, wait_states: int, timings: tuple[str, ...]
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Instructions ``[decisions, layers]``, and by core least and most cycles ``[layers, 2]``, the mean over them."""
    markers, first = len(engine.calls) + 1, step_of(engine).warm_up
    spent = played.counts.spent()
    number = np.arange(len(spent.instructions))
    inside = spent.select((number % markers != markers - 1) & (number // markers >= first))
    layers = inside.instructions.reshape(-1, markers - 1)[:decisions]
    cycles = {
        name: inside.cycles(name, wait_states).reshape(-1, markers - 1, 2)[:decisions].mean(axis=0) for name in timings
    }
    return layers, cycles


def _layers(engine: Engine, instructions: np.ndarray, cycles: np.ndarray, timing: Timing) -> list[dict[str, Any]]:
    return [
        {
            "layer": call.label,
            "kernel": call.functions[0],
            "instructions": round(float(count), 1),
            "cycles": round(float(span.mean()), 1) if timing.issue == 1 else None,
            "cycles_range": _rounded(span),
        }
        for call, count, span in zip(engine.calls, instructions, cycles, strict=True)
    ]


def _rounded(numbers: np.ndarray) -> list[float]:
    return [round(float(n), 1) for n in numbers]


def _report(
    board: Board,
    engine: Engine,
    played: _Played,
    expected: np.ndarray,
    optimise: str,
    reference: str,
    wait_states: int,
) -> StreamReport:
    step, decisions = step_of(engine), len(expected)
    outputs = finish_output(engine.program, played.scores.reshape(decisions, -1)).reshape(decisions, -1)
    again = finish_output(engine.program, played.again.reshape(-1, played.scores.size // decisions))
    wanted = expected.reshape(decisions, -1)
    repeated = min(AGAIN, decisions)
    differing = int(np.count_nonzero(outputs != wanted))
    if len(again) != repeated:
        raise ModelError(f"after a reset {len(again)} steps decided where {repeated} were expected", OUR_FAULT)
    differing += int(np.count_nonzero(again.reshape(repeated, -1) != wanted[:repeated]))
    instructions, by_core = _spent(engine, played, decisions, wait_states, board.timings)
    totals, timing = instructions.sum(axis=1), timing_of(board.timings[0])
    layers = _layers(engine, instructions.mean(axis=0), by_core[board.timings[0]], timing)
    cycles = {name: _rounded(each.sum(axis=0)) for name, each in by_core.items()}
    span = cycles[board.timings[0]]
    return StreamReport(
        board=board.name,
        core=board.core,
        steps=decisions,
        bit_exact=differing == 0,
        differing_bytes=differing,
        reference=reference,
        step_rows=step.rows,
        window_rows=step.window,
        warm_up_steps=step.warm_up,
        step_instructions=round(float(totals.mean()), 1),
        step_instructions_most=int(totals.max()),
        step_cycles=round(sum(span) / 2, 1) if timing.issue == 1 else None,
        step_cycles_range=span,
        cycles_by_core=cycles,
        cycles_are=timing.about(wait_states),
        state_bytes=engine.plan.state_bytes,
        ram_bytes=engine.plan.arena,
        static_ram_bytes=played.size.ram,
        stack_bytes=played.stack,
        flash_bytes=played.size.flash,
        layers=layers,
        optimise=optimise,
        model_sha256=engine.digest,
        compiler=version_of(require(COMPILER)),
        emulator=version_of(require(EMULATOR)),
    )
