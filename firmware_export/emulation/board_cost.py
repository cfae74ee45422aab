"""What a model costs as a whole firmware: audio front end, engine, detector; linked, and counted in the emulator."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from firmware_export.boards import Board, board_of
from firmware_export.emulation.cycles import timing_of
from firmware_export.emulation.elf import footprint
from firmware_export.emulation.emulator import EMULATOR, EmulationReport, emulate, plugin_digest
from firmware_export.emulation.example import emulate_frontend, example_files, plan_of, run_example
from firmware_export.emulation.firmware_build import COMPILER, build_firmware, require
from firmware_export.emulation.stream_report import StreamReport, emulate_stream
from firmware_export.emulation.tools import version_of
from firmware_export.engine import build
from kws_tfmot.contract import ModelContract
from kws_tfmot.errors import ModelError, ToolchainError
from kws_tfmot.files import cache_root, json_text, sha256_bytes
from kws_tfmot.spare_cache import keep, kept_json

_ROOMY = 4 << 20  # linked as if the board had this much of both memories, to learn what is needed
_STEPS = 20  # of a network that takes steps
_SECONDS = 1.5  # of sound that the whole firmware hears when its stack is measured


@dataclass(frozen=True)
class BoardCost:
    """One model on one core.

    Attributes:
        board: The emulated board.
        core: Its core.
        flash: Bytes of the whole firmware.
        ram: Bytes of static data and of the stack.
        inference: Instructions of an inference, or of a step, the largest of some random inputs; ``None`` where not
            counted.
        hop: Instructions of the front end for one hop, likewise.
        problem: Why they were not counted.
        cycles_range: Least and most modelled cycles of both together on the core asked for.
        cycles_are: What the cycles are.
    """

    board: str
    core: str
    flash: int
    ram: int
    inference: int | None
    hop: int | None
    problem: str = ""
    cycles_range: list[int] | None = None
    cycles_are: str = ""

    @property
    def instructions(self) -> int | None:
        """From the last sample of a window to the answer: the front end's last hop and the inference."""
        return None if self.inference is None or self.hop is None else self.inference + self.hop


def board_cost(
    model: Path | bytes,
    board: str,
    optimise: str = "balanced",
    progress: Callable[[str], None] | None = None,
    *,
    timing: str = "",
    wait_states: int = 0,
    stream: bool = False,
    hop: int | None = None,
) -> BoardCost:
    """Link and emulate the whole firmware of ``model``; kept in the cache under everything that decides it.

    Args:
        model: Path or bytes of a ``.tflite`` with its settings inside.
        board: Name of an emulated board.
        optimise: As for :func:`firmware_export.engine.build`.
        progress: Called with the name of each step.
        timing: The core whose cycles are asked for; that of the board by default.
        wait_states: Of the flash, see :func:`firmware_export.emulation.emulator.emulate`.
        stream: Measure the firmware that takes steps in place of windows.
        hop: Frames a step takes.

    Raises:
        ModelError: If the model is not supported or cannot be streamed, or an output byte differs from TFLite Micro's.
        RecipeError: For an unknown board, or a front end without C source.
        ToolchainError: If a tool is missing.
    """
    say = progress or (lambda text: None)
    machine, contract = board_of(board), ModelContract.of_model(model)
    for tool in (COMPILER, EMULATOR):
        require(tool)
    engine = build(model, optimise=optimise, labels=contract.labels, stream=stream, hop=hop, core=machine.core)
    files = example_files(engine, contract, plan_of(engine, model, contract))
    tools = [version_of(require(tool)) for tool in (COMPILER, EMULATOR)]
    parts = [
        engine.digest,
        optimise,
        repr(machine),
        timing,
        str(wait_states),
        plugin_digest(),
        *tools,
        *(f"{name}\0{text}" for name, text in sorted(files.items())),
    ]
    place = cache_root() / "boards" / f"{sha256_bytes(chr(0).join(parts).encode())[:32]}.json"
    if found := kept_json(place):
        return BoardCost(**found)
    say("linking")
    job = _Job(model, machine, contract, optimise, timing or machine.timings[0], wait_states, stream, hop)
    cost = _measure(job, files, engine.program.step is not None, say)
    keep(place, json_text(asdict(cost)).encode("utf-8"))
    return cost


@dataclass(frozen=True)
class _Job:
    """What is measured, and how."""

    model: Path | bytes
    machine: Board
    contract: ModelContract
    optimise: str
    timing: str
    wait_states: int
    stream: bool
    hop: int | None


def _measure(job: _Job, files: dict[str, str], steps: bool, say: Callable[[str], None]) -> BoardCost:
    machine, contract = job.machine, job.contract
    with tempfile.TemporaryDirectory() as name:
        roomy = replace(machine, rom_bytes=_ROOMY, ram_bytes=_ROOMY)
        size = footprint(build_firmware(roomy, files, "main.c", Path(name)))
    rate = contract.frontend.sample_rate
    seconds = contract.frontend.clip_ms / 1000 + _SECONDS
    samples = np.random.default_rng(0).normal(0, 3000, round(seconds * rate)).astype(np.int16)
    try:
        network = _step(job, say) if steps else _inference(job, say)
        say("front end")
        hop = emulate_frontend(contract.frontend, samples[:rate], machine.name, job.wait_states)
        say("whole firmware")
        stack = run_example(
            job.model, samples, contract, machine.name, job.optimise, stream=job.stream, hop=job.hop
        ).stack_bytes
    except ToolchainError as error:  # more memory than the emulated machine has
        reason = " ".join(error.message.split())[:200]
        return BoardCost(machine.name, machine.core, size.flash, size.ram, None, None, reason)
    instructions, cycles = network
    both = [round(a + b) for a, b in zip(cycles, hop.cycles_by_core[job.timing], strict=True)]
    counted = (instructions, hop.instructions, "", both, timing_of(job.timing).about(job.wait_states))
    return BoardCost(machine.name, machine.core, size.flash, size.ram + stack, *counted)


def _inference(job: _Job, say: Callable[[str], None]) -> tuple[int, Sequence[float]]:
    """Instructions and cycles of an inference."""
    report = emulate(
        job.model, job.machine.name, random=2, optimise=job.optimise, wait_states=job.wait_states, progress=say
    )
    _check(report, job)
    return report.instructions, report.cycles_by_core[job.timing]


def _step(job: _Job, say: Callable[[str], None]) -> tuple[int, Sequence[float]]:
    """Instructions and cycles of a step."""
    report = emulate_stream(
        job.model,
        job.machine.name,
        hop=job.hop,
        steps=_STEPS,
        optimise=job.optimise,
        wait_states=job.wait_states,
        progress=say,
    )
    _check(report, job)
    return report.step_instructions_most, report.cycles_by_core[job.timing]


def _check(report: EmulationReport | StreamReport, job: _Job) -> None:
    if not report.bit_exact:
        raise ModelError(
            f"{report.differing_bytes} output bytes on {job.machine.name} differ from {report.reference}'s.",
            "Report it with the model: the two are to agree in every byte.",
        )
