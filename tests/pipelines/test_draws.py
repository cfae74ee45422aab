"""Which clips a stage sees: training clips alone for calibration, and draws of its own for every stage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kws_tfmot.frontend import Frontend
from kws_tfmot.recipe import Recipe
from kws_tfmot.runs import Run
from pipelines.stages import compress, epochs, fitting, low_bit, sparsify
from pipelines.stages.build import Build
from pipelines.stages.draws import Draws
from pipelines.stages.epochs import epochs_drawn
from pipelines.stages.train import train_dense

RATE = 16000
LABELS = ("up", "down", "_unknown_", "_silence_")


class Split:
    """Clips that sound different in every split."""

    def __init__(self, name: str) -> None:
        rng = np.random.default_rng(len(name))
        self.audio = rng.normal(0, 100 * 4 ** len(name) % 9000 + 200, (20, RATE)).astype(np.int16)
        self.labels = np.zeros(20, np.int32)

    def __len__(self) -> int:
        return len(self.audio)

    def gather(self, rows: np.ndarray) -> np.ndarray:
        return self.audio[rows]


class Index:
    """Notes which splits are asked for."""

    labels, noise = LABELS, None

    def __init__(self) -> None:
        self.asked: list[str] = []

    def sha256(self) -> str:
        return "0" * 64

    def audio(self, split: str) -> Split:
        self.asked.append(split)
        return Split(split)


def build_of(tmp_path: Path, **groups: Any) -> tuple[Build, Index]:
    values = {"model": {"name": "dnn", "width": 4, "blocks": 1}, "data": {"keywords": ["up", "down"]}}
    build, index = Build(Recipe.parse(values | groups), "synthetic", Run(tmp_path)), Index()
    build.__dict__["index"] = index
    return build, index


def test_activation_ranges_come_from_training_clips_alone(tmp_path: Path) -> None:
    build, index = build_of(tmp_path, quantization={"calibration_clips": 20})
    found = build.calibration()
    assert set(index.asked) == {"train"}
    expected = build.model_input(Frontend(build.recipe.frontend).features(Split("train").audio))
    np.testing.assert_array_equal(found, expected)


class Drawn(Exception):
    """A stage has asked for its epochs."""


STAGES = {
    "train": (train_dense, {}, Draws.DENSE),
    "sparsify": (compress.compress, {"sparsity": {"target": 0.5}, "quantization": {"mode": "ptq"}}, Draws.SPARSE),
    "cluster": (compress.compress, {"quantization": {"mode": "qat", "clusters": 4}}, Draws.CLUSTER),
    "quantize": (compress.compress, {"quantization": {"mode": "qat"}}, Draws.QUANTIZE),
    "low_bit": (compress.compress, {"quantization": {"mode": "qat", "low_bit": {"bits": 2}}}, Draws.QUANTIZE),
}


@pytest.mark.parametrize("name", STAGES)
def test_every_stage_draws_epochs_of_its_own(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage, groups, expected = STAGES[name]
    build, _ = build_of(tmp_path, **groups)
    from kws_tfmot.models import build_model

    features = np.zeros((8, *build.recipe.frontend.feature_shape, 1), np.float32)
    drawn: list[int] = []

    def fit(build, network, settings, stage, key, plugins, offset):
        drawn.append(offset)
        raise Drawn

    def statistics(build, offset, count):
        drawn.append(offset)
        return features

    def network(*_):
        return build_model(build.recipe.model, build.recipe.frontend.feature_shape, len(LABELS))

    monkeypatch.setattr(fitting, "fit", fit)
    monkeypatch.setattr(epochs, "steps_per_epoch", lambda _: 5)
    monkeypatch.setattr(epochs, "drawn_features", statistics)
    monkeypatch.setattr("kws_tfmot.quantization.tfmot_qat.apply_qat", lambda network, *_: network)
    monkeypatch.setattr(Build, "calibration", lambda _: features)
    for module in (sparsify, compress, low_bit):
        monkeypatch.setattr(module, "load_float", network)
    with pytest.raises(Drawn):
        stage(build)
    assert set(drawn) == {expected}


def test_other_draws_have_other_seeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build, _ = build_of(tmp_path)
    monkeypatch.setattr(epochs, "TrainingBatches", lambda *arguments: arguments[-1])
    seeds = {epochs.training_batches(build, draws) for draws in Draws}
    assert len(seeds) == len(Draws.__members__)  # two names of one number would be one draw


def test_what_is_drawn_beforehand_is_what_the_stages_draw() -> None:
    groups = {
        "train": {"epochs": 5},
        "sparsity": {"epochs": 4},
        "quantization": {"mode": "qat", "epochs": 3, "clusters": 4, "cluster_epochs": 2},
    }
    everything = {Draws.DENSE: 5, Draws.SPARSE: 4, Draws.CLUSTER: 2, Draws.QUANTIZE: 3}
    assert epochs_drawn(Recipe.parse(groups)) == everything
    rounded = Recipe.parse(groups | {"sparsity": None, "quantization": {"mode": "ptq"}})
    assert {draws: n for draws, n in epochs_drawn(rounded).items() if n} == {Draws.DENSE: 5}
