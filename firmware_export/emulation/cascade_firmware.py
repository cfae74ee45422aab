"""One firmware with two networks: a small one that always listens, and a larger one that looks again."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from firmware_export.boards import board_of
from firmware_export.codegen.c_source import array
from firmware_export.codegen.stamp import stamp
from firmware_export.emulation.detector_c import detector_files
from firmware_export.emulation.elf import footprint
from firmware_export.emulation.emulator import run_firmware
from firmware_export.emulation.example import ExampleReport, Line, example_files, files_for_board, parsed, plan_of
from firmware_export.emulation.firmware_build import BOARD_FILES, build_firmware
from firmware_export.emulation.firmware_readme import firmware_readme
from firmware_export.emulation.host import EngineInterpreter
from firmware_export.emulation.steps import StepInterpreter
from firmware_export.engine import DEFAULT_NAME, Engine, build
from kws_tfmot.contract import ModelContract
from kws_tfmot.detection.detector import DetectorPlan
from kws_tfmot.evaluation.streaming.cascade import Cascade, CascadeMember, LookPlan
from kws_tfmot.evaluation.streaming.spotter import Steps, StreamModel
from kws_tfmot.files import write_files
from kws_tfmot.tflite.reader import read_model

CASCADE = BOARD_FILES / "cascade"
VERIFIER = "verifier"
_OWN = r"KWS_DETECTOR_(?=CONSTANTS_H|STRIDE|CLASSES|WINDOW|REFRACTORY|BUFFER_BYTES)"


@dataclass(frozen=True)
class Pair:
    """Two models as engines, each with its promise and detector, and when the second looks.

    Attributes:
        engines: Of the first, called ``model``, and the second, called ``verifier``.
        contracts: Their promises.
        plans: Their detectors.
        look: When the second looks.
    """

    engines: tuple[Engine, Engine]
    contracts: tuple[ModelContract, ModelContract]
    plans: tuple[DetectorPlan, DetectorPlan]
    look: LookPlan

    @classmethod
    def of(
        cls,
        first: Path | bytes,
        second: Path | bytes,
        contracts: tuple[ModelContract, ModelContract],
        *,
        look: dict[str, int] | None = None,
        optimise: str = "balanced",
        stream: bool = False,
        hop: int | None = None,
        core: str = "cortex-m4",
    ) -> Pair:
        """Both built; ``stream`` and ``hop`` as for one engine are of both, ``look`` as for :meth:`LookPlan.of`.

        Raises:
            ModelError: For a model that the engine does not run, or two that do not fit each other.
            RecipeError: For a time outside its range.
        """
        options: dict[str, Any] = {"optimise": optimise, "stream": stream, "hop": hop, "core": core}
        one = build(first, labels=contracts[0].labels, **options)
        other = build(second, labels=contracts[1].labels, name=VERIFIER, **options)
        plans = plan_of(one, first, contracts[0]), plan_of(other, second, contracts[1])
        stages = (
            CascadeMember(contracts[0], plans[0], _steps_of(one), read_model(first).stateful),
            CascadeMember(contracts[1], plans[1], _steps_of(other), read_model(second).stateful),
        )
        return cls((one, other), contracts, plans, LookPlan.of(stages[0], stages[1], **(look or {})))

    def files(self) -> dict[str, str]:
        """Every file but the board's own: both engines, front end, detectors and the chain."""
        first, second = self.engines
        chain = {path.name: path.read_text(encoding="utf-8") for path in sorted(CASCADE.glob("*.[ch]"))}
        return {**second.files, **example_files(first, self.contracts[0], self.plans[0]), **self._constants(), **chain}

    def _constants(self) -> dict[str, str]:
        """The second detector's settings under names of its own, and when it looks."""
        files = {}
        for name, text in detector_files(self.plans[1]).items():
            if name.startswith("kws_detector_constants."):
                text = re.sub(_OWN, "VERIFIER_DETECTOR_", text).replace(
                    "kws_detector_settings", "verifier_detector_settings"
                )
                text = text.replace('"kws_detector_constants.h"', '"verifier_constants.h"')
                files[name.replace("kws_detector", VERIFIER)] = text
        look = self.look
        numbers = {
            "BEFORE": (look.before, "frames before a wake at which its first window may end"),
            "AFTER": (look.after, "frames after it at which its last one may"),
            "FIRST_FRAMES": (look.first, "frames under a window"),
            "PIECE_FRAMES": (look.piece, "frames that it takes at once"),
            "A_HOP": (look.a_hop, "its inferences or steps a hop, at most"),
            "RING_FRAMES": (max(look.ring, self.contracts[0].frontend.frames), "frames that are kept"),
        }
        lines = "".join(f"#define VERIFIER_{name} {value} /* {what} */\n" for name, (value, what) in numbers.items())
        declared = (
            "extern const uint16_t verifier_label_of[KWS_DETECTOR_CLASSES]; /* its class for each of the first's */\n"
        )
        header, code = "verifier_constants.h", "verifier_constants.c"
        place = "#ifdef __cplusplus\nextern"
        files[header] = files[header].replace(place, f"{lines}\n{place}", 1)
        marked = "extern const kws_detector_constants verifier_detector_settings;\n"
        files[header] = files[header].replace(marked, marked + declared.replace("[KWS_DETECTOR_CLASSES]", "[]"))
        table = array("uint16_t", "verifier_label_of", look.label_of).replace("static ", "", 1)
        files[code] += f"\n{table}\n"
        return files


