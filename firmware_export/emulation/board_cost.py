"""What a model costs as a whole firmware: audio front end, engine, detector; linked, and counted in the emulator."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from firmware_export.boards import Board, board_of
from firmware_export.emulation.cycles import timing_of
from firmware_export.emulation.elf import footprint
from firmware_export.emulation.emulator import COMPILER, EMULATOR, build_firmware, emulate, plugin_digest, require
from firmware_export.emulation.example import emulate_frontend, example_files, run_example
from firmware_export.emulation.host import run_tool
from firmware_export.engine import build
from kws_tfmot.contract import ModelContract
from kws_tfmot.detection.detector import DetectorPlan
from kws_tfmot.errors import ModelError, ToolchainError
from kws_tfmot.files import cache_root, sha256_bytes, write_json
from kws_tfmot.tflite.reader import read_model

_ROOMY = 4 << 20  # linked as if the board had this much of both memories, to learn what is needed
_SECONDS = 1.5  # of sound that the whole firmware hears when its stack is measured


@dataclass(frozen=True)
class BoardCost:
    """One model on one core.

    Attributes:
        board: The emulated board.
        core: Its core.
        flash: Bytes of the whole firmware.
        ram: Bytes of static data and of the stack.
        inference: Instructions of an inference, the largest of some random inputs; ``None`` where not counted.
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
) -> BoardCost:
    """Link and emulate the whole firmware of ``model``; kept in the cache under everything that decides it.

    Args:
        model: Path or bytes of a ``.tflite`` with its settings inside.
        board: Name of an emulated board.
        optimise: As for :func:`firmware_export.engine.build`.
        progress: Called with the name of each step.
        timing: The core whose cycles are asked for; that of the board by default.
        wait_states: Of the flash, see :func:`firmware_export.emulation.emulator.emulate`.

    Raises:
        ModelError: If the model is not supported, or an output byte differs from TFLite Micro's.
        RecipeError: For an unknown board, or a front end without C source.
        ToolchainError: If a tool is missing.
    """
    say = progress or (lambda text: None)
    machine, contract = board_of(board), ModelContract.of_model(model)
    for tool in (COMPILER, EMULATOR):
        require(tool)
    plan = DetectorPlan.of(read_model(model), contract.labels, contract.frontend, contract.detection)
    engine = build(model, optimise=optimise, labels=contract.labels)
    files = example_files(engine, contract, plan)
    tools = [run_tool([require(tool), "--version"], tool).splitlines()[0] for tool in (COMPILER, EMULATOR)]
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
    kept = cache_root() / "boards" / f"{sha256_bytes(chr(0).join(parts).encode())[:32]}.json"
    if kept.is_file():
        return BoardCost(**json.loads(kept.read_text(encoding="utf-8")))
    say("linking")
    cost = _measure(model, machine, files, contract, optimise, say, timing or machine.timings[0], wait_states)
    write_json(kept, asdict(cost))
    return cost


def _measure(
    model: Path | bytes,
    machine: Board,
    files: dict[str, str],
    contract: ModelContract,
    optimise: str,
    say: Callable[[str], None],
    timing: str,
    wait_states: int,
) -> BoardCost:
    with tempfile.TemporaryDirectory() as name:
        roomy = replace(machine, rom_bytes=_ROOMY, ram_bytes=_ROOMY)
        size = footprint(build_firmware(roomy, files, "main.c", Path(name)))
    rate = contract.frontend.sample_rate
    seconds = contract.frontend.clip_ms / 1000 + _SECONDS
    samples = np.random.default_rng(0).normal(0, 3000, round(seconds * rate)).astype(np.int16)
    try:
        report = emulate(model, machine.name, random=2, optimise=optimise, wait_states=wait_states, progress=say)
        say("front end")
        hop = emulate_frontend(contract.frontend, samples[:rate], machine.name, wait_states)
        say("whole firmware")
        stack = run_example(model, samples, contract, machine.name, optimise).stack_bytes
    except ToolchainError as error:  # more memory than the emulated machine has
        reason = " ".join(error.message.split())[:200]
        return BoardCost(machine.name, machine.core, size.flash, size.ram, None, None, reason)
    if not report.bit_exact:
        raise ModelError(f"{report.differing_bytes} output bytes on {machine.name} differ from {report.reference}'s.")
    both = [a + b for a, b in zip(report.cycles_by_core[timing], hop.cycles_by_core[timing], strict=True)]
    counted = (report.instructions, hop.instructions, "", both, timing_of(timing).about(wait_states))
    return BoardCost(machine.name, machine.core, size.flash, size.ram + stack, *counted)
