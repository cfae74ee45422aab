"""Helper modules of this folder, and the settings and signals its tests share."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from frontend_signals import extreme_signals


@pytest.fixture(scope="session")
def extremes() -> dict[str, np.ndarray]:
    """One-second clips at the edges of what int16 can hold, by name."""
    return extreme_signals()


@pytest.fixture(scope="session")
def speech(recordings: Path) -> np.ndarray:
    """600 recorded clips of one second, int16 [600, 16000], the same at every run."""
    soundfile = pytest.importorskip("soundfile")
    files = sorted(path for path in recordings.glob("*/*") if path.suffix in (".wav", ".flac"))
    files = [path for path in files if not path.parent.name.startswith("_")]
    if not files:
        pytest.skip(f"no clips under {recordings}")
    chosen = [files[i] for i in np.linspace(0, len(files) - 1, 600).astype(int)]
    clips = np.zeros((len(chosen), 16000), np.int16)
    for row, path in zip(clips, chosen, strict=True):
        samples = soundfile.read(path, dtype="int16")[0][:16000]
        row[: len(samples)] = samples
    return clips
