"""The complete firmware: samples in, features, ring buffer, inference, detector, keyword and score out."""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from firmware_export.boards import Board, board_of
from firmware_export.codegen.rename import package_name, renamed, renamed_file
from firmware_export.codegen.stamp import stamp
from firmware_export.emulation.detector_c import detector_files
from firmware_export.emulation.elf import footprint
from firmware_export.emulation.emulator import cycle_figures, run_firmware
from firmware_export.emulation.firmware_build import BOARD_FILES, PROBE, build_firmware, link_script
from firmware_export.emulation.firmware_readme import firmware_readme
from firmware_export.emulation.host import EngineInterpreter
from firmware_export.emulation.steps import StepInterpreter
from firmware_export.engine import DEFAULT_NAME, Engine, build
from kws_tfmot.contract import ModelContract
from kws_tfmot.detection.detector import DetectorPlan
from kws_tfmot.detection.monitor import MonitorPlan
from kws_tfmot.errors import ModelError
from kws_tfmot.evaluation.streaming.collector import Collector
from kws_tfmot.evaluation.streaming.spotter import StreamModel
from kws_tfmot.files import write_files
from kws_tfmot.frontend.frontend import Frontend
from kws_tfmot.frontend.frontend_export import c_source
from kws_tfmot.frontend.frontend_settings import FrontendSettings
from kws_tfmot.tflite.reader import read_model

EXAMPLE = BOARD_FILES / "example"
MONITOR_FILES = ("statistics.bin", "takes.bin")


class Line(NamedTuple):
    """A detection as the example prints it: after how many frames, which word, its smoothed posterior in Q15."""

    frame: int
    word: str
    score: int


