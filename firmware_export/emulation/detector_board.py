"""The detector alone on an emulated board: what it decides on given outputs."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from firmware_export.boards import board_of
from firmware_export.emulation.detector_c import detector_files
from firmware_export.emulation.emulator import run_firmware
from firmware_export.emulation.firmware_build import build_firmware
from kws_tfmot.detection.detector import Detection, DetectorPlan

_NOTHING = 0xFFFF


def emulate_detector(
    plan: DetectorPlan, outputs: npt.NDArray[np.int8], board: str = "mps2-an386", sensitivity: int = 0
) -> list[Detection]:
    """Detections of the firmware's detector in int8 outputs ``[N, classes]``, run in QEMU.

    Args:
        plan: The detector.
        outputs: One inference a row.
        board: Name of an emulated board.
        sensitivity: Set at run time before the first inference.

    Raises:
        ToolchainError: If a tool is missing or the firmware fails.
        RecipeError: For an unknown board.
    """
    machine = board_of(board)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        elf = build_firmware(machine, detector_files(plan), "scores.c", folder, (f"-DSENSITIVITY={sensitivity}",))
        np.ascontiguousarray(outputs, np.int8).tofile(folder / "outputs.bin")
        run_firmware(machine, elf)
        rows = np.fromfile(folder / "out.bin", np.uint16).reshape(-1, 2).tolist()
    return [Detection(n, label, score) for n, (label, score) in enumerate(rows) if label != _NOTHING]
