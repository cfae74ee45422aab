"""Fixtures that every package uses: small folders of clips, and the recordings where they are."""

from __future__ import annotations

import gc
import hashlib
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

ROOT = Path(__file__).resolve().parent.parent
RATE = 16000
Write = Callable[..., Path]


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of real recordings, in the layout of Speech Commands; tests that use it skip where it is missing."""
    default = ROOT.parent / "shared" / "data" / "speech_commands_subset"
    path = Path(os.environ.get("KWS_RECORDINGS", default))
    if not path.is_dir():
        pytest.skip(f"no recordings at {path}; set KWS_RECORDINGS to a folder in the layout of Speech Commands")
    return path


@pytest.fixture(scope="session")
def public_models() -> Path:
    """The folder of models that others made; tests that use it skip where it is missing."""
    path = Path(os.environ.get("KWS_PUBLIC_MODELS", ROOT.parent / "shared" / "models"))
    if not path.is_dir():
        pytest.skip(f"no models of others at {path}; set KWS_PUBLIC_MODELS to a folder of .tflite files")
    return path


@pytest.fixture(scope="session")
def wake_words() -> Path:
    """The folder of people saying wake words, a folder a word; tests that use it skip where it is missing."""
    path = Path(os.environ.get("KWS_WAKE_WORDS", ROOT.parent / "shared" / "data" / "wake_words"))
    if not path.is_dir():
        pytest.skip(f"no recordings of wake words at {path}; set KWS_WAKE_WORDS to a folder with a folder a word")
    return path


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


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep tests that share a fixture of their file on one worker; skip what needs tools that are not installed."""
    for item in items:
        if item.get_closest_marker("xdist_group") is None and _shares_a_fixture(item):
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))
    missing = [tool for tool in ("arm-none-eabi-gcc", "qemu-system-arm") if shutil.which(tool) is None]
    if not missing:
        return
    packages = "gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm"
    skip = pytest.mark.skip(reason=f"{', '.join(missing)} missing: apt-get install {packages}")
    for item in items:
        if "device" in item.keywords:
            item.add_marker(skip)


def pytest_collection_finish() -> None:
    """What was imported stays: the collector need not look through TensorFlow, nor look as often as by default."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 10)


def _shares_a_fixture(item: pytest.Item) -> bool:
    """Whether a test takes a fixture that is made once for its file: on two workers it would be made twice."""
    info = getattr(item, "_fixtureinfo", None)
    known = info.name2fixturedefs.values() if info else ()
    return any(definition.scope in ("class", "module") for definitions in known for definition in definitions[-1:])