def export_cascade(pair: Pair, out_dir: str | Path, board: str, *, name: str = DEFAULT_NAME) -> list[str]:
    """Write the whole firmware of two networks for ``board``; return the names of its files.

    Raises:
        RecipeError: For an impossible name.
    """
    machine = board_of(board)
    files = files_for_board(pair.files(), name, machine)
    files["README.md"] = firmware_readme(machine, pair.engines[0], pair.contracts[0]) + _readme(pair)
    write_files(stamp(files), out_dir)
    return sorted(files)


def _readme(pair: Pair) -> str:
    first, second = pair.engines
    look, hop_ms = pair.look, pair.contracts[0].frontend.hop_ms
    before, after = look.before * hop_ms, look.after * hop_ms
    return f"""
## Two networks

The network above always listens ({first.constant_bytes:,} bytes of constants). What it hears wakes a second one,
`verifier`, SHA-256 `{second.digest}`,
of {second.constant_bytes:,} bytes of constants and {second.plan.arena:,} bytes of RAM.
It decides on windows that end from {before} ms before to {after} ms after, with at most {look.a_hop} inferences a hop.
Only what both hear is reported.
`spotter.wakes` and `spotter.agreed` count how often.
"""


def run_cascade(
    pair: Pair, models: tuple[bytes, bytes], samples: np.ndarray, board: str, hop: int | None = None
) -> ExampleReport:
    """Play ``int16`` samples to the firmware in QEMU and compare every line it prints with the desktop's.

    Raises:
        ToolchainError: If a tool is missing, or the firmware does not fit the board or fails.
    """
    machine = board_of(board)
    samples_a_hop = pair.contracts[0].frontend.hop_samples
    whole = np.ascontiguousarray(samples[: len(samples) // samples_a_hop * samples_a_hop], np.int16)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        elf = build_firmware(machine, pair.files(), "main.c", folder)
        whole.tofile(folder / "pcm.bin")
        said = run_firmware(machine, elf).output
        stack = int(np.fromfile(folder / "stack.bin", np.uint32)[0])
        size = footprint(elf)
    heard = tuple(parsed(line) for line in said.splitlines())
    desktop = open_pair(pair, models, hop)
    expected = tuple(Line(one.frame, one.word, round(one.score * 32768)) for one in desktop.spot(whole))
    count = len(desktop.first.outputs(whole))
    return ExampleReport(board, machine.core, count, heard, heard == expected, size.flash, size.ram, stack)


def open_pair(pair: Pair, models: tuple[bytes, bytes], hop: int | None = None) -> Cascade:
    """Both models opened with the engine's C on this computer.

    Raises:
        ToolchainError: Without a C compiler.
    """
    opened = []
    for engine, model, contract in zip(pair.engines, models, pair.contracts, strict=True):
        runner = StepInterpreter(model, hop=hop) if engine.program.step else EngineInterpreter(model)
        opened.append(StreamModel.of(contract, read_model(model), runner, engine.digest))
    return Cascade(opened[0], opened[1], pair.look)


def _steps_of(engine: Engine) -> Steps | None:
    step = engine.program.step
    return Steps(step.rows, (step.warm_up + 1) * step.rows) if step else None
