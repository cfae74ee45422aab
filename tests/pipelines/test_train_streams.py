"""Where masks are made: on whole stretches as they are composed, or on each window as it is drawn."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from kws_tfmot.recipe import Recipe
from kws_tfmot.training.stream_settings import StreamTrainSettings, WindowSettings
from pipelines.stages.train_streams import StreamTraining


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
