"""The complete firmware: samples in, features, ring buffer, inference, label and score out."""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from firmware_export.boards import board_of
from firmware_export.elf import footprint
from firmware_export.emulator import BOARD_FILES, PROBE, build_firmware, link_script, run_firmware
from firmware_export.engine import Engine, build
from firmware_export.host import EngineLibrary, compile_library
from kws_tfmot.errors import ModelError
from kws_tfmot.files import write_text
from kws_tfmot.frontend.export import c_source
from kws_tfmot.frontend.frontend import Frontend
from kws_tfmot.frontend.settings import FrontendSettings

EXAMPLE = BOARD_FILES / "example"
STRIDE = 5  # SPOTTER_STRIDE


@dataclass(frozen=True)
class Heard:
    """One inference of the example: after how many frames, which label, and its score in steps above zero."""

    frame: int
    label: str
    score: int


@dataclass(frozen=True)
class ExampleReport:
    """A run of the example firmware on one board."""

    board: str
    core: str
    heard: tuple[Heard, ...]
    same_as_host: bool
    flash_bytes: int
    ram_bytes: int
    stack_bytes: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class FrontendReport:
    """The front end alone on one board; ``instructions`` is the largest count of one hop that gave a frame."""

    board: str
    core: str
    frames: int
    bit_exact: bool
    instructions: int
    flash_bytes: int
    ram_bytes: int
    stack_bytes: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def example_files(engine: Engine, settings: FrontendSettings) -> dict[str, str]:
    """Every file of the example but the board's own: engine, front end, chain, and the microphone's hook.

    Raises:
        ModelError: If the engine has no labels, another name than ``model``, or another input than the front end gives.
        RecipeError: For a front end without C source.
    """
    if engine.name != "model" or not engine.labels:
        raise ModelError("the example needs an engine called 'model' that carries its labels.")
    size, frames = engine.program.values[engine.program.input].layout.elements, settings.feature_shape
    if size != frames[0] * frames[1]:
        raise ModelError(f"the model takes {size} numbers; the front end gives {frames[0]} x {frames[1]}.")
    chain = {path.name: path.read_text(encoding="utf-8") for path in sorted(EXAMPLE.glob("*.[ch]"))}
    return {**engine.files, **c_source(settings), **chain}


def export_example(
    model: str | Path | bytes, out_dir: str | Path, settings: FrontendSettings, labels: tuple[str, ...], board: str
) -> list[str]:
    """Write the whole firmware for ``board``, start-up code and linker script included; return the names of its files.

    Build it with ``arm-none-eabi-gcc <flags of the board> -O2 -nostdlib -T board.ld *.c -lc -lgcc``.
    """
    machine = board_of(board)
    files = example_files(build(model, labels=labels), settings) | {"board.ld": link_script(machine)}
    for name in ("start.c", "semihosting.c", "board.h"):
        files[name] = (BOARD_FILES / name).read_text(encoding="utf-8")
    for name, text in sorted(files.items()):
        write_text(Path(out_dir) / name, text)
    return sorted(files)


def run_example(
    model: str | Path | bytes,
    samples: np.ndarray,
    settings: FrontendSettings,
    labels: tuple[str, ...],
    board: str = "mps2-an386",
    optimise: str = "balanced",
) -> ExampleReport:
    """Play ``int16`` samples to the example firmware in QEMU and compare every line it prints with the host's answer.

    Raises:
        ModelError: If model, labels and front end do not fit each other.
        ToolchainError: If a tool is missing, or the firmware does not fit the board or fails.
    """
    machine = board_of(board)
    engine = build(model, optimise=optimise, labels=labels)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        elf = build_firmware(machine, example_files(engine, settings), "main.c", folder)
        np.ascontiguousarray(samples, np.int16).tofile(folder / "pcm.bin")
        said = run_firmware(machine, elf).output
        stack = int(np.fromfile(folder / "stack.bin", np.uint32)[0])
        size = footprint(elf)
    heard = []
    for line in said.splitlines():
        frame, rest = line.split(" ", 1)
        label, score = rest.rsplit(" ", 1)
        heard.append(Heard(int(frame), label, int(score)))
    expected = _on_host(engine, samples, settings)
    same = tuple(heard) == expected
    return ExampleReport(board, machine.core, tuple(heard), same, size.flash, size.ram, stack)


def _on_host(engine: Engine, samples: np.ndarray, settings: FrontendSettings) -> tuple[Heard, ...]:
    """What the firmware must print: the host's front end and the engine's host build."""
    usable = len(samples) // settings.hop_samples * settings.hop_samples
    features = Frontend(settings).features(np.ascontiguousarray(samples[:usable], np.int16))
    ends = range(settings.frames, len(features) + 1, STRIDE)
    if not ends:
        return ()
    windows = np.stack([features[end - settings.frames : end] for end in ends])
    scores = EngineLibrary(engine, compile_library(engine)).run(windows)
    zero = engine.program.output_zero_point
    best = scores.argmax(axis=1)
    return tuple(
        Heard(end, engine.labels[k], int(row[k]) - zero) for end, k, row in zip(ends, best, scores, strict=True)
    )


def emulate_frontend(settings: FrontendSettings, samples: np.ndarray, board: str = "mps2-an386") -> FrontendReport:
    """Run the front end alone in QEMU, hop by hop, and compare every feature with the host's.

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
        counts = np.array(run_firmware(machine, elf).counts).reshape(-1, 2)
        produced = np.fromfile(folder / "out.bin", np.int8).reshape(-1, settings.features_per_frame)
        stack = int(np.fromfile(folder / "stack.bin", np.uint32)[0])
        size = footprint(elf)
    expected = Frontend(settings).features(usable)
    exact = produced.shape == expected.shape and bool((produced == expected).all())
    most = int((counts[:, 1] - counts[:, 0] - 1).max())
    return FrontendReport(board, machine.core, len(produced), exact, most, size.flash, size.ram, stack)
