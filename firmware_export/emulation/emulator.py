"""Building firmware and running it in QEMU: instructions, modelled cycles, bytes, and every output compared.

A QEMU plugin (:file:`emulation/plugin`) counts instructions exactly and models their cycles
(:mod:`firmware_export.emulation.cycles`); both are the same at every run. QEMU itself models no pipeline.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from firmware_export.boards import BUDGETS, Board, Budget, board_of
from firmware_export.emulation.cycles import Cycles, ExecutionCounts, timing_of
from firmware_export.emulation.elf import Footprint, footprint
from firmware_export.emulation.firmware_build import COMPILER, PROBE, build_firmware, require
from firmware_export.emulation.host import finish_output, quantize_input
from firmware_export.emulation.tools import run_tool, version_of
from firmware_export.engine import DEFAULT_NAME, Engine, build
from kws_tfmot.errors import ModelError
from kws_tfmot.files import cache_root, sha256_bytes
from kws_tfmot.host_library import find_compiler
from kws_tfmot.spare_cache import keep, kept
from kws_tfmot.tflite.document import read_source
from kws_tfmot.tflite.interpreter import open_interpreter, random_inputs
from kws_tfmot.tflite.reader import read_model

PLUGIN_FILES = Path(__file__).parent / "plugin"
EMULATOR = "qemu-system-arm"
PREFIX = ("kws_", f"{DEFAULT_NAME}_")
TIMEOUT = 600.0


def plugin_digest() -> str:
    """SHA-256 of the plugin's sources: it decides counts and modelled cycles."""
    return sha256_bytes("".join(sha256_bytes(p.read_bytes()) for p in sorted(PLUGIN_FILES.glob("*.[ch]"))).encode())


def counting_plugin() -> Path:
    """The plugin for QEMU, compiled at first use into the cache."""
    target = cache_root() / "qemu" / f"{plugin_digest()[:32]}.so"
    if found := kept(target):
        return found
    sources = [str(path) for path in sorted(PLUGIN_FILES.glob("*.c"))]
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "plugin.so"
        command = [*find_compiler(), "-O2", "-fPIC", "-shared", "-o", str(made), *sources]
        run_tool(command, "compiling the QEMU plugin")
        return keep(target, made.read_bytes())


@dataclass(frozen=True)
class BoardRun:
    """What a firmware said, and the instructions and modelled cycles at each marker."""

    output: str
    counts: ExecutionCounts


def run_firmware(board: Board, elf: Path, *, watch_flash: bool = False) -> BoardRun:
    """Run a firmware in its folder.

    Args:
        board: Where to run it.
        elf: The firmware.
        watch_flash: Count reads of data from flash too, which wait states are put on; slower.

    Raises:
        ToolchainError: If QEMU fails, the firmware faults or reports an error, or does not end.
    """
    counts = elf.parent / "counts.txt"
    tables = tuple(dict.fromkeys(timing_of(name).table for name in board.timings))
    plugin = f"{counting_plugin()},out={counts.name},cores={':'.join(tables)}" + (",flash=on" if watch_flash else "")
    command = [
        *(require(EMULATOR), "-M", board.name, "-display", "none", "-monitor", "none", "-serial", "none"),
        *("-chardev", "stdio,id=sh0", "-semihosting-config", "enable=on,target=native,chardev=sh0"),
        *("-plugin", plugin, "-kernel", elf.name),
    ]
    output = run_tool(command, f"running the firmware on {board.name}", cwd=elf.parent, timeout=TIMEOUT)
    return BoardRun(output, ExecutionCounts.read(counts.read_text(encoding="ascii"), tables))


@dataclass
class EmulationReport:
    """What one model costs on one board. ``instructions`` is the largest count over the inputs.

    ``cycles`` is the middle of ``cycles_range``, both of the same input and of the board's own core (``None`` where it
    is only bounded); ``cycles_by_core`` has the range of every core modelled there, ``cycles_are`` says what they are.
    """

    board: str
    core: str
    inputs: int
    bit_exact: bool
    differing_bytes: int
    reference: str
    instructions: int
    instructions_least: int
    cycles: int | None
    cycles_range: list[int]
    cycles_by_core: dict[str, list[int]]
    cycles_are: str
    wait_states: int
    flash_bytes: int
    ram_bytes: int
    arena_bytes: int
    stack_bytes: int
    flash_parts: dict[str, int]
    layers: list[dict[str, Any]]
    budgets: list[dict[str, Any]]
    optimise: str
    model_sha256: str
    compiler: str
    emulator: str
    note: str = field(
        default="Instructions are counted; cycles are modelled, not measured, and times are cycles / clock. Flash wait "
        "states, caches, bus contention and interrupts come on top."
    )

    def to_dict(self) -> dict[str, Any]:
        """Values for JSON."""
        return asdict(self)


