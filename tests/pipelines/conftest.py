"""A small spoken-like data set of tones, and one build of it that many tests look at."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

RATE = 16000
# word -> (first, last) frequency of its sweep; the last two are other words
WORDS = {"up": (400, 1600), "down": (1600, 400), "flat": (900, 900), "high": (3000, 3200)}
RECIPE = """
name: tiny
seed: 3
data: {keywords: [up, down], split: percent, percent: [60, 20, 20]}
augment: {epoch_clips: 300, speed_probability: 0, spliced_unknown: 0, reversed_unknown: 0, noise_snr_db: [10, 40]}
model: {name: ds_cnn, width: 8, blocks: 1}
train: {epochs: 6, batch_size: 25, warmup_epochs: 1, learning_rate: 0.02}
sparsity: {target: 0.75, epochs: 3, end: 0.5, frequency: 4}
quantization: {mode: qat, epochs: 1, calibration_clips: 50}
convert: {also: [float32, sparse_int8]}
"""
# Wide and long enough to tell silence at every level from the tones.
LONGER = (
    RECIPE.replace("width: 8", "width: 16")
    .replace("epochs: 6, ", "epochs: 12, ")
    .replace("epochs: 3, end: 0.5, frequency: 4", "epochs: 6, end: 0.5, frequency: 4, learning_rate: 0.01")
    .replace("mode: qat, epochs: 1", "mode: qat, epochs: 2, learning_rate: 0.002")
)


@dataclass(frozen=True)
class TinyBuild:
    """What a build left behind, and how to build again."""

    data: str
    recipe: Path
    directory: Path
    output: str

    @property
    def metrics(self) -> dict:
        return json.loads((self.directory / "metrics.json").read_text())


def run(module: str, *arguments: object):
    """Run a stage's command in this process and return typer's result; none prints a table of over 80 columns."""
    import importlib

    import typer

    app = typer.Typer()
    app.command()(importlib.import_module(f"pipelines.{module}").command)
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert [row for row in result.output.splitlines() if set(row) == {"─"} and len(row) > 80] == []
    return result


@pytest.fixture(autouse=True)
def short_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    """Comparisons, sweeps and supernets judge on streams of a minute, where they do in this process."""
    monkeypatch.setattr("pipelines.stages.stream.HOURS", 0.02)


@pytest.fixture(scope="session")
def tone_folder(tmp_path_factory) -> Path:
    """Four "words" of thirty "speakers", in the layout of Speech Commands."""
    root = tmp_path_factory.mktemp("tones")
    rng = np.random.default_rng(0)
    time = np.arange(RATE) / RATE
    for word, (first, last) in WORDS.items():
        (root / word).mkdir()
        for speaker in range(30):
            pitch = 0.9 + 0.2 * speaker / 30
            phase = 2 * np.pi * pitch * (first * time + (last - first) * time**2 / 2)
            clip = 6000 * np.sin(phase) * np.hanning(RATE) + rng.normal(0, 100, RATE)
            name = f"{speaker:04x}abcd_nohash_0.wav"
            soundfile.write(root / word / name, clip.astype(np.int16), RATE)
    (root / "_background_noise_").mkdir()
    soundfile.write(root / "_background_noise_" / "hum.wav", rng.normal(0, 800, 20 * RATE).astype(np.int16), RATE)
    return root


@pytest.fixture(scope="session")
def tiny_build(tone_folder, tmp_path_factory) -> TinyBuild:
    """`kws build` of the tiny recipe, once for all tests."""
    base = tmp_path_factory.mktemp("tiny")
    recipe = base / "tiny.yaml"
    recipe.write_text(LONGER)
    data = f"folder:{tone_folder}"
    result = run("build", recipe, "--data", data, "--out", base / "run")
    assert result.exit_code == 0, result.output
    return TinyBuild(data, recipe, base / "run", result.output)
