"""Reading the log of a bench on a real board, and its cycles beside those that the emulator models."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from firmware_export.boards import board_of
from firmware_export.emulation.bench_export import INPUTS, bench_engine, bench_input
from firmware_export.emulation.cycles import Cycles, timing_of
from firmware_export.emulation.emulator import run_engine
from kws_tfmot.errors import DataError
from kws_tfmot.files import sha256_bytes

# The emulated board and the timing that each core is compared with.
BOARD_OF_CORE = {
    "cortex-m0": ("microbit", "m0"),
    "cortex-m0plus": ("microbit", "m0plus"),
    "cortex-m3": ("mps2-an385", "m3"),
    "cortex-m4": ("mps2-an386", "m4"),
    "cortex-m7": ("mps2-an500", "m7"),
    "cortex-m33": ("mps2-an505", "m33"),
    "cortex-m55": ("mps3-an547", "m55"),
    "cortex-m85": ("mps3-an547", "m55"),
}
_WAY_OUT = "Save everything from the line 'kws-bench 1' to the line 'end ...' as the terminal shows it."


@dataclass(frozen=True)
class BenchLog:
    """What a board wrote.

    Attributes:
        model: SHA-256 of the model.
        core: Whose encodings were compiled.
        optimise: What they were chosen for.
        compiler: As it names itself.
        counter: ``dwt``, ``systick`` or ``own``.
        probe: Cycles that each reading of the counter adds.
        outputs: CRC-32 of each input's outputs.
        cycles: ``[inputs, layers]``, as read.
    """

    model: str
    core: str
    optimise: str
    compiler: str
    counter: str
    probe: int
    outputs: tuple[int, ...]
    cycles: np.ndarray


def read_log(text: str) -> BenchLog:
    """The last whole log in what a terminal kept; text around it does not matter, nor logs that a reset cut off.

    Raises:
        DataError: Where none is, or a character was lost on the way.
    """
    clean = text.replace("\r", "").replace("\0", "")
    starts = [found.start() for found in re.finditer("kws-bench 1\n", clean)]
    if not starts:
        raise DataError(f"no bench in this log: it has no line 'kws-bench 1'. {_WAY_OUT}")
    refusals = []
    for start, end in zip(reversed(starts), [len(clean), *reversed(starts[1:])], strict=True):
        part = clean[start:end]
        body = re.match(r"(.*?\n)end ([0-9a-f]{1,8})[ \t]*(\n|$)", part, re.DOTALL)
        if body is None:
            reason = "the engine refused to run" if "\nrefused" in part else "its line 'end ...' is missing"
            refusals.append(f"the bench in this log is not whole: {reason}. {_WAY_OUT}")
        elif zlib.crc32(body[1].encode("latin-1", "replace")) != int(body[2], 16):
            refusals.append(
                "the log's checksum does not fit: characters were lost or changed, lines of another program are among "
                f"its own, or the terminal wrote times before them. {_WAY_OUT}"
            )
        else:
            return _parsed(body[1].splitlines()[1:])
    raise DataError(refusals[0])


def _parsed(lines: list[str]) -> BenchLog:
    named = dict(line.split(" ", 1) for line in lines if not line.startswith("input ") and " " in line)
    rows = [line.split() for line in lines if line.startswith("input ")]
    try:
        core, optimise = named["for"].split()
        return BenchLog(
            *(named["model"], core, optimise, named["compiler"], named["counter"], int(named["probe"])),
            tuple(int(row[3], 16) for row in rows),
            np.array([[int(word) for word in row[5:]] for row in rows], np.int64).reshape(len(rows), -1),
        )
    except (KeyError, ValueError, IndexError, OverflowError) as error:
        raise DataError(f"this log was written by another version of the bench ({error}). Export it again.") from None


def compare_log(log: BenchLog, model: str | Path, wait_states: int = 0) -> dict[str, Any]:
    """Measured cycles beside modelled ones, layer by layer, ready for JSON.

    The same C is built for the emulated board of the core (GCC, -O2) and run on the same inputs; both are means over
    the inputs, measured cycles the least of three runs and less what reading the counter takes.

    Args:
        log: Of the board.
        model: The ``.tflite`` that the bench was exported from.
        wait_states: Of the board's flash, as for :meth:`~firmware_export.emulation.cycles.ExecutionCounts.cycles`.

    Raises:
        DataError: For a log of another model, of an unknown core, of an engine with other layers, or of a counter that
            stood still.
        ToolchainError: If a tool is missing.
    """
    data = Path(model).read_bytes()
    if log.core not in BOARD_OF_CORE:
        raise DataError(f"unknown core in the log. Received: {log.core!r}. Allowed: {', '.join(BOARD_OF_CORE)}.")
    engine = bench_engine(data, log.core, log.optimise)
    if log.model != engine.digest:
        raise DataError(
            f"the log is of another model: {log.model[:12]}, not {sha256_bytes(data)[:12]} ({model}).",
            "Give the model that the bench was exported from.",
        )
    if log.cycles.shape != (INPUTS, len(engine.calls)):
        raise DataError(
            f"expected the cycles of {INPUTS} inputs and {len(engine.calls)} layers. Received: {log.cycles.shape}. "
            "Export the bench again with this version."
        )
    if not (log.cycles > 0).any():
        raise DataError(
            f"the board's cycle counter ({log.counter}) stood still. Define KWS_BENCH_SYSTICK or KWS_BENCH_CYCLES()."
        )
    board, timing = BOARD_OF_CORE[log.core]
    raw = np.stack([bench_input(engine, number) for number in range(INPUTS)])
    _, counts, _, produced = run_engine(board_of(board), engine, raw, watch_flash=wait_states > 0)
    expected = [zlib.crc32(row.tobytes()) for row in produced.reshape(INPUTS, -1)]
    runs = np.arange(len(counts.instructions)).reshape(INPUTS, -1)
    modelled = np.mean([counts.select(run).spent().cycles(timing, wait_states) for run in runs], axis=0)
    measured = np.mean(np.maximum(log.cycles - log.probe, 0), axis=0)
    layers = [
        _row(call.label, call.functions[0], float(cycles), span)
        for call, cycles, span in zip(engine.calls, measured, modelled, strict=True)
    ]
    return {
        "core": log.core,
        "compiler": log.compiler,
        "counter": log.counter,
        "model_sha256": log.model,
        "modelled_are": timing_of(timing).about(wait_states),
        "outputs_equal": list(log.outputs) == expected,
        "layers": layers,
        "total": _row("all", "", float(measured.sum()), modelled.sum(axis=0)),
    }


def _row(layer: str, kernel: str, measured: float, span: np.ndarray) -> dict[str, Any]:
    modelled = Cycles(round(float(span[0])), round(float(span[1])))
    return {
        "layer": layer,
        "kernel": kernel,
        "measured_cycles": round(measured),
        "modelled_cycles": modelled.middle,
        "modelled_range": list(modelled),
        "ratio": round(measured / modelled.middle, 3) if modelled.middle else None,
    }
