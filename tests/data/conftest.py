"""Small folders in the layout of Speech Commands, made of tones and noise; and the recordings, where they are."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_tfmot.data import DataSettings

RATE = 16000
Write = Callable[..., Path]


@pytest.fixture(scope="session")
def burst() -> Callable[..., np.ndarray]:
    """A word-like burst of noise, different for every name."""

    def make(name: str, samples: int = RATE, centre: float = 0.5, level: float = 4000.0) -> np.ndarray:
        rng = np.random.default_rng(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little"))
        envelope = np.exp(-(((np.arange(samples) / RATE - centre * samples / RATE) / 0.1) ** 2))
        return (rng.standard_normal(samples) * envelope * level).astype(np.int16)

    return make


@pytest.fixture(scope="session")
def write_clip() -> Write:
    def write(path: Path, samples: np.ndarray, rate: int = RATE, subtype: str = "PCM_16") -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(str(path), samples, rate, subtype=subtype)
        return path

    return write


@pytest.fixture(scope="session")
def make_folder(write_clip: Write, burst: Callable[..., np.ndarray]) -> Callable[..., Path]:
    """Write ``speakers`` clips of every word, a clip a speaker, and one background noise."""

    def make(
        root: Path,
        words: Sequence[str] = ("go", "stop", "happy", "bird"),
        speakers: int = 30,
        noise_seconds: float = 40.0,
        suffix: str = ".wav",
    ) -> Path:
        for word in words:
            for number in range(speakers):
                name = f"{hashlib.sha1(str(number).encode()).hexdigest()[:8]}_nohash_0{suffix}"
                write_clip(root / word / name, burst(f"{word}/{name}"))
        if noise_seconds:
            rng = np.random.default_rng(5)
            noise = (rng.standard_normal(int(noise_seconds * RATE)) * 300).astype(np.int16)
            write_clip(root / "_background_noise_" / "fan.wav", noise)
        return root

    return make


@pytest.fixture(scope="session")
def small_folder(make_folder: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="session")
def small_settings() -> DataSettings:
    return DataSettings(keywords=("go", "stop"), split="percent", percent=(70, 15, 15))