@dataclass(frozen=True)
class ExampleReport:
    """A run of the example firmware on one board, over ``inferences`` windows."""

    board: str
    core: str
    inferences: int
    heard: tuple[Line, ...]
    same_as_host: bool
    flash_bytes: int
    ram_bytes: int
    stack_bytes: int

    def to_dict(self) -> dict[str, Any]:
        """Values for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class FrontendReport:
    """The front end alone on one board; ``instructions`` is the largest count of one hop that gave a frame.

    ``cycles``, the middle of ``cycles_range``, is of the same hop, see :class:`~.emulator.EmulationReport`;
    ``cycles_by_core`` has the range of every core that is modelled there.
    """

    board: str
    core: str
    frames: int
    bit_exact: bool
    instructions: int
    cycles: int | None
    cycles_range: list[int]
    cycles_by_core: dict[str, list[int]]
    cycles_are: str
    wait_states: int
    flash_bytes: int
    ram_bytes: int
    stack_bytes: int

    def to_dict(self) -> dict[str, Any]:
        """Values for JSON."""
        return asdict(self)


def example_files(
    engine: Engine, contract: ModelContract, plan: DetectorPlan, monitor: MonitorPlan | None = None
) -> dict[str, str]:
    """Every file of the example but the board's own: engine, front end, detector, chain, and the microphone's hook.

    With a ``monitor`` the chain counts scores, and keeps takes if the monitor does.

    Raises:
        ModelError: If the engine has no labels, another name than ``model``, or another input than the front end gives.
        RecipeError: For a front end without C source.
    """
    if engine.name != "model" or not engine.labels:
        raise ModelError(
            f"the example needs an engine called 'model' with labels. Received: {engine.name!r}, {engine.labels}",
            "Build it with name='model' and labels=contract.labels.",
        )
    size, (frames, features) = (
        engine.program.values[engine.program.input].layout.elements,
        contract.frontend.feature_shape,
    )
    step = engine.program.step
    if size != (step.rows if step else frames) * features:
        raise ModelError(
            f"the model takes {size} numbers; the front end gives {frames} x {features}.",
            "Give the recipe that the model was made with.",
        )
    chain = {path.name: path.read_text(encoding="utf-8") for path in sorted(EXAMPLE.glob("*.[ch]"))}
    return {**engine.files, **c_source(contract.frontend), **detector_files(plan, monitor), **chain}


def files_for_board(files: dict[str, str], name: str, machine: Board) -> dict[str, str]:
    """``files`` of a firmware under the user's ``name``, with start-up code and linker script of an emulated board.

    Raises:
        RecipeError: For an impossible name.
    """
    if name != DEFAULT_NAME:
        package_name(name)
        files = {renamed_file(file, name): renamed(text, name) for file, text in files.items()}
    own = ("start.c", "semihosting.c", "board.h")
    board = {file: (BOARD_FILES / file).read_text(encoding="utf-8") for file in own}
    return files | board | {"board.ld": link_script(machine)}


def export_example(
    model: str | Path | bytes,
    out_dir: str | Path,
    contract: ModelContract,
    board: str,
    *,
    optimise: str = "balanced",
    name: str = DEFAULT_NAME,
    stream: bool = False,
    hop: int | None = None,
    core: str | None = None,
    monitor: dict[str, Any] | None = None,
) -> list[str]:
    """Write the whole firmware for ``board``, start-up code and linker script included; return the names of its files.

    With another ``name`` than ``model``, every file and identifier of engine, front end, detector and chain begins with
    it. The README says how it is built. With ``stream`` it takes steps of ``hop`` frames and decides at each of them,
    as a model with state always does. ``core`` is the one whose cycles decide the encodings, the board's by default.
    ``monitor``, the settings of :meth:`~kws_tfmot.detection.monitor.MonitorPlan.of`, puts counters and a recorder in.

    Raises:
        RecipeError: For settings outside their range, or an impossible name.
    """
    machine = board_of(board)
    engine = build(model, labels=contract.labels, optimise=optimise, stream=stream, hop=hop, core=core or machine.core)
    plan = plan_of(engine, model, contract)
    watched = None if monitor is None else MonitorPlan.of(plan, contract.frontend, **monitor)
    files = files_for_board(example_files(engine, contract, plan, watched), name, machine)
    files["README.md"] = firmware_readme(machine, engine, contract, watched)
    write_files(stamp(files), out_dir)
    return sorted(files)


def run_example(
    model: str | Path | bytes,
    samples: np.ndarray,
    contract: ModelContract,
    board: str = "mps2-an386",
    optimise: str = "balanced",
    *,
    stream: bool = False,
    hop: int | None = None,
    monitor: dict[str, Any] | None = None,
) -> ExampleReport:
    """Play ``int16`` samples to the example firmware in QEMU and compare every line it prints with the desktop's.

    With ``stream`` it takes steps of ``hop`` frames. With a ``monitor``, as for :func:`export_example`, its counts and
    the takes that it keeps are compared too.

    Raises:
        ModelError: If model, labels and front end do not fit each other.
        ToolchainError: If a tool is missing, or the firmware does not fit the board or fails.
    """
    machine = board_of(board)
    engine = build(model, optimise=optimise, labels=contract.labels, stream=stream, hop=hop, core=machine.core)
    plan = plan_of(engine, model, contract)
    samples_a_hop = contract.frontend.hop_samples
    whole = np.ascontiguousarray(samples[: len(samples) // samples_a_hop * samples_a_hop], np.int16)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        watched = None if monitor is None else MonitorPlan.of(plan, contract.frontend, **monitor)
        elf = build_firmware(machine, example_files(engine, contract, plan, watched), "main.c", folder)
        whole.tofile(folder / "pcm.bin")
        said = run_firmware(machine, elf).output
        stack = int(np.fromfile(folder / "stack.bin", np.uint32)[0])
        size = footprint(elf)
        kept = {file: (folder / file).read_bytes() for file in MONITOR_FILES if (folder / file).is_file()}
    heard = tuple(parsed(line) for line in said.splitlines())
    steps = engine.program.step is not None
    interpreter = StepInterpreter(model, optimise, hop) if steps else EngineInterpreter(model, optimise)
    desktop = StreamModel.of(contract, read_model(model), interpreter, engine.digest)
    outputs = desktop.outputs(whole)
    expected = tuple(
        Line(desktop.frame_of(found.inference), contract.labels[found.label], found.score)
        for found in plan.decide(plan.smooth(outputs))
    )
    same = heard == expected and kept == (monitored(desktop, watched, whole) if watched else {})
    return ExampleReport(board, machine.core, len(outputs), heard, same, size.flash, size.ram, stack)


def monitored(model: StreamModel, monitor: MonitorPlan, samples: np.ndarray) -> dict[str, bytes]:
    """The files that the example writes at its end, as the desktop makes them: the counts, and the takes it keeps."""
    collector = Collector(model, monitor)
    collector.push(samples)
    counts = [number for word in collector.statistics.words for number in (word.triggers, word.near_misses, *word.best)]
    files = {MONITOR_FILES[0]: np.array(counts, "<u4").tobytes()}
    if collector.recorder:
        files[MONITOR_FILES[1]] = b"".join(
            np.array([take.number, *take.event, take.frame, len(take.sound)], "<u4").tobytes() + take.wav(monitor.rate)
            for take in collector.recorder.takes
        )
    return files


def plan_of(engine: Engine, model: str | Path | bytes, contract: ModelContract) -> DetectorPlan:
    """The detector of an engine: it decides every ``detection.stride_ms``, or at every step.

    Raises:
        ModelError: If the model has no int8 outputs.
    """
    rows = engine.program.step.rows if engine.program.step else None
    return DetectorPlan.of(read_model(model), contract.labels, contract.frontend, contract.detection, rows)


def parsed(line: str) -> Line:
    """A line that the example prints."""
    frame, rest = line.split(" ", 1)
    word, score = rest.rsplit(" ", 1)
    return Line(int(frame), word, int(score))


def emulate_frontend(
    settings: FrontendSettings, samples: np.ndarray, board: str = "mps2-an386", wait_states: int = 0
) -> FrontendReport:
    """Run the front end alone in QEMU, hop by hop, and compare every feature with the host's.

    ``wait_states`` are as for :func:`~firmware_export.emulation.emulator.emulate`.

    Raises:
        ToolchainError: If a tool is missing or the firmware fails.
        RecipeError: For a front end without C source.
    """
    machine = board_of(board)
    usable = np.ascontiguousarray(samples[: len(samples) // settings.hop_samples * settings.hop_samples], np.int16)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        elf = build_firmware(machine, c_source(settings), "features.c", folder, (PROBE,))
        usable.tofile(folder / "pcm.bin")
        counts = run_firmware(machine, elf, watch_flash=wait_states > 0).counts
        produced = np.fromfile(folder / "out.bin", np.int8).reshape(-1, settings.features_per_frame)
        stack = int(np.fromfile(folder / "stack.bin", np.uint32)[0])
        size = footprint(elf)
    expected = Frontend(settings).features(usable)
    exact = produced.shape == expected.shape and bool((produced == expected).all())
    pushes = counts.spent().select(slice(0, None, 2))  # between the two markers of each hop
    worst = pushes.select(pushes.instructions == pushes.instructions.max()).select(slice(0, 1))
    by_core = {name: worst.total(name, wait_states) for name in machine.timings}
    return FrontendReport(
        board=board,
        core=machine.core,
        frames=len(produced),
        bit_exact=exact,
        instructions=int(worst.instructions[0]),
        **cycle_figures(machine, by_core[machine.timings[0]], wait_states),
        cycles_by_core={name: list(cycles) for name, cycles in by_core.items()},
        flash_bytes=size.flash,
        ram_bytes=size.ram,
        stack_bytes=stack,
    )


def frontend_cost(contract: ModelContract, board: str = "mps2-an386", wait_states: int = 0) -> FrontendReport:
    """What a hop of the front end costs that a model was made for, on a loud noisy stretch of half a second.

    Raises:
        ToolchainError: If a tool is missing or the firmware fails.
        RecipeError: For a front end without C source.
    """
    settings = contract.frontend
    samples = max(settings.sample_rate // 2, settings.window_samples + settings.hop_samples)
    noise = np.random.default_rng(7).normal(0, 6000, samples)
    return emulate_frontend(settings, np.clip(noise, -32768, 32767).astype(np.int16), board, wait_states)
