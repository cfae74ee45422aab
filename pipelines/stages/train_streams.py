"""Training a detector on composed stretches: the dense training of recipes with a group ``streams``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kws_tfmot.data.audio import Int16
from kws_tfmot.data.long_recordings import pieces_of
from kws_tfmot.data.stretch_features import Stretches, StretchFeatures, StretchJob
from kws_tfmot.data.stretch_speech import spoken, with_recordings
from kws_tfmot.data.stretches import Speech
from kws_tfmot.errors import RecipeError
from kws_tfmot.files import replacing
from kws_tfmot.training.stream_judge import threshold_for
from kws_tfmot.training.stream_settings import StreamTrainSettings
from kws_tfmot.training.stream_state import StreamState
from pipelines.stages.build import Build

if TYPE_CHECKING:
    from kws_tfmot.keras import keras

CALIBRATION = "calibration.npz"
STATE = "streams_state"
_VALIDATION_SHARES = (0.3, 0.0, 0.3, 0.4)  # a word cut short is no fair test, so none is in validation
_EVERYDAY_SHARES = (0.0, 0.0, 0.1, 0.9)  # what the threshold is chosen on: talk, and few words that sound near
_AS_SPOKEN = {"time_warp": 0.0, "scrambled_share": 0.0}
_HOURS_OF_NEGATIVES = 4.0
_CALIBRATION_WINDOWS = 600


def train_streams(build: Build, network: keras.Model, settings: StreamTrainSettings, key: str) -> dict[str, Any]:
    """Train ``network`` on stretches, write windows to calibrate with, and return the figures, with the threshold.

    An interrupted training of the same ``key`` goes on after its last whole epoch.

    Raises:
        RecipeError: If the model is not of the family streaming_cnn, a decision is not due every 3 frames, or the
            recipe trains on after this.
    """
    from kws_tfmot.models.streaming_cnn import STRIDE
    from kws_tfmot.training.stream_training import posteriors_of, train_on_streams

    recipe = build.recipe
    if recipe.model.name != "streaming_cnn" or recipe.detection.stride_ms != STRIDE * recipe.frontend.hop_ms:
        raise RecipeError(
            f"streams train model.name=streaming_cnn with detection.stride_ms={STRIDE * recipe.frontend.hop_ms}. "
            f"Received: {recipe.model.name}, {recipe.detection.stride_ms}"
        )
    later = recipe.sparsity or recipe.quantization.low_bit or recipe.quantization.mode == "qat"
    if later:
        # Those train on single clips, which would undo what streams taught.
        raise RecipeError(
            "a recipe with streams takes quantization.mode=ptq and neither sparsity nor quantization.low_bit: these "
            "would train on single clips what was trained on streams. "
            f"Received: sparsity={'set' if recipe.sparsity else 'null'}, quantization.mode={recipe.quantization.mode}, "
            f"low_bit={'set' if recipe.quantization.low_bit else 'null'}.",
            "Leave them out, or make the model smaller with model.size=s.",
        )
    train, held = _speech(build, settings)
    job = StretchJob(settings.stretch, recipe.frontend, STRIDE, len(build.index.labels), settings.after_ms,
                     settings.margin_ms, settings.frequency_masks, settings.time_masks)  # fmt: skip
    judged = job._replace(
        stretch=settings.stretch.model_copy(update={"shares": _VALIDATION_SHARES, **_AS_SPOKEN}),
        frequency_masks=0, time_masks=0,
    )  # fmt: skip
    with StretchFeatures(held, judged, settings.processes) as maker:
        held_out = maker.draw([recipe.seed, 0], settings.validation)
    smoothing = max(1, round(recipe.detection.smoothing_ms / recipe.detection.stride_ms))
    state = StreamState(build.run.path(STATE), key)
    with StretchFeatures(train, job, settings.processes) as maker:
        result = train_on_streams(
            network, maker, held_out, job, settings, recipe.seed, smoothing, reporter=build.reporter, state=state
        )
    with replacing(build.run.path(CALIBRATION)) as temporary:
        np.savez(temporary, windows=_windows(held_out, recipe.frontend.frames, recipe.seed))
    score = result.score
    if score is None:
        return {"epochs": 0}
    everyday = judged._replace(stretch=settings.stretch.model_copy(update={"shares": _EVERYDAY_SHARES, **_AS_SPOKEN}))
    with StretchFeatures(held, everyday, settings.processes) as maker:
        alarms = maker.draw([recipe.seed, 3], settings.threshold_stretches)
    step_s = recipe.detection.stride_ms / 1000
    posteriors = posteriors_of(network, alarms.features, recipe.frontend.scale)
    threshold = threshold_for(posteriors, alarms.targets, smoothing, step_s, settings.threshold_per_hour)
    return {
        "epochs": len(result.history),
        "selected_epoch": result.selected_epoch + 1,
        "validation_missed": score.missed,
        "validation_hours": score.hours,
        "validation_keywords": score.keywords,
        "threshold": round(threshold, 4),
        "threshold_hours": alarms.targets.size * step_s / 3600,
    }


def _speech(build: Build, settings: StreamTrainSettings) -> tuple[Speech, Speech]:
    """Speech to train with and of held-out voices, with the user's negatives and recordings."""
    recipe = build.recipe
    rate, keywords = recipe.frontend.sample_rate, recipe.data.keywords
    train, held = spoken(keywords, settings.speech, recipe.seed, build.cache, rate, build.reporter)
    if recipe.data.negatives:
        pieces, notes = pieces_of(recipe.data.negatives, rate, _HOURS_OF_NEGATIVES, recipe.seed)
        for note in notes:
            build.reporter.note(note)
        train, held = (_with_pieces(*pair) for pair in ((train, pieces[::2] + pieces[3::4]), (held, pieces[1::4])))
    return _with_own(build, train, "train"), _with_own(build, held, "validation")


def _with_pieces(speech: Speech, pieces: list[Int16]) -> Speech:
    return speech._replace(talk=speech.talk + tuple(pieces), noise=speech.noise + tuple(pieces))


def _with_own(build: Build, speech: Speech, split: str) -> Speech:
    """``speech`` with the recordings that the split has, if any."""
    index, data = build.index, build.recipe.clips
    audio = index.audio(split)
    places = np.flatnonzero(audio.recorded)
    if not len(places):
        return speech
    clips = [(audio.words[k], audio.gather(np.array([k]))[0]) for k in places]
    stretches = [index.noise.samples[s.first : s.last] for s in index.noise.stretches(split)
                 if s.name.startswith("recorded/")]  # fmt: skip
    return with_recordings(speech, clips, stretches, data.keywords, data.sample_rate)


def _windows(held_out: Stretches, frames: int, seed: int) -> np.ndarray:
    """Windows at random moments, and the last ones of keywords, to set activation ranges with."""
    rng = np.random.default_rng([seed, 0xCA1])
    places = rng.integers(len(held_out.features), size=_CALIBRATION_WINDOWS)
    firsts = rng.integers(held_out.features.shape[1] - frames + 1, size=_CALIBRATION_WINDOWS)
    return np.stack([held_out.features[k, f : f + frames] for k, f in zip(places, firsts, strict=True)])