def emulate(
    model: str | Path | bytes,
    board: str = "mps2-an386",
    inputs: np.ndarray | None = None,
    *,
    random: int = 4,
    seed: int = 0,
    optimise: str = "balanced",
    encodings: tuple[str, ...] | None = None,
    reference: str = "tflm",
    wait_states: int = 0,
    core: str | None = None,
    progress: Callable[[str], None] | None = None,
) -> EmulationReport:
    """Build the engine's firmware for ``model``, run it in QEMU and compare every output byte.

    Args:
        model: Path or bytes of a ``.tflite``.
        board: Name of an emulated board.
        inputs: Samples ``[N, ...]`` of the model's input type; random ones where not given.
        random: How many random samples.
        seed: Of the random samples.
        optimise: As for :func:`firmware_export.engine.build`.
        encodings: As for :func:`firmware_export.engine.build`.
        reference: Interpreter to compare with, as for ``open_interpreter``.
        wait_states: Of the board's flash; for what they cost see :meth:`ExecutionCounts.cycles`.
        core: Whose cycles decide the encodings; the board's by default.
        progress: Called with the name of each step.

    Raises:
        ModelError: If the model is not supported.
        ToolchainError: If a tool is missing, or the firmware does not fit the board or fails.
    """
    say = progress or (lambda text: None)
    machine = board_of(board)
    data = read_source(model)
    engine = build(data, optimise=optimise, encodings=encodings, core=core or machine.core)
    batch = random_inputs(read_model(data), random, seed) if inputs is None else inputs
    if len(batch) == 0:
        raise ModelError("expected at least one input. Received: none.")
    say(f"{reference} interpreter")
    interpreter = open_interpreter(data, reference)
    expected = interpreter.run(batch)
    raw = quantize_input(batch, engine.program.input_scale, engine.program.input_zero_point)
    result = run_engine(machine, engine, raw, say, watch_flash=wait_states > 0)
    return _report(machine, engine, result, expected, optimise, interpreter.name, wait_states)


CountedRun = tuple[Footprint, ExecutionCounts, int, np.ndarray]


def run_engine(
    board: Board,
    engine: Engine,
    raw: np.ndarray,
    progress: Callable[[str], None] | None = None,
    *,
    watch_flash: bool = False,
) -> CountedRun:
    """Build the engine for ``board`` and run it on ``raw``.

    Args:
        board: The emulated board.
        engine: The model as C source.
        raw: int8 inputs ``[N, ...]``.
        progress: Called with the name of each step.
        watch_flash: As for :func:`run_firmware`.

    Returns:
        What it takes, what was executed at each marker, bytes of stack, and the int8 outputs one after another.

    Raises:
        ToolchainError: If a tool is missing, or the firmware does not fit the board or fails.
    """
    say = progress or (lambda text: None)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        say(f"compiling for {board.core}")
        elf = build_firmware(board, engine.files, "infer.c", folder, (PROBE,))
        size = footprint(elf)
        (folder / "in.bin").write_bytes(np.ascontiguousarray(raw).tobytes())
        say(f"running {len(raw)} inferences on {board.name}")
        counts = run_firmware(board, elf, watch_flash=watch_flash).counts
        produced = np.frombuffer((folder / "out.bin").read_bytes(), np.int8)
        stack = int(np.frombuffer((folder / "stack.bin").read_bytes(), np.uint32)[0])
    return size, counts, stack, produced


