"""The augmented epochs of a build: for its trainings, and drawn beforehand by workers, which need no TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from kws_tfmot.data.batches import TrainingBatches
from kws_tfmot.data.epoch_cache import EpochCache
from kws_tfmot.data.prefetch import feature_batches
from kws_tfmot.recipe import Recipe
from pipelines.stages.build import Build, FeatureSource
from pipelines.stages.draws import Draws


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


def drawn_features(build: Build, offset: int, count: int) -> np.ndarray:
    """Model input of the first ``count`` clips of a training stream, float32 [N, frames, coefficients, 1]."""
    batches = training_batches(build, offset)
    cache = epoch_cache(build, batches)
    with feature_batches(batches, build.frontend, prefetch=False, cache=cache) as epochs:
        return FeatureSource(build, epochs).epoch_features(0)[0][:count]


def epochs_drawn(recipe: Recipe) -> dict[int, int]:
    """How many epochs the stages draw, by their :class:`~pipelines.stages.draws.Draws`."""
    quantization = recipe.quantization
    counts: dict[int, int] = {Draws.DENSE: recipe.train.epochs}
    counts[Draws.SPARSE] = recipe.sparsity.epochs if recipe.sparsity else 0
    if quantization.mode == "qat":
        counts |= {
            Draws.CLUSTER: quantization.cluster_epochs if quantization.clusters else 0,
            Draws.QUANTIZE: quantization.epochs,
        }
    return counts


def draw_epochs(build: Build, epochs: Mapping[int, Sequence[int]], *, required: bool = False) -> None:
    """Compute the epochs of the build's training stream that are not in its folder yet.

    Args:
        build: With a folder for epochs.
        epochs: Which epochs, for each epoch offset.
        required: Whether an epoch that cannot be kept is an error; else whoever wants it computes it again.

    Raises:
        CacheError: For such an epoch.
    """
    with build.reporter.task("drawing epochs", sum(map(len, epochs.values()))) as task:
        for offset, numbers in epochs.items():
            batches = training_batches(build, offset)
            cache = epoch_cache(build, batches)
            stream = feature_batches(batches, build.frontend, prefetch=False, cache=cache)
            for number in numbers:
                if cache is not None and not cache.path(stream.draw_of(number)).is_file():
                    stream.compute(number)
                    if required:
                        cache.require(stream.draw_of(number))
                task.advance()


def epoch_cache(build: Build, batches: TrainingBatches) -> EpochCache | None:
    """Where the epochs of ``batches`` are kept; ``None`` where the build has no folder for them."""
    if build.epochs is None:
        return None
    inputs = [
        build.data_sha256,
        build.recipe.data.model_dump(mode="json"),
        build.recipe.frontend.model_dump(mode="json"),
    ]
    return EpochCache(build.epochs, inputs, batches)
