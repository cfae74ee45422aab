"""Building firmware and running it in QEMU: exact instructions, bytes of flash and RAM, and every output compared.

Instructions are counted by a QEMU plugin (:file:`boards/count_plugin.c`); they are the same at every run. They are not
cycles, and QEMU models no pipeline, cache or flash wait state.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from firmware_export.boards import BUDGETS, Board, board_of
from firmware_export.emulation.elf import Footprint, footprint
from firmware_export.emulation.host import finish_output, quantize_input, run_tool
from firmware_export.engine import DEFAULT_NAME, Engine, build
from kws_tfmot.errors import ModelError, ToolchainError
from kws_tfmot.files import cache_root, sha256_bytes, write_bytes
from kws_tfmot.frontend.native import find_compiler
from kws_tfmot.tflite.interpreter import open_interpreter, random_inputs
from kws_tfmot.tflite.reader import read_model

BOARD_FILES = Path(__file__).parent.parent / "boards"
COMPILER = "arm-none-eabi-gcc"
EMULATOR = "qemu-system-arm"
PROBE = '-DKWS_PROBE(layer)=__asm__ volatile("mov r10, r10" ::: "memory")'
FLAGS = ("-std=c11", "-O2", "-mthumb", "-ffunction-sections", "-fdata-sections", "-fno-tree-loop-distribute-patterns")
LINK = ("-nostdlib", "-Wl,--gc-sections", "-Wl,--fatal-warnings", "-T", "board.ld")
PREFIX = ("kws_", f"{DEFAULT_NAME}_")
CYCLES_PER_INSTRUCTION = (1.0, 2.0)  # assumed for the estimate of time; not measured
TIMEOUT = 600.0


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


def counting_plugin() -> Path:
    """The instruction counter for QEMU, compiled at first use into the cache."""
    source = BOARD_FILES / "count_plugin.c"
    target = cache_root() / "qemu" / f"{sha256_bytes(source.read_bytes())[:32]}.so"
    if not target.is_file():
        compiler = find_compiler()
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder) / "plugin.so"
            run_tool([*compiler, "-O2", "-fPIC", "-shared", "-o", str(made), str(source)], "compiling the QEMU plugin")
            write_bytes(target, made.read_bytes())
    return target


def link_script(board: Board) -> str:
    """The linker script for a board."""
    text = (BOARD_FILES / "board.ld.in").read_text(encoding="utf-8")
    for key in ("rom_start", "rom_bytes", "ram_start", "ram_bytes"):
        text = text.replace(f"@{key.upper()}@", f"{getattr(board, key):#x}")
    return text


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
    command = [compiler, *board.flags, *FLAGS, *flags, *LINK, "-o", "firmware.elf", *sources, "-lc", "-lgcc"]
    run_tool(command, f"building the firmware for {board.name}", cwd=folder)
    return folder / "firmware.elf"


@dataclass(frozen=True)
class Run:
    """What a firmware said, and the number of instructions executed at each marker."""

    output: str
    counts: list[int]


def run_firmware(board: Board, elf: Path) -> Run:
    """Run a firmware in its folder.

    Raises:
        ToolchainError: If QEMU fails, the firmware faults or reports an error, or does not end.
    """
    counts = elf.parent / "counts.txt"
    command = [
        *(require(EMULATOR), "-M", board.name, "-display", "none", "-monitor", "none", "-serial", "none"),
        *("-chardev", "stdio,id=sh0", "-semihosting-config", "enable=on,target=native,chardev=sh0"),
        *("-plugin", f"{counting_plugin()},out={counts.name}", "-kernel", elf.name),
    ]
    output = run_tool(command, f"running the firmware on {board.name}", cwd=elf.parent, timeout=TIMEOUT)
    return Run(output, [int(line) for line in counts.read_text(encoding="ascii").split()])


@dataclass
class EmulationReport:
    """What one model costs on one board. ``instructions`` is the largest count over the inputs."""

    board: str
    core: str
    inputs: int
    bit_exact: bool
    differing_bytes: int
    reference: str
    instructions: int
    instructions_least: int
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
        default="Instructions are counted, not cycles. Times are estimates: instructions / clock, "
        f"{CYCLES_PER_INSTRUCTION[0]:g} to {CYCLES_PER_INSTRUCTION[1]:g} cycles an instruction assumed."
    )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
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
        progress: Called with the name of each step.

    Raises:
        ModelError: If the model is not supported.
        ToolchainError: If a tool is missing, or the firmware does not fit the board or fails.
    """
    say = progress or (lambda text: None)
    machine = board_of(board)
    data = model if isinstance(model, bytes) else Path(model).read_bytes()
    engine = build(data, optimise=optimise, encodings=encodings)
    batch = random_inputs(read_model(data), random, seed) if inputs is None else inputs
    if len(batch) == 0:
        raise ModelError("expected at least one input. Received: none.")
    say(f"{reference} interpreter")
    interpreter = open_interpreter(data, reference)
    expected = interpreter.run(batch)
    raw = quantize_input(batch, engine.program.input_scale, engine.program.input_zero_point)
    size, counts, stack, produced = run_engine(machine, engine, raw, say)
    return _report(machine, engine, size, counts, stack, produced, expected, optimise, interpreter.name)


