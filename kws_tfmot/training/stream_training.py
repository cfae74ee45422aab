"""Training a detector on every decision of composed stretches, judged by what it does to streams.

The loss of a batch is ``(mean_p CE + w mean_n CE) / (1 + w)`` over decisions that hold a keyword (p) and those that
hold none (n); ``w`` rises in phases. For n, other words and silence count as one class: only a keyword is wrong.
The weights that are kept are a moving average, from the epoch with the fewest keywords missed at a target of false
accepts an hour on validation stretches; the threshold comes from the same curve. Earlier stretches are heard again, the
more often the higher the network scored what it should not accept in them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from kws_tfmot.data.stretch_features import Stretches, StretchFeatures, StretchJob
from kws_tfmot.keras import keras, tf
from kws_tfmot.models.streaming_cnn import CLASSIFIER, over_stretch
from kws_tfmot.progress import SILENT, Reporter
from kws_tfmot.training.stream_judge import StreamScore, judge_stretches
from kws_tfmot.training.stream_settings import StreamTrainSettings
from kws_tfmot.training.stream_state import Best, Snapshot, StreamState

_REACH = 3.0  # with s / (s + r) kept at step s, the average reaches back over about s / r steps


@dataclass(frozen=True)
class StreamTrainResult:
    """How a training went: figures of each epoch, the epoch that was kept (from 0), its score."""

    history: list[dict[str, float]] = field(default_factory=list)
    selected_epoch: int = 0
    score: StreamScore | None = None


class _Averaged:
    """Moving average of a network's weights, over the last third of the steps so far or what ``decay`` allows.

    Averages over much of a training generalise to other domains (SWAD, Cha et al. 2021, arXiv 2102.08604), here from
    synthetic voices to people, and differ less from seed to seed.
    """

    def __init__(self, network: keras.Model, decay: float) -> None:
        self._network, self._decay = network, decay
        self.steps = tf.Variable(0.0)
        self.means = [tf.Variable(weight) for weight in network.weights]

    def update(self) -> None:
        """``mean = keep mean + (1 - keep) weight`` with ``keep = min(decay, steps / (steps + _REACH))``."""
        self.steps.assign_add(1.0)
        steps = float(self.steps)
        keep = min(self._decay, steps / (steps + _REACH))
        for mean, weight in zip(self.means, self._network.weights, strict=True):
            mean.assign(keep * mean + (1 - keep) * weight)

    def weights(self) -> list[np.ndarray]:
        """The averaged weights, in the network's order."""
        return [mean.numpy() for mean in self.means]


