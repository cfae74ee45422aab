"""Training a network on a build's own data: what the stages that train have in common."""

from __future__ import annotations

from functools import partial
from typing import Any

from kws_tfmot.data.prefetch import feature_batches
from kws_tfmot.keras import keras
from kws_tfmot.training.loop import Plugins, TrainResult, train
from kws_tfmot.training.training_settings import TrainSettings
from pipelines.stages.build import Build, FeatureSource
from pipelines.stages.epochs import epoch_cache, training_batches


def fit(
    build: Build, network: keras.Model, settings: TrainSettings, stage: str, key: str, plugins: Plugins, offset: int
) -> TrainResult:
    """Train ``network`` in place on the build's training stream, resuming an interrupted ``stage``."""
    batches = training_batches(build, offset)
    with feature_batches(batches, build.frontend, settings.epochs, cache=epoch_cache(build, batches)) as epochs:
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


def training_figures(result: TrainResult) -> dict[str, Any]:
    """The part of ``metrics.json`` that says how a training went."""
    return {
        "epochs": len(result.history),
        "selected_epoch": result.selected_epoch + 1,
        "validation_accuracy": result.val_accuracy,
        "step_ms": None if result.step_time is None else round(1000 * result.step_time.wall, 3),
        "step_cpu_ms": None if result.step_time is None else round(1000 * result.step_time.cpu, 3),
    }
