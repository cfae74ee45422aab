"""Training a detector on composed stretches: the dense and the sparse training of recipes with a group ``streams``."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kws_tfmot.array_files import check_seal, open_arrays, write_arrays
from kws_tfmot.data.stretch_features import Stretches, StretchFeatures, StretchJob
from kws_tfmot.errors import RecipeError
from kws_tfmot.sparsity.sparsity_settings import Iterative, SparsitySettings, TfmotMagnitude
from kws_tfmot.training.saved_state import reading_state
from kws_tfmot.training.stream_judge import threshold_for
from kws_tfmot.training.stream_settings import StreamTrainSettings
from kws_tfmot.training.stream_state import StreamState
from pipelines.stages.build import Build
from pipelines.stages.draws import Draws
from pipelines.stages.stream_speech import StreamSpeech, speech_of

if TYPE_CHECKING:
    from kws_tfmot.keras import keras
    from kws_tfmot.training.stream_step import Teacher
    from kws_tfmot.training.stream_training import SparseStreams, StreamTrainResult

CALIBRATION = "calibration.npz"
STATE, OTHER, TEACHERS = "streams_state", "streams_other", "streams_teachers"
_TEACHER_SEEDS = 1_000_003  # keeps their stretches apart from one another and from the student's
_VALIDATION_SHARES = (0.3, 0.0, 0.3, 0.4)  # a word cut short is no fair test, so none is in validation
_EVERYDAY_SHARES = (0.0, 0.0, 0.1, 0.9)  # what the threshold is chosen on: talk, and few words that sound near
# With recordings of people to validate on: their words one after the other, as they are, and some talk.
_RECORDED_SHARES, _RECORDED_OTHERS = (0.3, 0.0, 0.55, 0.15), (0.0, 0.0, 0.8, 0.2)
_AS_SPOKEN: dict[str, Any] = {"time_warp": 0.0, "frequency_warp": 0.0, "scrambled_share": 0.0}
_AS_RECORDED: dict[str, Any] = {
    "vocal_tract": (1.0, 1.0), "wander": 0.0, "room_probability": 0.0, "equaliser_probability": 0.0,
    "noise_snr_db": (10.0, 40.0),
}  # fmt: skip
_CALIBRATION_WINDOWS = 600
_WORTH_IT = 0.75  # the share of the smaller network's misses that the larger one may have


class StreamTraining:
    """What the dense and the sparse training on streams have in common.

    Raises:
        RecipeError: If the model is not of the family streaming_cnn, a decision is not due every 3 frames, or the
            recipe trains on single clips after this.
    """

    def __init__(self, build: Build, settings: StreamTrainSettings) -> None:
        from kws_tfmot.models.streaming_cnn import STRIDE

        _check(build, STRIDE)
        self.build, self.settings = build, settings
        self.job = StretchJob(settings.stretch, build.recipe.frontend, STRIDE, len(build.index.labels),
                              settings.after_ms, settings.margin_ms, settings.frequency_masks,
                              settings.time_masks)  # fmt: skip
        # Windows are masked when they are drawn, each anew.
        self.composed = self.job._replace(frequency_masks=0, time_masks=0) if settings.windows else self.job

    @cached_property
    def speech(self) -> StreamSpeech:
        """What is said, to train with and by held-out voices."""
        return speech_of(self.build, self.settings)

    @cached_property
    def held_out(self) -> Stretches:
        """The stretches that choose the weights."""
        return self._held(_RECORDED_SHARES if self.speech.recorded else _VALIDATION_SHARES, 0, self.settings.validation)

    @property
    def smoothing(self) -> int:
        """Decisions under the detector's moving average."""
        detection = self.build.recipe.detection
        return max(1, round(detection.smoothing_ms / detection.stride_ms))

    def train(
        self, network: keras.Model, settings: StreamTrainSettings, key: str, draws: Draws,
        sparse: SparseStreams | None = None, teacher: Teacher | None = None, folder: str = STATE,
    ) -> dict[str, Any]:  # fmt: skip
        """Train ``network`` in place and return the figures, with the threshold that the detector gets.

        An interrupted training of the same ``key`` and ``folder`` goes on after its last whole epoch.
        """
        seed = self.build.recipe.seed + 100_003 * draws
        state = StreamState(self.build.run.path(folder), key)
        with StretchFeatures(self.speech.train, self.composed, settings.processes) as maker:
            result = self._trained(network, maker, settings, seed, state, sparse, teacher)
        return self._figures(network, result)

    def teacher(self, network: keras.Model, settings: StreamTrainSettings, key: str) -> Teacher | None:
        """``settings.teachers`` networks like ``network``, trained from other weights on other stretches.

        Those that an interrupted training of the same ``key`` had finished are read again.
        """
        from kws_tfmot.keras import keras, seed_everything
        from kws_tfmot.training.stream_step import Teacher

        if not settings.teachers or self.build.recipe.model.weights:
            return None
        networks = []
        hard = settings.model_copy(update={"temperature": 1.0})  # a teacher's logits are what the student's are
        with StretchFeatures(self.speech.train, self.composed, settings.processes) as maker:
            for number in range(1, settings.teachers + 1):
                seed = self.build.recipe.seed + _TEACHER_SEEDS * number
                seed_everything(seed)
                networks.append(keras.models.clone_model(network))
                path = self.build.run.path(f"{TEACHERS}/{number}.npz")
                if _restored(networks[-1], path, key):
                    continue
                state = StreamState(self.build.run.path(f"{TEACHERS}/state"), f"{key} teacher {number}")
                self.build.reporter.note(f"teacher {number} of {settings.teachers}")
                self._trained(networks[-1], maker, hard, seed, state)
                _keep(networks[-1], path, key)
                state.clear()
        seed_everything(self.build.recipe.seed)
        return Teacher(tuple(networks), settings.teaching)

    def _trained(
        self, network: keras.Model, maker: StretchFeatures, settings: StreamTrainSettings, seed: int,
        state: StreamState, sparse: SparseStreams | None = None, teacher: Teacher | None = None,
    ) -> StreamTrainResult:  # fmt: skip
        from kws_tfmot.training.stream_training import train_on_streams

        return train_on_streams(
            network, maker, self.held_out, self.job, settings, seed, self.smoothing,
            reporter=self.build.reporter, state=state, sparse=sparse, teacher=teacher,
            words=self.speech.train.word_classes,
        )  # fmt: skip

    def _figures(self, network: keras.Model, result: StreamTrainResult) -> dict[str, Any]:
        from kws_tfmot.training.stream_training import posteriors_of

        score, recipe = result.score, self.build.recipe
        if score is None:
            return {"epochs": 0}
        shares = _RECORDED_OTHERS if self.speech.recorded else _EVERYDAY_SHARES
        # An hour of talk, not of talk with long pauses: there would be fewer false accepts in it.
        alarms = self._held(shares, 3, self.settings.threshold_stretches, quiet_before=0.0)
        step_s = recipe.detection.stride_ms / 1000
        posteriors = posteriors_of(network, alarms.features, recipe.frontend.scale)
        threshold = threshold_for(posteriors, alarms.targets, self.smoothing, step_s, self.settings.threshold_per_hour)
        return {
            "epochs": len(result.history),
            "selected_epoch": result.selected_epoch + 1,
            "validation_missed": score.missed,
            "validation_hours": score.hours,
            "validation_keywords": score.keywords,
            "threshold": round(threshold, 4),
            "threshold_hours": alarms.targets.size * step_s / 3600,
        }

    def _held(self, shares: tuple[float, float, float, float], number: int, count: int, **more: float) -> Stretches:
        changes = {"shares": shares, **_AS_SPOKEN, **(_AS_RECORDED if self.speech.recorded else {}), **more}
        stretch = self.settings.stretch.model_copy(update=changes)
        judged = self.job._replace(stretch=stretch, frequency_masks=0, time_masks=0)
        with StretchFeatures(self.speech.held, judged, self.settings.processes) as maker:
            return maker.draw([self.build.recipe.seed, number], count)


