"""Training a detector on composed stretches: the dense training of recipes with a group ``streams``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kws_tfmot.data.stretch_features import Stretches, StretchFeatures, StretchJob
from kws_tfmot.data.stretch_speech import spoken, with_folders, with_recordings
from kws_tfmot.data.stretches import Speech
from kws_tfmot.errors import RecipeError
from kws_tfmot.files import replacing
from kws_tfmot.training.stream_settings import StreamTrainSettings
from pipelines.stages.build import Build

if TYPE_CHECKING:
    from kws_tfmot.keras import keras

CALIBRATION = "calibration.npz"
_VALIDATION_SHARES = (0.3, 0.0, 0.3, 0.4)  # a word cut short is no fair test, so none is in validation
_CALIBRATION_WINDOWS = 600


def train_streams(build: Build, network: keras.Model, settings: StreamTrainSettings) -> dict[str, Any]:
    """Train ``network`` on stretches, write windows to calibrate with, and return the figures, with the threshold.

    Raises:
        RecipeError: If the model is not of the family streaming_cnn, or a decision is not due every 3 frames.
    """
    from kws_tfmot.models.streaming_cnn import STRIDE
    from kws_tfmot.training.stream_training import train_on_streams

    recipe = build.recipe
    if recipe.model.name != "streaming_cnn" or recipe.detection.stride_ms != STRIDE * recipe.frontend.hop_ms:
        raise RecipeError(
            f"streams train model.name=streaming_cnn with detection.stride_ms={STRIDE * recipe.frontend.hop_ms}. "
            f"Received: {recipe.model.name}, {recipe.detection.stride_ms}"
        )
    train, held = _speech(build, settings)
    job = StretchJob(settings.stretch, recipe.frontend, STRIDE, len(build.index.labels), settings.after_ms,
                     settings.margin_ms, settings.frequency_masks)  # fmt: skip
    judged = job._replace(stretch=settings.stretch.model_copy(update={"shares": _VALIDATION_SHARES}), frequency_masks=0)
    with StretchFeatures(held, judged, settings.processes) as maker:
        held_out = maker.draw([recipe.seed, 0], settings.validation)
    smoothing = max(1, round(recipe.detection.smoothing_ms / recipe.detection.stride_ms))
    with StretchFeatures(train, job, settings.processes) as maker:
        result = train_on_streams(
            network, maker, held_out, job, settings, recipe.seed, smoothing, reporter=build.reporter
        )
    with replacing(build.run.path(CALIBRATION)) as temporary:
        np.savez(temporary, windows=_windows(held_out, recipe.frontend.frames, recipe.seed))
    score = result.score
    if score is None:
        return {"epochs": 0}
    return {
        "epochs": len(result.history),
        "selected_epoch": result.selected_epoch + 1,
        "validation_missed": score.missed,
        "validation_hours": score.hours,
        "validation_keywords": score.keywords,
        "threshold": round(score.threshold, 4),
    }


def _speech(build: Build, settings: StreamTrainSettings) -> tuple[Speech, Speech]:
    recipe, index = build.recipe, build.index
    rate, keywords = recipe.data.sample_rate, recipe.data.keywords
    train, held = spoken(keywords, settings.speech, recipe.seed, build.cache, rate, build.reporter)
    train, notes = with_folders(train, settings.speech.negatives, rate)
    for note in notes:
        build.reporter.note(note)
    audio = index.audio("train")
    places = np.flatnonzero(audio.recorded)
    if len(places):
        clips = [(audio.words[k], audio.gather(np.array([k]))[0]) for k in places]
        stretches = [index.noise.samples[s.first : s.last] for s in index.noise.stretches("train")
                     if s.name.startswith("recorded/")]  # fmt: skip
        train = with_recordings(train, clips, stretches, keywords, rate)
    return train, held


def _windows(held_out: Stretches, frames: int, seed: int) -> np.ndarray:
    """Windows at random moments, and the last ones of keywords, to set activation ranges with."""
    rng = np.random.default_rng([seed, 0xCA1])
    places = rng.integers(len(held_out.features), size=_CALIBRATION_WINDOWS)
    firsts = rng.integers(held_out.features.shape[1] - frames + 1, size=_CALIBRATION_WINDOWS)
    return np.stack([held_out.features[k, f : f + frames] for k, f in zip(places, firsts, strict=True)])