def run_engine(
    board: Board, engine: Engine, raw: np.ndarray, progress: Callable[[str], None] | None = None
) -> tuple[Footprint, list[int], int, np.ndarray]:
    """Build the engine for ``board`` and run it on ``raw``.

    Args:
        board: The emulated board.
        engine: The model as C source.
        raw: int8 inputs ``[N, ...]``.
        progress: Called with the name of each step.

    Returns:
        What it takes, the instructions executed at each marker, bytes of stack, and the int8 outputs one after another.

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
        counts = run_firmware(board, elf).counts
        produced = np.frombuffer((folder / "out.bin").read_bytes(), np.int8)
        stack = int(np.frombuffer((folder / "stack.bin").read_bytes(), np.uint32)[0])
    return size, counts, stack, produced


def _report(
    board: Board,
    engine: Engine,
    size: Footprint,
    counts: list[int],
    stack: int,
    produced: np.ndarray,
    expected: np.ndarray,
    optimise: str,
    reference: str,
) -> EmulationReport:
    samples = len(expected)
    marks = np.array(counts).reshape(samples, -1)
    spent = np.diff(marks, axis=1) - 1  # without the marker itself
    outputs = finish_output(engine.program, produced.reshape(samples, -1))
    differing = int(np.count_nonzero(outputs.reshape(samples, -1) != expected.reshape(samples, -1)))
    totals = spent.sum(axis=1)
    worst = int(totals.argmax())
    layers = [
        {"layer": step.label, "kernel": step.functions[0], "instructions": int(n), **_work(engine, step.layer, int(n))}
        for step, n in zip(engine.steps, spent[worst], strict=True)
    ]
    code, constants = size.size_of(PREFIX, functions=True), engine.constant_bytes
    return EmulationReport(
        board=board.name,
        core=board.core,
        inputs=samples,
        bit_exact=differing == 0,
        differing_bytes=differing,
        reference=reference,
        instructions=int(totals.max()),
        instructions_least=int(totals.min()),
        flash_bytes=size.flash,
        ram_bytes=size.ram,
        arena_bytes=engine.plan.arena,
        stack_bytes=stack,
        flash_parts={"engine code": code, "weights and constants": constants, "other": size.flash - code - constants},
        layers=layers,
        budgets=fits(board.name, size.flash, size.ram + stack, int(totals.max())),
        optimise=optimise,
        model_sha256=engine.digest,
        compiler=run_tool([require(COMPILER), "--version"], COMPILER).splitlines()[0],
        emulator=run_tool([require(EMULATOR), "--version"], EMULATOR).splitlines()[0],
    )


def _work(engine: Engine, layer: int, instructions: int) -> dict[str, Any]:
    macs, kept = engine.work(layer)
    if not macs:
        return {}
    return {"macs": macs, "nonzero_macs": kept, "instructions_per_mac": round(instructions / macs, 3)}


def fits(like: str, flash: int, ram: int, instructions: int) -> list[dict[str, Any]]:
    """Real boards with the same core: does it fit, by how much, and the estimated milliseconds an inference.

    Args:
        like: Name of the emulated board.
        flash: Bytes in flash.
        ram: Bytes of RAM, stack included.
        instructions: Instructions an inference.

    >>> [b["fits"] for b in fits("microbit", 40_000, 10_000, 10_000_000)]
    [True, True, False, True]
    """
    return [
        {
            "board": b.name,
            "fits": flash <= b.flash and ram <= b.ram,
            "flash_left": b.flash - flash,
            "ram_left": b.ram - ram,
            "estimated_ms": [round(instructions * c / (b.mhz * 1000), 1) for c in CYCLES_PER_INSTRUCTION],
            "mhz": b.mhz,
        }
        for b in BUDGETS
        if b.like == like
    ]