def train_streams(
    build: Build, network: keras.Model, settings: StreamTrainSettings, key: str, other: Callable[[], keras.Model]
) -> tuple[keras.Model, dict[str, Any]]:
    """Train the dense ``network`` on stretches, write windows to calibrate with; the network kept and its figures.

    Args:
        build: What is built.
        network: The recipe's, before training.
        settings: How it is trained.
        key: Of the stage.
        other: Makes the network with the other value of ``model.local``, for ``either_front``.

    Raises:
        RecipeError: As :class:`StreamTraining`.
    """
    training = StreamTraining(build, settings)
    teacher = training.teacher(network, settings, key)
    figures = training.train(network, settings, key, Draws.DENSE, teacher=teacher)
    figures["teachers"] = len(teacher.networks) if teacher else 0
    if settings.either_front:
        network, figures = _better_front(training, network, figures, key, other, teacher)
    windows = _windows(training.held_out, build.recipe.frontend.frames, build.recipe.seed)
    write_arrays(build.run.path(CALIBRATION), windows=windows)
    return network, figures


def _better_front(
    training: StreamTraining, network: keras.Model, figures: dict[str, Any], key: str,
    other: Callable[[], keras.Model], teacher: Teacher | None,
) -> tuple[keras.Model, dict[str, Any]]:  # fmt: skip
    """The trained ``network`` or the one with the other front, trained as it was.

    The recordings that validate choose; several times the cycles must be worth it.
    """
    build, local = training.build, training.build.recipe.model.local
    if build.recipe.model.weights:
        build.reporter.note("training begins with given weights: no network with the other model.local is tried")
        return network, figures
    if not training.speech.recorded:
        build.reporter.note(
            "too few recordings validate to choose model.local by them (20 of every keyword are needed): "
            f"it stays {str(local).lower()}"
        )
        return network, figures
    build.reporter.note(f"the same with model.local={str(not local).lower()}")
    second = other()
    found = training.train(second, training.settings, key, Draws.DENSE, teacher=teacher, folder=OTHER)
    found["teachers"] = figures["teachers"]
    missed = {local: figures["validation_missed"], not local: found["validation_missed"]}
    kept = missed[True] <= _WORTH_IT * missed[False] and missed[True] < missed[False]
    build.reporter.note(
        f"model.local={str(kept).lower()} is kept: it missed {missed[kept]:.1%} of the recordings that validate, "
        f"the other {missed[not kept]:.1%}"
    )
    chosen = {"local": kept, "validation_missed_with_other_local": missed[not kept]}
    return (network, figures | chosen) if kept == local else (second, found | chosen)