def train_on_streams(
    window: keras.Model,
    stretches: StretchFeatures,
    held_out: Stretches,
    job: StretchJob,
    settings: StreamTrainSettings,
    seed: int,
    smoothing: int,
    reporter: Reporter = SILENT,
    state: StreamState | None = None,
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
        state: Where every epoch is kept; a training that was interrupted goes on there, to the same result.
    """
    twin = keras.models.clone_model(window)  # a layer that is used at two lengths has no output shape any more
    twin.set_weights(window.get_weights())
    network = over_stretch(twin, job.frames)
    optimizer = _optimizer(settings)
    optimizer.build(network.trainable_variables)
    averaged = _Averaged(network, settings.average)
    variables = [*network.weights, *optimizer.variables, averaged.steps, *averaged.means]
    step = _step_of(network, optimizer, averaged, job.classes)
    scale = np.float32(job.frontend.scale)
    pool = Stretches(np.zeros((0, *held_out.features.shape[1:]), np.int8), held_out.targets[:0])
    hardness = np.zeros(0, np.float32)
    history: list[dict[str, float]] = []
    best: Best | None = None
    if state and (kept := state.restore()):
        snapshot, pool = kept
        history, hardness, best = snapshot.history, snapshot.hardness, snapshot.best
        for variable, value in zip(variables, snapshot.variables, strict=True):
            variable.assign(value)
    with reporter.task("training on streams", settings.epochs) as task:
        task.advance(len(history))
        for epoch in range(len(history), settings.epochs):
            fresh = stretches.draw([seed, 1, epoch], settings.fresh)
            phase = epoch * len(settings.negative_weights) // settings.epochs
            order = _epoch_order(hardness, settings, np.random.default_rng([seed, 2, epoch]))
            pool = Stretches(*(np.concatenate(pair) for pair in zip(pool, fresh, strict=True)))
            hardness = np.concatenate([hardness, np.zeros(settings.fresh, np.float32)])
            loss = _run_epoch(step, pool, order, hardness, settings, scale, settings.negative_weights[phase])
            score = _judge(network, averaged, held_out, job, settings, smoothing, scale)
            history.append({"loss": loss, "missed": score.missed, "threshold": score.threshold})
            last_phase = phase == len(settings.negative_weights) - 1
            if best is None or (last_phase and (score.missed <= best.missed or best.epoch < 0)):
                best = Best(score.missed, averaged.weights(), epoch if last_phase else -1, score)
            if state:
                state.save(Snapshot(history, [np.asarray(v) for v in variables], hardness, best), fresh)
            task.advance(1, f"loss {loss:.3f}  missed {100 * score.missed:.1f} % of held-out voices")
    if best is not None:
        window.set_weights(best.weights)
        _soften(window, settings.temperature)
    return StreamTrainResult(history, best.epoch if best else 0, best.score if best else None)


def _soften(window: keras.Model, temperature: float) -> None:
    """Divide the logits of ``window`` by ``temperature``."""
    classifier = window.get_layer(CLASSIFIER)
    classifier.set_weights([weight / np.float32(temperature) for weight in classifier.get_weights()])


def _optimizer(settings: StreamTrainSettings) -> Any:
    steps = _total_steps(settings)
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, steps - steps // settings.epochs, alpha=settings.final_rate,
        warmup_target=settings.learning_rate, warmup_steps=steps // settings.epochs,
    )  # fmt: skip
    return keras.optimizers.AdamW(rate, weight_decay=1e-4, clipnorm=1.0)


def _total_steps(settings: StreamTrainSettings) -> int:
    sizes = [settings.fresh + min(settings.replayed, epoch * settings.fresh) for epoch in range(settings.epochs)]
    return sum(size // settings.batch_size for size in sizes)


def _epoch_order(
    hardness: npt.NDArray[np.float32], settings: StreamTrainSettings, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Places of the earlier stretches to see again and of the fresh ones behind them, shuffled.

    An earlier stretch is drawn with a probability in proportion to ``1 + hard_negatives * h``, ``h`` the highest score
    of a keyword that it does not hold when the network last heard it.
    """
    known = len(hardness)
    weights = 1.0 + settings.hard_negatives * hardness.astype(np.float64)
    count = min(settings.replayed, known)
    again = rng.choice(known, count, replace=False, p=weights / weights.sum()) if count else np.zeros(0, np.int64)
    order = np.concatenate([again, known + np.arange(settings.fresh)])
    return rng.permutation(order)[: len(order) // settings.batch_size * settings.batch_size]


def _run_epoch(
    step: Any, pool: Stretches, order: npt.NDArray[np.int64], hardness: npt.NDArray[np.float32],
    settings: StreamTrainSettings, scale: Any, weight: float,
) -> float:  # fmt: skip
    """Train on ``order``, and note in ``hardness`` what was wrongly accepted; the mean loss."""
    losses = []
    for places in order.reshape(-1, settings.batch_size):
        features = pool.features[places].astype(np.float32)[..., None] * scale
        loss, worst = step(features, pool.targets[places].astype(np.int32), np.float32(weight))
        hardness[places] = worst.numpy()
        losses.append(float(loss))
    return float(np.mean(losses))


def _step_of(network: keras.Model, optimizer: Any, averaged: _Averaged, classes: int) -> Any:
    keywords = classes - 2

    @tf.function
    def step(features: tf.Tensor, targets: tf.Tensor, weight: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """One step on stretches ``[n, frames, bands]`` with targets ``[n, windows]``.

        The loss is ``(positive + weight negative) / (1 + weight)``; with it the worst false accept of each stretch.
        """
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
        worst = tf.reduce_max(lacks * (1.0 - tf.exp(silent)), axis=1)
        return loss, worst

    def with_average(features: Any, targets: Any, weight: Any) -> Any:
        """A step, then the moving average of the weights."""
        answer = step(tf.constant(features), tf.constant(targets), tf.constant(weight))
        averaged.update()
        return answer

    return with_average


def _judge(
    network: keras.Model, averaged: _Averaged, held_out: Stretches, job: StretchJob, settings: StreamTrainSettings,
    smoothing: int, scale: Any,
) -> StreamScore:  # fmt: skip
    own = network.get_weights()
    network.set_weights(averaged.weights())
    found = _posteriors(network, held_out.features, scale, settings.temperature)
    network.set_weights(own)
    step_s = job.stride * job.frontend.hop_ms / 1000
    return judge_stretches(found, held_out.targets, smoothing, step_s, settings.false_accepts_per_hour)


def posteriors_of(window: keras.Model, features: npt.NDArray[np.int8], scale: float) -> npt.NDArray[np.float32]:
    """Posteriors ``[N, decisions, classes]`` of the network of one window over features ``[N, frames, channels]``."""
    twin = keras.models.clone_model(window)
    twin.set_weights(window.get_weights())
    return _posteriors(over_stretch(twin, features.shape[1]), features, np.float32(scale))


def _posteriors(
    network: keras.Model, features: npt.NDArray[np.int8], scale: Any, temperature: float = 1.0
) -> npt.NDArray[np.float32]:
    found = []
    for first in range(0, len(features), 100):
        batch = features[first : first + 100].astype(np.float32)[..., None] * scale
        found.append(tf.nn.softmax(network(batch, training=False) / temperature).numpy())
    return np.concatenate(found)
