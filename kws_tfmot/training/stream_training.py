"""Training a detector on every decision of composed stretches, judged by what it does to streams.

The loss is that of :mod:`~kws_tfmot.training.stream_step`; decisions that hold no keyword weigh more in later phases.
The weights that are kept are a moving average, from the epoch with the fewest keywords missed at a target of false
accepts an hour on validation stretches; the threshold comes from the same curve. Steps see whole stretches or windows
of them (:mod:`~kws_tfmot.training.stream_batches`). Several networks may be trained first
and teach the one that is kept. A sparse training goes the same way, with masks between the steps and the dense network
as teacher.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kws_tfmot.data.stretch_features import Stretches, StretchFeatures, StretchJob
from kws_tfmot.keras import draw_dropout_anew, keras, tf
from kws_tfmot.models.copying import fresh_copy
from kws_tfmot.models.streaming_cnn import CLASSIFIER, over_stretch
from kws_tfmot.progress import SILENT, Reporter
from kws_tfmot.sparsity.method_registry import SparseTraining
from kws_tfmot.training.averaging import AveragedWeights
from kws_tfmot.training.checkpoint import Stateful
from kws_tfmot.training.stream_batches import batches_of
from kws_tfmot.training.stream_judge import StreamScore, judge_stretches
from kws_tfmot.training.stream_settings import StreamTrainSettings
from kws_tfmot.training.stream_state import Best, Snapshot, StreamState
from kws_tfmot.training.stream_step import Teacher, make_step
from kws_tfmot.training.word_head import WordHead

# The average reaches over the last third of the steps so far, or what the decay allows: averages over much of a
# training generalise to other domains (SWAD, Cha et al. 2021, arXiv 2102.08604), here from synthetic voices to people.
_REACH = 3.0


@dataclass(frozen=True)
class StreamTrainResult:
    """How a training went: figures of each epoch, the epoch that was kept (from 0), its score."""

    history: list[dict[str, float]] = field(default_factory=list)
    selected_epoch: int = 0
    score: StreamScore | None = None


class SparseStreams(NamedTuple):
    """A sparse training on streams.

    Attributes:
        training: Of a method of masks; its network is trained in place of the window's copy.
        keep_from_epoch: The first epoch all of whose steps have the final masks.
    """

    training: SparseTraining
    keep_from_epoch: int


class _Network:
    """The network in training, over examples of ``frames`` frames, and everything that changes with its weights."""

    def __init__(
        self, window: keras.Model, job: StretchJob, settings: StreamTrainSettings, frames: int,
        sparse: SparseStreams | None, teacher: Teacher | None, words: int,
    ):  # fmt: skip
        # A copy, since a layer that is used at two lengths has no output shape any more.
        self._layers = sparse.training.network if sparse else fresh_copy(window)
        self._network = over_stretch(self._layers, frames)
        self._judged = self._network if frames == job.frames else over_stretch(self._layers, job.frames)
        self._scale = np.float32(job.frontend.scale)
        self.keep_from = sparse.keep_from_epoch if sparse else 0
        self._optimizer = _optimizer(settings)
        self._optimizer.build(self._network.trainable_variables)
        self._average = AveragedWeights(self._network, settings.average, self.keep_from, _REACH)
        masks = sparse.training if sparse else None
        self._masks = masks.callbacks if masks else ()
        if teacher:
            networks = (over_stretch(fresh_copy(network), frames) for network in teacher.networks)
            teacher = teacher._replace(networks=tuple(networks))
        follow = (*(masks.after_step if masks else ()), self._average.after_step)
        head = WordHead(self._network, words, settings.word_classes) if settings.word_classes else None
        self._step = make_step(self._network, self._optimizer, job.classes, follow, teacher, head)
        self._stateful = [one for one in (self._average, *self._masks, head) if isinstance(one, Stateful)]

    def state(self) -> tuple[list[np.ndarray], dict[str, np.ndarray]]:
        """Variables of the optimiser; averages, weights and masks."""
        kept = {f"{i}/{key}": value for i, one in enumerate(self._stateful) for key, value in one.get_state().items()}
        return [np.asarray(variable) for variable in self._optimizer.variables], kept

    def restore(self, variables: list[np.ndarray], kept: dict[str, np.ndarray]) -> None:
        """Take back what :meth:`state` gave."""
        for variable, value in zip(self._optimizer.variables, variables, strict=True):
            variable.assign(value)
        for i, one in enumerate(self._stateful):
            own = f"{i}/"
            one.set_state({key[len(own) :]: value for key, value in kept.items() if key.startswith(own)})

    def begin(self, epoch: int, steps_before: int) -> None:
        """Go on from the weights in training; tell the method of sparse training at which step."""
        draw_dropout_anew(self._network)
        self._average.on_epoch_begin(epoch)
        for one in self._masks:  # an epoch's number times its steps is the step, but epochs differ in length here
            one.set_params({"steps": steps_before})
            one.on_epoch_begin(1)

    def train(self, batch: Stretches, weight: float) -> tuple[float, npt.NDArray[np.float32]]:
        """One step: the loss, and the highest wrong score of each example."""
        for one in self._masks:
            one.on_train_batch_begin(0)
        targets, words = batch.targets.astype(np.int32), batch.words.astype(np.int32)
        loss, worst = self._step(self._inputs(batch.features), targets, words, weight)
        return float(loss), worst.numpy()

    def judged(
        self, held_out: Stretches, job: StretchJob, settings: StreamTrainSettings, smoothing: int
    ) -> StreamScore:
        """The score of the averaged weights, which the network holds afterwards, until :meth:`begin`."""
        self._average.on_test_begin()
        found = self.posteriors(held_out.features, settings.temperature)
        step_s = job.stride * job.frontend.hop_ms / 1000
        return judge_stretches(found, held_out.targets, smoothing, step_s, settings.false_accepts_per_hour)

    def posteriors(self, features: npt.NDArray[np.int8], temperature: float = 1.0) -> npt.NDArray[np.float32]:
        """Of whole stretches, by the weights that the network holds."""
        return _posteriors(self._judged, features, self._scale, temperature)

    def weights(self) -> list[np.ndarray]:
        """Those that the network holds, in the order of one window's."""
        return list(self._layers.get_weights())

    def _inputs(self, features: npt.NDArray[np.int8]) -> npt.NDArray[np.float32]:
        return np.asarray(features.astype(np.float32)[..., None] * self._scale, np.float32)


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
    sparse: SparseStreams | None = None,
    teacher: Teacher | None = None,
    words: int = 0,
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
        sparse: What makes weights zero on the way.
        teacher: Networks of one window to learn from, beside the targets.
        words: Classes of single words, for ``settings.word_classes``.
    """
    batches = batches_of(settings, job)
    network = _Network(window, job, settings, batches.frames, sparse, teacher, words)
    pool = Stretches(held_out.features[:0], held_out.targets[:0], held_out.words[:0])
    hardness = batches.unheard(0)
    history: list[dict[str, float]] = []
    best: Best | None = None
    if state and (kept := state.restore()):
        snapshot, pool = kept
        history, hardness, best = snapshot.history, snapshot.hardness, snapshot.best
        with state.reading():
            network.restore(snapshot.variables, snapshot.callbacks)
    phases = len(settings.negative_weights)
    coming = _drawn_ahead(stretches, seed, range(len(history), settings.epochs), settings.fresh)
    with reporter.task("training on streams" + (", zeros" if sparse else ""), settings.epochs) as task:
        task.advance(len(history))
        for epoch, fresh in coming:
            phase = epoch * phases // settings.epochs
            rng = np.random.default_rng([seed, 2, epoch])
            known = len(hardness)
            pool = Stretches.joined([pool, fresh])
            hardness = np.concatenate([hardness, batches.unheard(settings.fresh)])
            network.begin(epoch, steps_until(settings, epoch))
            train = partial(network.train, weight=settings.negative_weights[phase])
            loss = batches.run(train, pool, hardness, known, rng)
            score = network.judged(held_out, job, settings, smoothing)
            batches.listen(network.posteriors, pool, hardness, rng)
            history.append({"loss": loss, "missed": score.missed, "threshold": score.threshold})
            counts = phase == phases - 1 and epoch >= network.keep_from
            if best is None or (counts and (score.missed <= best.missed or best.epoch < 0)):
                best = Best(score.missed, network.weights(), epoch if counts else -1, score)
            if state:
                state.save(Snapshot(history, *network.state(), hardness, best), fresh)
            task.advance(1, f"loss {loss:.3f}  missed {100 * score.missed:.1f} % of held-out voices")
    if best is not None:
        window.set_weights(best.weights)
        soften(window, settings.temperature)
    return StreamTrainResult(history, best.epoch if best else 0, best.score if best else None)


def soften(window: keras.Model, temperature: float) -> None:
    """Divide the logits of ``window`` by ``temperature``."""
    classifier = window.get_layer(CLASSIFIER)
    classifier.set_weights([weight / np.float32(temperature) for weight in classifier.get_weights()])


def _drawn_ahead(
    stretches: StretchFeatures, seed: int, epochs: range, count: int
) -> Iterator[tuple[int, Stretches]]:  # fmt: skip
    """Each epoch and its fresh stretches; those of the next one are composed meanwhile."""

    def draw(epoch: int) -> Stretches | None:
        """Fresh stretches of an epoch; none behind the last."""
        return stretches.draw([seed, 1, epoch], count) if epoch in epochs else None

    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(draw, epochs.start)
        for epoch in epochs:
            fresh = coming.result()
            coming = thread.submit(draw, epoch + 1)
            if fresh is not None:
                yield epoch, fresh


def _optimizer(settings: StreamTrainSettings) -> Any:
    steps = steps_until(settings, settings.epochs)
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, steps - steps // settings.epochs, alpha=settings.final_rate,
        warmup_target=settings.learning_rate, warmup_steps=steps // settings.epochs,
    )  # fmt: skip
    return keras.optimizers.AdamW(rate, weight_decay=1e-4, clipnorm=1.0)


def steps_until(settings: StreamTrainSettings, epoch: int) -> int:
    """Optimiser steps before ``epoch``; the first epochs have few earlier stretches to repeat.

    >>> settings = StreamTrainSettings(fresh=64, replayed=96, batch_size=32)
    >>> [steps_until(settings, epoch) for epoch in range(4)]
    [0, 2, 6, 11]
    """
    if settings.windows:
        return epoch * settings.windows.steps
    sizes = [settings.fresh + min(settings.replayed, before * settings.fresh) for before in range(epoch)]
    return sum(size // settings.batch_size for size in sizes)


def epoch_of_step(settings: StreamTrainSettings, step: int) -> int:
    """The first epoch that begins at ``step`` or later.

    >>> settings = StreamTrainSettings(fresh=64, replayed=96, batch_size=32)
    >>> [epoch_of_step(settings, step) for step in (0, 1, 6, 7)]
    [0, 1, 2, 3]
    """
    return next(epoch for epoch in range(step + 2) if steps_until(settings, epoch) >= step)


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
