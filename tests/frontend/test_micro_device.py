"""Kind ``microfrontend`` on emulated boards: every byte the host's, in less than half of TFLM's instructions."""

import numpy as np
import pytest
from frontend_signals import MICRO_SETTINGS, extreme_signals

from firmware_export.emulation.example import emulate_frontend

pytestmark = pytest.mark.device


def stretch() -> np.ndarray:
    """A third of a second of each extreme signal, one after the other."""
    return np.concatenate([signal[:5120] for signal in extreme_signals().values()])


@pytest.mark.parametrize("board", ["microbit", "mps2-an385", "mps2-an386", "mps3-an547"])
def test_bytes_equal_the_host(board: str) -> None:
    report = emulate_frontend(MICRO_SETTINGS["micro"], stretch(), board)
    assert report.frames == MICRO_SETTINGS["micro"].frames_in(len(stretch()))
    assert report.bit_exact


@pytest.mark.parametrize("board", ["mps2-an386", "mps3-an547"])
def test_another_size_with_dsp_and_vectors(board: str) -> None:
    assert emulate_frontend(MICRO_SETTINGS["micro_64_ms"], stretch(), board).bit_exact


def test_vectors_save_a_fifth_of_the_instructions() -> None:
    scalar, vectors = (
        emulate_frontend(MICRO_SETTINGS["micro"], stretch()[:8000], board) for board in ("mps2-an386", "mps3-an547")
    )
    assert vectors.instructions < 0.8 * scalar.instructions


def test_budget_on_cortex_m4() -> None:
    """Less than half of the 84,700 instructions a frame of TFLM's C library, which gives the same features."""
    report = emulate_frontend(MICRO_SETTINGS["micro"], stretch()[:16000])
    assert 15_000 < report.instructions <= 42_000
    assert 3_000 < report.flash_bytes <= 12_000
    assert 2_000 < report.ram_bytes <= 4_000
