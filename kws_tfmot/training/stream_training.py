"""Training a detector on every decision of composed stretches, judged by what it does to streams.

The loss of a batch is ``(mean_p CE + w mean_n CE) / (1 + w)`` over decisions that hold a keyword (p) and those that
hold none (n); ``w`` rises in phases. For n, other words and silence count as one class: only a keyword is wrong.
The weights that are kept are a moving average, from the epoch with the fewest keywords missed at a target of false
accepts an hour on validation stretches; the threshold comes from the same curve.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from kws_tfmot.data.stretch_features import Stretches, StretchFeatures, StretchJob
from kws_tfmot.keras import keras, tf
from kws_tfmot.models.streaming_cnn import over_stretch
from kws_tfmot.progress import SILENT, Reporter
from kws_tfmot.training.stream_judge import StreamScore, judge_stretches
from kws_tfmot.training.stream_settings import StreamTrainSettings


@dataclass(frozen=True)
class StreamTrainResult:
    """How a training went: figures of each epoch, the epoch that was kept (from 0), its score."""

    history: list[dict[str, float]] = field(default_factory=list)
    selected_epoch: int = 0
    score: StreamScore | None = None


class _Averaged:
    """Moving average of a network's weights."""

    def __init__(self, network: keras.Model, decay: float) -> None:
        self._network, self._decay, self._steps = network, decay, 0
        self._mean = [tf.Variable(weight) for weight in network.weights]

    def update(self) -> None:
        self._steps += 1
        keep = min(self._decay, self._steps / (self._steps + 10))
        for mean, weight in zip(self._mean, self._network.weights, strict=True):
            mean.assign(keep * mean + (1 - keep) * weight)

    def weights(self) -> list[np.ndarray]:
        return [mean.numpy() for mean in self._mean]


def train_on_streams(
    window: keras.Model,
    stretches: StretchFeatures,
    held_out: Stretches,
    job: StretchJob,
    settings: StreamTrainSettings,
    seed: int,
    smoothing: int,
    reporter: Reporter = SILENT,
) -> StreamTrainResult:
    """Train ``window`` in place and leave the selected weights in it.

    Args:
        window: A :mod:`~kws_tfmot.models.streaming_cnn`, of one window.
        stretches: Makes training stretches.
        held_out: Stretches of held-out voices.
        job: What both were made with.
        settings: Epochs, phases, selection.
        seed: Of stretches and their order.
        smoothing: Decisions under the detector's moving average.
        reporter: Where progress goes.
    """
    twin = keras.models.clone_model(window)  # a layer that is used at two lengths has no output shape any more
    twin.set_weights(window.get_weights())
    network = over_stretch(twin, job.frames)
    scale = np.float32(job.frontend.scale)
    pool = Stretches(np.zeros((0, *held_out.features.shape[1:]), np.int8), held_out.targets[:0])
    steps = _total_steps(settings)
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, steps - steps // settings.epochs, alpha=0.01,
        warmup_target=settings.learning_rate, warmup_steps=steps // settings.epochs,
    )  # fmt: skip
    optimizer = keras.optimizers.AdamW(rate, weight_decay=1e-4, clipnorm=1.0)
    averaged = _Averaged(network, settings.average)
    step = _step_of(network, optimizer, averaged, job.classes)
    history: list[dict[str, float]] = []
    best: tuple[float, list[np.ndarray], int, StreamScore] | None = None
    with reporter.task("training on streams", settings.epochs) as task:
        for epoch in range(settings.epochs):
            fresh = stretches.draw([seed, 1, epoch], settings.fresh)
            phase = epoch * len(settings.negative_weights) // settings.epochs
            order = _epoch_order(len(pool.features), settings, np.random.default_rng([seed, 2, epoch]))
            pool = Stretches(*(np.concatenate(pair) for pair in zip(pool, fresh, strict=True)))
            loss = _run_epoch(step, pool, order, settings, scale, settings.negative_weights[phase])
            score = _judge(network, averaged, held_out, job, settings, smoothing, scale)
            history.append({"loss": loss, "missed": score.missed, "threshold": score.threshold})
            last_phase = phase == len(settings.negative_weights) - 1
            if best is None or (last_phase and (score.missed <= best[0] or best[2] < 0)):
                best = (score.missed, averaged.weights(), epoch if last_phase else -1, score)
            task.advance(1, f"loss {loss:.3f}  missed {100 * score.missed:.1f} % of held-out voices")
    if best is not None:
        window.set_weights(best[1])
    return StreamTrainResult(history, best[2] if best else 0, best[3] if best else None)


def _total_steps(settings: StreamTrainSettings) -> int:
    sizes = [settings.fresh + min(settings.replayed, epoch * settings.fresh) for epoch in range(settings.epochs)]
    return sum(size // settings.batch_size for size in sizes)


def _epoch_order(known: int, settings: StreamTrainSettings, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Places of the earlier stretches to see again and of the fresh ones behind them, shuffled."""
    again = rng.permutation(known)[: settings.replayed]
    order = np.concatenate([again, known + np.arange(settings.fresh)])
    return rng.permutation(order)[: len(order) // settings.batch_size * settings.batch_size]


def _run_epoch(
    step: Any, pool: Stretches, order: npt.NDArray[np.int64], settings: StreamTrainSettings, scale: Any, weight: float
) -> float:
    losses = []
    for places in order.reshape(-1, settings.batch_size):
        features = pool.features[places].astype(np.float32)[..., None] * scale
        losses.append(step(features, pool.targets[places].astype(np.int32), np.float32(weight)))
    return float(np.mean([float(loss) for loss in losses]))


def _step_of(network: keras.Model, optimizer: Any, averaged: _Averaged, classes: int) -> Any:
    keywords = classes - 2

    @tf.function
    def step(features: tf.Tensor, targets: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            logs = tf.nn.log_softmax(network(features, training=True))
            own = tf.gather(logs, tf.maximum(targets, 0), batch_dims=2)
            silent = tf.reduce_logsumexp(logs[..., keywords:], axis=-1)
            holds = tf.cast((targets >= 0) & (targets < keywords), tf.float32)
            lacks = tf.cast(targets >= keywords, tf.float32)
            positive = tf.reduce_sum(holds * -own) / tf.maximum(tf.reduce_sum(holds), 1.0)
            none = -(0.9 * silent + 0.1 * own)
            negative = tf.reduce_sum(lacks * none) / tf.maximum(tf.reduce_sum(lacks), 1.0)
            loss = (positive + weight * negative) / (1.0 + weight)
        optimizer.minimize(loss, network.trainable_variables, tape=tape)
        return loss

    def with_average(features: Any, targets: Any, weight: Any) -> Any:
        loss = step(tf.constant(features), tf.constant(targets), tf.constant(weight))
        averaged.update()
        return loss

    return with_average


def _judge(
    network: keras.Model, averaged: _Averaged, held_out: Stretches, job: StretchJob, settings: StreamTrainSettings,
    smoothing: int, scale: Any,
) -> StreamScore:  # fmt: skip
    own = network.get_weights()
    network.set_weights(averaged.weights())
    found = []
    for first in range(0, len(held_out.features), 100):
        batch = held_out.features[first : first + 100].astype(np.float32)[..., None] * scale
        found.append(tf.nn.softmax(network(batch, training=False)).numpy())
    network.set_weights(own)
    step_s = job.stride * job.frontend.hop_ms / 1000
    return judge_stretches(np.concatenate(found), held_out.targets, smoothing, step_s, settings.false_accepts_per_hour)
