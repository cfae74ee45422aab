"""`kws build wake_word`: a detector from words alone, in small. Needs the extra ``tts``."""

from __future__ import annotations

from pathlib import Path

import pytest

from kws_tfmot.contract import ModelContract
from kws_tfmot.errors import RecipeError
from kws_tfmot.recipe import Recipe, load_recipe
from kws_tfmot.runs import Run
from pipelines.stages.build import Build
from pipelines.stages.convert import INT8_MODEL, convert_model
from pipelines.stages.prepare import prepare_data
from pipelines.stages.train import train_dense

pytest.importorskip("espeakng_loader")
_SMALL = (
    "data.keywords=[marigold]", "data.synthetic.speakers=10", "data.synthetic.clips_per_word=20",
    "data.synthetic.near_words=1", "data.synthetic.clips_per_unknown_word=3", "data.synthetic.engines=[espeak]",
    "data.synthetic.noise_seconds=10", "data.synthetic.unknown_words=[house,water,seven]",
    "model.width=8", "streams.epochs=3", "streams.fresh=32", "streams.replayed=32", "streams.validation=100",
    "streams.threshold_stretches=100", "streams.processes=1", "streams.speech.engines=[espeak]",
    "streams.speech.espeak=[40,20,20]", "convert.also=[]",
)  # fmt: skip


def _recipe(*more: str) -> Recipe:
    return load_recipe("wake_word", [*_SMALL, *more])


@pytest.mark.slow
def test_the_threshold_that_training_chose_is_in_the_model(tmp_path: Path) -> None:
    build = Build(_recipe(), "synthetic", Run(tmp_path / "run"), cache=tmp_path / "cache")
    for stage in (prepare_data, train_dense, convert_model):
        stage(build)
    found = ModelContract.of_model(build.run.path(INT8_MODEL)).detection
    assert found.threshold == build.run.figures("train")["threshold"] != 0.5
    assert not build.run.path("streams_state").exists()  # hundreds of megabytes in a real build


@pytest.mark.parametrize("override", ["sparsity={target: 0.5}", "quantization.mode=qat"])
def test_training_on_after_streams_is_refused_at_once(tmp_path: Path, override: str) -> None:
    build = Build(_recipe(override), "synthetic", Run(tmp_path / "run"), cache=tmp_path / "cache")
    with pytest.raises(RecipeError, match="neither sparsity nor"):
        train_dense(build)
