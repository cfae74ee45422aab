"""The exported C on emulated boards: every byte the host's, for settings of every size."""

import numpy as np
import pytest
from frontend_signals import SETTINGS, extreme_signals

from firmware_export.emulation.example import emulate_frontend
from kws_tfmot.frontend import FrontendSettings

pytestmark = pytest.mark.device


def stretch() -> np.ndarray:
    """A third of a second of each extreme signal, one after the other."""
    return np.concatenate([signal[:5120] for signal in extreme_signals().values()])


@pytest.mark.parametrize("board", ["microbit", "mps2-an385", "mps2-an386"])
@pytest.mark.parametrize("name", ["default", "log_mel"])
def test_bytes_equal_the_host(board: str, name: str) -> None:
    report = emulate_frontend(SETTINGS[name], stretch(), board)
    assert report.frames == SETTINGS[name].frames_in(len(stretch()))
    assert report.bit_exact


@pytest.mark.parametrize("name", ["40_ms", "longest_fft"])
def test_other_sizes_on_the_dsp_path(name: str) -> None:
    assert emulate_frontend(SETTINGS[name], stretch(), "mps2-an386").bit_exact


def test_budget_on_cortex_m4() -> None:
    """At most 60,000 instructions a hop, 12 kB of flash, 6 kB of RAM, start-up code and test harness included."""
    report = emulate_frontend(FrontendSettings(), stretch()[:16000])
    assert 20_000 < report.instructions <= 60_000
    assert 4_000 < report.flash_bytes <= 12_000
    assert 3_000 < report.ram_bytes <= 6_000
