"""Where masks are made, on whole stretches or on each window; which of two fronts is kept."""

from __future__ import annotations

import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from kws_tfmot.models import build_model
from kws_tfmot.models.model_settings import ModelSettings
from kws_tfmot.models.stored import save_stored
from kws_tfmot.recipe import Recipe, load_recipe
from kws_tfmot.runs import Run
from kws_tfmot.training.stream_settings import StreamTrainSettings, WindowSettings
from pipelines.stages import sparsify, train_streams
from pipelines.stages.build import Build
from pipelines.stages.train import initial_network
from pipelines.stages.train_streams import STATE, StreamTraining, _better_front


@pytest.mark.parametrize("windows", [None, WindowSettings()])
def test_features_are_masked_once(windows: WindowSettings | None) -> None:
    recipe = Recipe.parse({
        "name": "nova", "data": {"keywords": ["nova"]}, "frontend": {"kind": "microfrontend", "clip_ms": 1500},
        "model": {"name": "streaming_cnn"}, "quantization": {"mode": "ptq"}, "detection": {"stride_ms": 30},
    }, "recipe")  # fmt: skip
    build = SimpleNamespace(recipe=recipe, index=SimpleNamespace(labels=("nova", "_unknown_", "_silence_")))
    settings = StreamTrainSettings(windows=windows, frequency_masks=2, time_masks=4)
    training = StreamTraining(build, settings)  # type: ignore[arg-type]
    composed = (training.composed.frequency_masks, training.composed.time_masks)
    assert composed == ((0, 0) if windows else (2, 4))
    assert (training.job.frequency_masks, training.job.time_masks) == (2, 4)


class Scripted:
    """A training whose networks miss what a test says, in the order in which they are trained."""

    def __init__(self, missed: list[float], recorded: bool = True, local: bool = False, weights: str | None = None):
        self.notes: list[str] = []
        self.trained: list[tuple[Any, str]] = []
        self._missed = iter(missed)
        model = ModelSettings(name="streaming_cnn", local=local, weights=weights)
        self.build = SimpleNamespace(
            recipe=SimpleNamespace(model=model), reporter=SimpleNamespace(note=self.notes.append)
        )
        self.settings = StreamTrainSettings(either_front=True)
        self.speech = SimpleNamespace(recorded=recorded)

    def train(self, network, settings, key, draws, sparse=None, teacher=None, folder=STATE) -> dict[str, Any]:
        self.trained.append((network, folder))
        return {"validation_missed": next(self._missed), "of": network}

    def better(self) -> tuple[Any, dict[str, Any]]:
        first = self.train("first", self.settings, "key", None) | {"teachers": 0}
        return _better_front(self, "first", first, "key", lambda: "second", None)  # type: ignore[arg-type]


@pytest.mark.parametrize("local", [False, True])
@pytest.mark.parametrize(
    ("smaller", "larger", "kept"),
    [(0.3, 0.1, True), (0.4, 0.3, True), (0.4, 0.31, False), (0.1, 0.3, False), (0.2, 0.2, False), (0.0, 0.0, False)],
)
def test_the_larger_front_is_kept_where_it_hears_a_quarter_more(smaller, larger, kept: bool, local: bool) -> None:
    training = Scripted([larger, smaller] if local else [smaller, larger], local=local)
    network, figures = training.better()
    assert network == figures["of"] == ("first" if kept == local else "second")
    assert [name for name, _ in training.trained] == ["first", "second"]
    assert len({folder for _, folder in training.trained}) == 2  # either is resumed on its own
    assert figures["local"] == kept
    assert figures["validation_missed"] == (larger if kept else smaller)
    assert figures["validation_missed_with_other_local"] == (smaller if kept else larger)
    assert f"model.local={str(kept).lower()} is kept" in training.notes[-1]


@pytest.mark.parametrize(
    ("given", "said"), [({"recorded": False}, "too few recordings"), ({"weights": "zoo:alexa"}, "given weights")]
)
def test_where_nothing_could_choose_the_front_no_second_is_trained(given, said: str) -> None:
    training = Scripted([0.3], **given)
    assert training.better()[0] == "first"
    assert len(training.trained) == 1
    assert said in training.notes[-1]


@pytest.mark.parametrize("kept", [False, True])
def test_a_training_that_goes_on_has_the_front_that_was_kept(tmp_path: Path, kept: bool) -> None:
    recipe = Recipe.parse({
        "name": "nova", "data": {"keywords": ["nova"]}, "frontend": {"kind": "microfrontend", "clip_ms": 1500},
        "model": {"name": "streaming_cnn", "weights": str(tmp_path / "float.keras")}, "quantization": {"mode": "ptq"},
        "detection": {"stride_ms": 30}, "streams": {"either_front": True},
    }, "recipe")  # fmt: skip
    shape, labels = recipe.frontend.feature_shape, ("nova", "_unknown_", "_silence_")
    before = build_model(ModelSettings(name="streaming_cnn", local=kept), shape, len(labels))
    save_stored(before, tmp_path / "float.keras")
    (tmp_path / "recipe.yaml").write_text(recipe.to_yaml())
    notes: list[str] = []
    build = SimpleNamespace(
        recipe=recipe, index=SimpleNamespace(labels=labels), reporter=SimpleNamespace(note=notes.append)
    )
    after = initial_network(build)  # type: ignore[arg-type]
    assert [layer.name for layer in after.layers[1:]] == [layer.name for layer in before.layers[1:]]
    for mine, theirs in zip(after.get_weights(), before.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_a_sparse_training_on_streams_is_seeded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Else dropout in a process that has not trained the dense model differs from run to run."""
    monkeypatch.setattr(sparsify, "load_float", lambda *_: None)
    monkeypatch.setattr(sparsify, "_check_target", lambda *_: None)
    monkeypatch.setattr(train_streams, "sparsify_on_streams", lambda *_: (random.random(), {}))
    recipe = load_recipe("wake_word", ["data.keywords=[marigold]", "sparsity.method=mask_regrowth"])
    build = Build(recipe, "synthetic", Run(tmp_path))
    drawn = {sparsify._train_once(build, recipe.sparsity, "k")[0] for _ in range(2)}
    assert len(drawn) == 1