def _report(
    board: Board,
    engine: Engine,
    result: CountedRun,
    expected: np.ndarray,
    optimise: str,
    reference: str,
    wait_states: int,
) -> EmulationReport:
    size, counts, stack, produced = result
    samples = len(expected)
    runs = np.arange(len(counts.instructions)).reshape(samples, -1)
    spent = [counts.select(run).spent() for run in runs]
    outputs = finish_output(engine.program, produced.reshape(samples, -1))
    differing = int(np.count_nonzero(outputs.reshape(samples, -1) != expected.reshape(samples, -1)))
    totals = [int(run.instructions.sum()) for run in spent]
    worst = spent[int(np.argmax(totals))]
    by_core = {name: worst.total(name, wait_states) for name in board.timings}
    own = by_core[board.timings[0]]
    code, constants = size.size_of(PREFIX, functions=True), engine.constant_bytes
    return EmulationReport(
        board=board.name,
        core=board.core,
        inputs=samples,
        bit_exact=differing == 0,
        differing_bytes=differing,
        reference=reference,
        instructions=max(totals),
        instructions_least=min(totals),
        **cycle_figures(board, own, wait_states),
        cycles_by_core={name: list(cycles) for name, cycles in by_core.items()},
        flash_bytes=size.flash,
        ram_bytes=size.ram,
        arena_bytes=engine.plan.arena,
        stack_bytes=stack,
        flash_parts={"engine code": code, "weights and constants": constants, "other": size.flash - code - constants},
        layers=_layers(board, engine, worst, wait_states),
        budgets=fits(board.name, size.flash, size.ram + stack, by_core),
        optimise=optimise,
        model_sha256=engine.digest,
        compiler=version_of(require(COMPILER)),
        emulator=version_of(require(EMULATOR)),
    )


def cycle_figures(board: Board, cycles: Cycles, wait_states: int = 0) -> dict[str, Any]:
    """``cycles`` (``None`` for a core that is only bounded), ``cycles_range``, ``cycles_are`` and ``wait_states``."""
    timing = timing_of(board.timings[0])
    return {
        "cycles": cycles.middle if timing.issue == 1 else None,
        "cycles_range": list(cycles),
        "cycles_are": timing.about(wait_states),
        "wait_states": wait_states,
    }


def _layers(board: Board, engine: Engine, spent: ExecutionCounts, wait_states: int) -> list[dict[str, Any]]:
    timing = timing_of(board.timings[0])
    rows = []
    for call, instructions, span in zip(
        engine.calls, spent.instructions.tolist(), spent.cycles(timing.name, wait_states).tolist(), strict=True
    ):
        row: dict[str, Any] = {"layer": call.label, "kernel": call.functions[0], "instructions": instructions}
        row |= {"cycles": Cycles(*span).middle if timing.issue == 1 else None, "cycles_range": span}
        rows.append(row | _work(engine, call.layer, row))
    return rows


def _work(engine: Engine, layer: int, row: dict[str, Any]) -> dict[str, Any]:
    macs, kept = engine.work(layer)
    if not macs:
        return {}
    each = {"instructions_per_mac": round(row["instructions"] / macs, 3)}
    if row["cycles"] is not None:
        each["cycles_per_mac"] = round(row["cycles"] / macs, 3)
    return {"macs": macs, "nonzero_macs": kept, **each}


def fits(
    like: str, flash: int, ram: int, cycles: Mapping[str, Cycles], boards: Sequence[Budget] = BUDGETS
) -> list[dict[str, Any]]:
    """Real boards with the same core: does it fit, by how much, and the modelled milliseconds an inference.

    Args:
        like: Name of the emulated board.
        flash: Bytes in flash.
        ram: Bytes of RAM, stack included.
        cycles: Of an inference, for each core that is modelled there.
        boards: Those to look at.

    >>> spent = dict.fromkeys(("m0", "m0plus"), Cycles(10_000_000, 12_000_000))
    >>> {b["board"]: b["fits"] for b in fits("microbit", 40_000, 10_000, spent, BUDGETS[:3])}
    {'micro:bit v1 (nRF51822)': True, 'Raspberry Pi Pico (RP2040, 2 MB flash chip)': True, 'STM32L031K6': False}
    """
    return [
        {
            "board": b.name,
            "fits": flash <= b.flash and ram <= b.ram,
            "flash_left": b.flash - flash,
            "ram_left": b.ram - ram,
            "modelled_ms": [round(ms, 1) for ms in cycles[b.timing].milliseconds(b.mhz)],
            "mhz": b.mhz,
        }
        for b in boards
        if b.like == like
    ]
