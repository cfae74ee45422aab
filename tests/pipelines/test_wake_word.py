"""`kws build wake_word`: a detector from words alone, in small. Needs the extra ``tts``."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from kws_tfmot.contract import ModelContract
from kws_tfmot.data.espeak_library import SpokenText, speak_all
from kws_tfmot.data.stretch_features import Stretches
from kws_tfmot.errors import RecipeError
from kws_tfmot.recipe import Recipe, load_recipe
from kws_tfmot.runs import Run
from pipelines.stages import train_streams
from pipelines.stages.build import Build
from pipelines.stages.continuation import continuation
from pipelines.stages.convert import INT8_MODEL, convert_model
from pipelines.stages.prepare import prepare_data
from pipelines.stages.stream_speech import voices_asked
from pipelines.stages.train import train_dense
from pipelines.stages.train_streams import StreamTraining

pytest.importorskip("espeakng_loader")
_SMALL = (
    "data.keywords=[marigold]", "data.synthetic.speakers=10", "data.synthetic.clips_per_word=20",
    "data.synthetic.near_words=1", "data.synthetic.clips_per_unknown_word=3", "data.synthetic.engines=[espeak]",
    "data.synthetic.noise_seconds=10", "data.synthetic.unknown_words=[house,water,seven]",
    "model.width=8", "streams.epochs=3", "streams.teachers=2", "streams.fresh=32", "streams.batch_size=32",
    "streams.replayed=32", "streams.validation=100",
    "streams.threshold_stretches=100", "streams.processes=1", "streams.speech.engines=[espeak]",
    "streams.speech.espeak=[40,20,20]", "convert.also=[]",
)  # fmt: skip


def _recipe(*more: str) -> Recipe:
    return load_recipe("wake_word", [*_SMALL, *more])


def test_language_other_words_and_folders_of_voices_are_those_of_the_streams_too() -> None:
    given = 'data.synthetic.engines=[espeak,"piper:voices"]', "data.synthetic.language=de"
    asked = voices_asked(_recipe(*given))
    assert asked == {"language": "de", "words": ("house", "water", "seven"), "folders": ("piper:voices",)}


def test_the_threshold_is_chosen_in_talk_without_long_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the pauses that train there are fewer words an hour, and so fewer false accepts."""
    drawn: list[dict[str, float]] = []

    def held(*_: object, **changes: float) -> Stretches:
        drawn.append(changes)
        return Stretches(np.zeros((2, 9, 1), np.int8), np.zeros((2, 4), np.int8), np.zeros((2, 4), np.int16))

    monkeypatch.setattr("kws_tfmot.training.stream_training.posteriors_of", lambda *_: np.zeros((2, 4, 3)))
    monkeypatch.setattr(train_streams, "threshold_for", lambda *_: 0.61234)
    recipe = load_recipe("wake_word", ["data.keywords=[marigold]"])
    training = SimpleNamespace(build=SimpleNamespace(recipe=recipe), settings=recipe.streams, smoothing=8,
                               speech=SimpleNamespace(recorded=False), _held=held)  # fmt: skip
    score = SimpleNamespace(missed=0.25, hours=1.5, keywords=100)
    result = SimpleNamespace(score=score, history=[score], selected_epoch=0)
    found = StreamTraining._figures(training, None, result)
    assert recipe.streams is not None and recipe.streams.stretch.quiet_before > 0
    assert drawn == [{"quiet_before": 0.0}] and found["threshold"] == 0.6123 and found["validation_missed"] == 0.25


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["sparsity={}"], "tfmot_magnitude"),
        (["sparsity.method=mask_regrowth", "sparsity.shrink=true"], "shrink"),
        (["quantization.mode=qat"], "mode=qat"),
        (["quantization.low_bit={}"], "low_bit=set"),
    ],
)
def test_what_streams_do_not_train_is_refused_with_a_way_out_that_works(
    tmp_path: Path, overrides: list[str], said: str
) -> None:
    def check(*more: str) -> None:
        """What the training on streams refuses."""
        recipe = load_recipe("wake_word", ["data.keywords=[marigold]", *overrides, *more])
        StreamTraining(Build(recipe, "synthetic", Run(tmp_path)), recipe.streams)

    with pytest.raises(RecipeError, match=said) as refusal:
        check()
    if "Set " in refusal.value.hint:
        check(refusal.value.hint.removeprefix("Set ").removesuffix("."))


@pytest.mark.slow
def test_the_threshold_that_training_chose_is_in_the_model(tmp_path: Path) -> None:
    build = Build(_recipe(), "synthetic", Run(tmp_path / "run"), cache=tmp_path / "cache")
    for stage in (prepare_data, train_dense, convert_model):
        stage(build)
    found = ModelContract.of_model(build.run.path(INT8_MODEL)).detection
    assert found.threshold == build.run.figures("train")["threshold"] != 0.5
    assert build.run.figures("train")["teachers"] == 2
    # Hundreds of megabytes in a real build.
    assert not build.run.path("streams_state").exists() and not build.run.path("streams_teachers").exists()


@pytest.mark.slow
def test_a_detector_goes_on_with_what_was_collected(tmp_path: Path) -> None:
    """Two trainings in small: the second begins with the first's weights and hears the new recordings too."""
    cache = tmp_path / "cache"
    first = Build(_recipe(), "synthetic", Run(tmp_path / "first"), cache=cache)
    for stage in (prepare_data, train_dense):
        stage(first)
    (said, _), rate = speak_all([SpokenText("marigold", "en+m1"), SpokenText("mary", "en+f2")])
    for name in ("marigold/anna", "not_marigold/tv", "_negatives_/evening"):
        (tmp_path / "new" / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / "new" / f"{name}.wav", np.pad(said, (rate, rate)), rate)
    going = continuation(str(tmp_path / "first"), tmp_path / "new")
    notes: list[str] = []
    reporter = SimpleNamespace(task=first.reporter.task, note=notes.append)
    second = Build(load_recipe(going.recipe, going.overrides), going.source, Run(going.folder()), reporter, cache)
    for stage in (prepare_data, train_dense, convert_model):
        stage(second)
    assert second.recipe.seed == first.recipe.seed and second.run.directory == tmp_path / "first-2"
    assert second.run.figures("prepare")["speech"]["train"]["recorded"] == 1
    assert any(note.startswith("begins with") and "new:" not in note for note in notes)
    assert second.run.path(INT8_MODEL).is_file()


@pytest.mark.parametrize(
    ("override", "reason"),
    [
        ("quantization.mode=qat", "on single clips"),
        ("sparsity={method: tfmot_magnitude, target: 0.5}", "method=tfmot_magnitude"),
        ("sparsity={method: iterative, target: 0.5}", "method=iterative"),
        ("sparsity={method: mask_regrowth, target: 0.5, shrink: true}", "shrink=true"),
    ],
)
def test_what_would_train_on_single_clips_after_streams_is_refused_at_once(
    tmp_path: Path, override: str, reason: str
) -> None:
    build = Build(_recipe(override), "synthetic", Run(tmp_path / "run"), cache=tmp_path / "cache")
    with pytest.raises(RecipeError, match=reason):
        train_dense(build)