def sparsify_on_streams(
    build: Build, dense: keras.Model, settings: StreamTrainSettings, sparsity: SparsitySettings, key: str
) -> tuple[keras.Model, dict[str, Any]]:
    """Train until the recipe's share of the weights of ``dense`` is zero; the sparse network and the figures.

    Decisions that hold no keyword weigh what they weighed last in the dense training.

    Raises:
        RecipeError: As :class:`StreamTraining`.
    """
    from kws_tfmot.models.copying import fresh_copy
    from kws_tfmot.sparsity.method_registry import prepare_training
    from kws_tfmot.training.stream_step import Teacher
    from kws_tfmot.training.stream_training import SparseStreams, epoch_of_step, soften, steps_until

    soften(dense, 1 / settings.temperature)  # back to what was trained
    changes = {"epochs": sparsity.epochs, "learning_rate": sparsity.learning_rate,
               "negative_weights": settings.negative_weights[-1:]}  # fmt: skip
    later = settings.model_copy(update=changes)
    (plan,) = sparsity.plan()
    steps = steps_until(later, later.epochs) // later.epochs
    prepared = prepare_training(dense, sparsity, plan, steps, build.calibration(), build.recipe.seed)
    keep_from = min(later.epochs - 1, epoch_of_step(later, plan.ramp(steps).final))
    teacher = Teacher((dense,), sparsity.distillation) if sparsity.distillation else None
    network = fresh_copy(dense)
    training = StreamTraining(build, settings)
    return network, training.train(network, later, key, Draws.SPARSE, SparseStreams(prepared, keep_from), teacher)


def _restored(network: keras.Model, path: Path, key: str) -> bool:
    """Give ``network`` the weights that :func:`_keep` kept under the same ``key``, if there are some."""
    if not path.is_file():
        return False
    with reading_state(path), open_arrays(path) as stored:
        if str(stored["key"]) != key:
            return False
        check_seal(stored.zip)
        network.set_weights([stored[str(i)] for i in range(len(stored.files) - 1)])
    return True


def _keep(network: keras.Model, path: Path, key: str) -> None:
    weights = {str(i): weight for i, weight in enumerate(network.get_weights())}
    write_arrays(path, key=np.array(key), **weights)


def _check(build: Build, stride: int) -> None:
    recipe = build.recipe
    if recipe.model.name != "streaming_cnn" or recipe.detection.stride_ms != stride * recipe.frontend.hop_ms:
        raise RecipeError(
            f"expected model.name=streaming_cnn with detection.stride_ms={stride * recipe.frontend.hop_ms}. "
            f"Received: {recipe.model.name}, {recipe.detection.stride_ms}"
        )
    if recipe.quantization.low_bit or recipe.quantization.mode == "qat":
        # Those train on single clips, which would undo what streams taught.
        raise RecipeError(
            "a recipe with streams takes quantization.mode=ptq and no quantization.low_bit: these would train on "
            "single clips what was trained on streams. "
            f"Received: quantization.mode={recipe.quantization.mode}, "
            f"low_bit={'set' if recipe.quantization.low_bit else 'null'}.",
            "Leave them out, or make the model smaller with sparsity, or model.size=s.",
        )
    sparsity = recipe.sparsity
    if isinstance(sparsity, TfmotMagnitude | Iterative):
        raise RecipeError(
            "a recipe with streams takes methods that train once with masks of ours. "
            f"Received: sparsity.method={sparsity.method}.",
            "Set sparsity.method=mask_regrowth.",
        )
    if sparsity and sparsity.shrink:
        raise RecipeError(
            "a recipe with streams takes no sparsity.shrink: units are removed after trainings on clips alone. "
            "Received: sparsity.shrink=true.",
            "Set sparsity.shrink=false.",
        )


def _windows(held_out: Stretches, frames: int, seed: int) -> np.ndarray:
    """Windows at random moments, and the last ones of keywords, to set activation ranges with."""
    rng = np.random.default_rng([seed, 0xCA1])
    places = rng.integers(len(held_out.features), size=_CALIBRATION_WINDOWS)
    firsts = rng.integers(held_out.features.shape[1] - frames + 1, size=_CALIBRATION_WINDOWS)
    return np.stack([held_out.features[k, f : f + frames] for k, f in zip(places, firsts, strict=True)])
