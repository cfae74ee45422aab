"""Signals and settings that several test modules use."""

from __future__ import annotations

import numpy as np

from kws_tfmot.frontend import FrontendSettings

RATE = 16000

SETTINGS = {
    "default": FrontendSettings(),
    "log_mel": FrontendSettings(kind="log_mel"),
    "40_ms": FrontendSettings(window_ms=40, mels=64, coefficients=20),
    "25_ms": FrontendSettings(window_ms=25, hop_ms=10, mels=20, coefficients=20, high_hz=4000),
    "8_kHz": FrontendSettings(kind="log_mel", sample_rate=8000, high_hz=4000, mels=24, noise_floor=-6),
    "shortest_fft": FrontendSettings(window_ms=4, hop_ms=2, mels=4, coefficients=4, clip_ms=100),
    "longest_fft": FrontendSettings(window_ms=128, hop_ms=64, mels=80, coefficients=40, low_hz=0),
    "padded": FrontendSettings(window_ms=30, fft_size=2048, mels=41, coefficients=13, noise_floor=3),
    "no_overlap": FrontendSettings(window_ms=20, hop_ms=20, mels=21, coefficients=21),
}

MICRO_SETTINGS = {
    "micro": FrontendSettings(kind="microfrontend"),
    "micro_20_ms": FrontendSettings(kind="microfrontend", hop_ms=20),
    "micro_25_ms": FrontendSettings(kind="microfrontend", window_ms=25, mels=32),
    "micro_64_ms": FrontendSettings(kind="microfrontend", window_ms=64, hop_ms=32, mels=64, low_hz=60, high_hz=7900),
    "micro_8_kHz": FrontendSettings(kind="microfrontend", sample_rate=8000, mels=20, high_hz=3900),
    "micro_short": FrontendSettings(kind="microfrontend", window_ms=4, hop_ms=2, mels=24, clip_ms=100),
}


def extreme_signals(samples: int = RATE) -> dict[str, np.ndarray]:
    time = np.arange(samples) / RATE
    rng = np.random.default_rng(1)
    sign = np.where(rng.random(samples) < 0.5, -1, 1)
    signals = {
        "digital zero": np.zeros(samples),
        "most negative": np.full(samples, -32768),
        "full-scale square": np.where(np.sin(2 * np.pi * 437 * time) >= 0, 32767, -32768),
        "alternating": np.where(np.arange(samples) % 2, 32767, -32768),
        "impulse": np.where(np.arange(samples) % 4000 == 700, 32767, 0),
        "full-scale sine": 32767 * np.sin(2 * np.pi * 1000 * time),
        "two tones": 16000 * np.sin(2 * np.pi * 300 * time) + 16 * np.sin(2 * np.pi * 6000 * time),
        "loudest noise": 32767 * sign,
        "white noise": 3000 * rng.standard_normal(samples),
        "one step": (sign + 1) // 2,
        "chirp": 20000 * np.sin(2 * np.pi * (50 + 3900 * time / 2) * time),
    }
    return {name: np.clip(np.rint(signal), -32768, 32767).astype(np.int16) for name, signal in signals.items()}
