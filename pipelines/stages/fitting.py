"""Training a network on a build's own data: what the stages that train have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from kws_tfmot.data.batches import TrainingBatches
from kws_tfmot.data.epoch_cache import EpochCache
from kws_tfmot.data.prefetch import feature_batches
from kws_tfmot.keras import keras
from kws_tfmot.training.loop import Plugins, TrainResult, train
from kws_tfmot.training.settings import TrainSettings
from pipelines.stages.build import Build, FeatureSource


def training_batches(build: Build, epoch_offset: int = 0) -> TrainingBatches:
    """The augmented stream of the build; ``epoch_offset`` gives later stages draws of their own."""
    index, recipe = build.index, build.recipe
    seed = recipe.seed + 100_003 * epoch_offset
    return TrainingBatches(
        index.audio("train"), index.noise, index.labels, recipe.augment, recipe.train.batch_size, seed
    )


def steps_per_epoch(build: Build) -> int:
    """Full batches in an epoch."""
    return training_batches(build).clips_per_epoch // build.recipe.train.batch_size


def fit(
    build: Build, network: keras.Model, settings: TrainSettings, stage: str, key: str, plugins: Plugins, offset: int
) -> TrainResult:
    """Train ``network`` in place on the build's training stream, resuming an interrupted ``stage``."""
    batches = training_batches(build, offset)
    with feature_batches(batches, build.frontend, settings.epochs, cache=_epoch_cache(build, batches)) as epochs:
        return train(
            network,
            FeatureSource(build, epochs),
            build.validation(),
            settings,
            plugins=plugins,
            run_key=key,
            state_path=build.run.path(f"state/{stage}.npz"),
            log_dir=build.run.path(f"logs/{stage}"),
            description=stage,
            reporter=build.reporter,
            on_epoch=partial(build.on_epoch, stage) if build.on_epoch else None,
        )


def drawn_features(build: Build, offset: int, count: int) -> np.ndarray:
    """Model input of the first ``count`` clips of a training stream, float32 [N, frames, coefficients, 1]."""
    batches = training_batches(build, offset)
    cache = _epoch_cache(build, batches)
    with feature_batches(batches, build.frontend, prefetch=False, cache=cache) as epochs:
        return FeatureSource(build, epochs).epoch_features(0)[0][:count]


def draw_epochs(build: Build, epochs: Mapping[int, Sequence[int]]) -> None:
    """Compute the epochs of the build's training stream that are not in its folder yet.

    Args:
        build: With a folder for epochs.
        epochs: Which epochs, for each epoch offset.
    """
    with build.reporter.task("drawing epochs", sum(map(len, epochs.values()))) as task:
        for offset, numbers in epochs.items():
            batches = training_batches(build, offset)
            cache = _epoch_cache(build, batches)
            stream = feature_batches(batches, build.frontend, prefetch=False, cache=cache)
            for number in numbers:
                if cache is not None and not cache.path(stream.draw_of(number)).is_file():
                    stream.compute(number)
                task.advance()


def _epoch_cache(build: Build, batches: TrainingBatches) -> EpochCache | None:
    if build.epochs is None:
        return None
    inputs = [
        build.data_sha256,
        build.recipe.data.model_dump(mode="json"),
        build.recipe.frontend.model_dump(mode="json"),
    ]
    return EpochCache(build.epochs, inputs, batches)


def training_figures(result: TrainResult) -> dict[str, Any]:
    """The part of ``metrics.json`` that says how a training went."""
    return {
        "epochs": len(result.history),
        "selected_epoch": result.selected_epoch + 1,
        "validation_accuracy": result.val_accuracy,
        "step_ms": None if result.step_time is None else round(1000 * result.step_time.wall, 3),
        "step_cpu_ms": None if result.step_time is None else round(1000 * result.step_time.cpu, 3),
    }
