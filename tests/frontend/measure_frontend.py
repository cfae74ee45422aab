"""Measures the front end: error against float64, speed on this computer, cost on emulated boards.

    python tests/frontend/measure_frontend.py [folder of recordings]

Without recordings, noise of many levels stands in for them. Instructions are counted by a QEMU plugin; they are
not cycles.
"""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

import numpy as np
from frontend_signals import extreme_signals

from firmware_export.boards import BOARDS
from firmware_export.emulation.example import emulate_frontend
from kws_tfmot.frontend import Frontend, FrontendSettings
from kws_tfmot.frontend.reference import reference_features

MEASURED = {
    "mfcc 10, 30/20 ms": FrontendSettings(),
    "log_mel 40, 30/20 ms": FrontendSettings(kind="log_mel"),
    "mfcc 10, 40/20 ms": FrontendSettings(window_ms=40),
    "mfcc 40, 30/20 ms": FrontendSettings(coefficients=40),
}


def load(folder: str | None, count: int = 1000) -> np.ndarray:
    """Clips of one second."""
    if folder is None:
        rng = np.random.default_rng(0)
        levels = 10 ** rng.uniform(0, 4, (count, 1))
        return np.clip(rng.standard_normal((count, 16000)) * levels, -32768, 32767).astype(np.int16)
    import soundfile

    files = sorted(path for path in Path(folder).glob("[!_]*/*") if path.suffix in (".wav", ".flac"))
    clips = np.zeros((min(count, len(files)), 16000), np.int16)
    for row, index in zip(clips, np.linspace(0, len(files) - 1, len(clips)).astype(int), strict=True):
        samples = soundfile.read(files[index], dtype="int16")[0][:16000]
        row[: len(samples)] = samples
    return clips


def error(settings: FrontendSettings, clips: np.ndarray) -> tuple[float, float]:
    """Largest and root-mean-square difference from float64, in int8 steps."""
    exact = np.array([np.clip(reference_features(settings, clip), -128, 127) for clip in clips])
    difference = Frontend(settings).features(clips) - exact
    return float(np.abs(difference).max()), float(np.sqrt(np.mean(difference**2)))


def speed(frontend: Frontend, clips: np.ndarray) -> float:
    """Clips a second, the best of three."""
    best = np.inf
    for _ in range(3):
        start = time.perf_counter()
        frontend.features(clips)
        best = min(best, time.perf_counter() - start)
    return len(clips) / best


def main() -> None:
    clips = load(sys.argv[1] if len(sys.argv) > 1 else None)
    print(f"{len(clips)} clips; error in int8 steps (rounding alone: 0.5, 0.289)")
    print(f"{'settings':24}{'max':>8}{'rms':>8}{'clipped':>10}{'std':>12}{'C clips/s':>12}{'NumPy':>8}")
    for name, settings in MEASURED.items():
        largest, rms = error(settings, clips[:300])
        features = Frontend(settings).features(clips)
        clipped = 100 * np.mean((features == -128) | (features == 127))
        deviation = features.std(axis=(0, 1))
        rates = speed(Frontend(settings, "c"), clips), speed(Frontend(settings, "numpy"), clips[:50])
        spread = f"{deviation.min():.0f}-{deviation.max():.0f}"
        print(f"{name:24}{largest:8.2f}{rms:8.3f}{clipped:9.3f}%{spread:>12}{rates[0]:12.0f}{rates[1]:8.0f}")
    worst = max((error(FrontendSettings(), signal[None])[0], name) for name, signal in extreme_signals().items())
    print(f"largest error of default settings on extreme signals: {worst[0]:.2f} ({worst[1]})")
    if not all(shutil.which(tool) for tool in ("arm-none-eabi-gcc", "qemu-system-arm")):
        print("no Arm toolchain: device not measured")
        return
    print(f"\n{'board, gcc -O2':32}{'instructions a hop':>20}{'flash':>8}{'RAM':>8}{'exact':>8}")
    for name, board in BOARDS.items():
        report = emulate_frontend(FrontendSettings(), extreme_signals()["chirp"], name)
        figures = f"{report.instructions:20,}{report.flash_bytes:8,}{report.ram_bytes:8,}{report.bit_exact!s:>8}"
        print(f"{name + ', ' + board.core:32}{figures}")


if __name__ == "__main__":
    main()
