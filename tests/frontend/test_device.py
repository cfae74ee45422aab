"""The exported C on emulated boards: every byte the host's, for settings of every size."""

import numpy as np
import pytest
from frontend_signals import MICRO_SETTINGS, SETTINGS, extreme_signals

from firmware_export.example import emulate_frontend
from kws_tfmot.frontend import FrontendSettings

pytestmark = pytest.mark.device


def stretch() -> np.ndarray:
    """A third of a second of each extreme signal, one after the other."""
    return np.concatenate([signal[:5120] for signal in extreme_signals().values()])


@pytest.mark.parametrize("board", ["microbit", "mps2-an385", "mps2-an386"])
@pytest.mark.parametrize("name", ["default", "log_mel", "micro"])
def test_bytes_equal_the_host(board: str, name: str) -> None:
    settings = (SETTINGS | MICRO_SETTINGS)[name]
    report = emulate_frontend(settings, stretch(), board)
    assert report.frames == settings.frames_in(len(stretch()))
    assert report.bit_exact


@pytest.mark.parametrize("name", ["40_ms", "longest_fft", "micro_64_ms"])
def test_other_sizes_on_the_dsp_path(name: str) -> None:
    assert emulate_frontend((SETTINGS | MICRO_SETTINGS)[name], stretch(), "mps2-an386").bit_exact


def test_budget_on_cortex_m4() -> None:
    """At most 60,000 instructions a hop, 12 kB of flash, 6 kB of RAM, start-up code and test harness included."""
    report = emulate_frontend(FrontendSettings(), stretch()[:16000])
    assert 20_000 < report.instructions <= 60_000
    assert 4_000 < report.flash_bytes <= 12_000
    assert 3_000 < report.ram_bytes <= 6_000


def test_budget_of_microfrontend_on_cortex_m4() -> None:
    """Less than half of the 84,700 instructions a frame of TFLM's C library, which gives the same features."""
    report = emulate_frontend(MICRO_SETTINGS["micro"], stretch()[:16000])
    assert 15_000 < report.instructions <= 42_000
    assert 3_000 < report.flash_bytes <= 12_000
    assert 2_000 < report.ram_bytes <= 4_000
