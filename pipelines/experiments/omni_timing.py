"""How long a step of each regime takes, beside a step of dense training, epoch for epoch in turn."""

from __future__ import annotations

import statistics
import time
from typing import Any

from kws_tfmot.data.prefetch import feature_batches
from kws_tfmot.search.omni.omni_settings import OmniSettings
from pipelines.stages.build import Build, FeatureSource
from pipelines.stages.omni import omni_settings

DENSE = "dense"


def time_regimes(build: Build, regimes: tuple[str, ...] = ("one_pass",), rounds: int = 8) -> dict[str, Any]:
    """Train the recipe's model densely and in each regime in turn, an epoch at a time, on the same features.

    A first epoch of each, which traces its graph, is not counted, and there is no warm-up: every counted step of a
    regime trains a sub-network.

    Returns:
        ``{name: {"seconds": [...], "median_ms": a step's, "ratio": median over the rounds of the epoch's time to the
        dense epoch's of the same round}}``.
    """
    import numpy as np

    from kws_tfmot.keras import keras, seed_everything, tf
    from kws_tfmot.models import build_model
    from kws_tfmot.search.omni.supernet import Supernet
    from kws_tfmot.training.optimizers import make_optimizer
    from kws_tfmot.training.trainer import TrainedModel
    from pipelines.stages.epochs import training_batches

    recipe = build.recipe
    with feature_batches(training_batches(build), build.frontend, 1, prefetch=False) as epochs:
        features, targets = FeatureSource(build, epochs).epoch_features(0)
    size = recipe.train.batch_size
    steps = len(features) // size
    data = tf.data.Dataset.from_tensor_slices((features[: steps * size], targets[: steps * size]))
    data = data.batch(size, drop_remainder=True).cache()
    shells = {}
    for name in (DENSE, *regimes):
        seed_everything(recipe.seed)
        network = build_model(recipe.model, recipe.frontend.feature_shape, targets.shape[1])
        values = omni_settings(build).model_dump(mode="json") | {"regime": name, "warmup": 0.0}
        shell = (
            TrainedModel(network)
            if name == DENSE
            else Supernet(network, OmniSettings.parse(values), recipe.seed, steps * rounds, steps)
        )
        optimizer = make_optimizer(recipe.train, steps)
        loss = keras.losses.CategoricalCrossentropy(label_smoothing=recipe.train.label_smoothing)
        shell.compile(optimizer=optimizer, loss=loss, metrics=["accuracy"])
        shells[name] = shell
    seconds: dict[str, list[float]] = {name: [] for name in shells}
    with build.reporter.task("timing", rounds + 1) as task:
        for number in range(rounds + 1):
            for name, shell in shells.items():
                began = time.perf_counter()
                shell.fit(data, epochs=1, verbose=0)
                if number:
                    seconds[name].append(round(time.perf_counter() - began, 4))
            task.advance()
    return {
        name: {
            "seconds": values,
            "median_ms": round(1000 * statistics.median(values) / steps, 3),
            "ratio": round(float(np.median(np.array(values) / np.array(seconds[DENSE]))), 4),
        }
        for name, values in seconds.items()
    }
