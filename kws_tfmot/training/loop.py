"""The one training loop: dense training, sparse fine-tuning and quantisation-aware training all go through it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from kws_tfmot.data.large_arrays import Rows
from kws_tfmot.errors import DataError
from kws_tfmot.keras import draw_dropout_anew, keras, tf
from kws_tfmot.progress import SILENT, Reporter, Task
from kws_tfmot.training.averaging import AveragedWeights
from kws_tfmot.training.checkpoint import Stateful, TrainingState
from kws_tfmot.training.epoch_features import EpochSource, batches_from
from kws_tfmot.training.false_rejects import FalseRejects
from kws_tfmot.training.optimizers import make_optimizer
from kws_tfmot.training.timing import StepTime, StepTimer
from kws_tfmot.training.trainer import LossTerm, StepHook, TrainedModel
from kws_tfmot.training.training_settings import TrainSettings

_AT_ONCE = 500  # clips of validation
OnEpoch = Callable[[int, dict[str, float]], None]  # an epoch, from 0, and its figures


@dataclass(frozen=True)
class Plugins:
    """What a method adds to the loop.

    Attributes:
        callbacks: Keras callbacks; their ``model`` is the training shell, the network is ``model.network``. Those that
            are :class:`~kws_tfmot.training.checkpoint.Stateful` are saved and resumed with the training.
        loss_terms: Added to the cross-entropy.
        after_step: Run in the graph after every optimiser step.
        keep_from_epoch: First epoch whose weights may be selected (a mask may not be final before it).
        shell: Makes the model that is trained of network, loss terms and hooks: for methods with a step of their own.
        note: What to show beside an epoch's loss and accuracy, made of its figures.
    """

    callbacks: Sequence[keras.callbacks.Callback] = ()
    loss_terms: Sequence[LossTerm] = ()
    after_step: Sequence[StepHook] = ()
    keep_from_epoch: int = 0
    shell: Callable[[keras.Model, Sequence[LossTerm], Sequence[StepHook]], TrainedModel] = TrainedModel
    note: Callable[[Mapping[str, float]], str] | None = None


@dataclass(frozen=True)
class TrainResult:
    """How a training went: figures of every epoch, and which epoch's weights the network now holds.

    Attributes:
        history: Loss and accuracy of every epoch.
        selected_epoch: The epoch, from 0, whose weights were kept.
        val_accuracy: Validation accuracy of that epoch.
        step_time: What a step took, see :class:`~kws_tfmot.training.timing.StepTimer`; ``None`` after fewer than two
            epochs.
    """

    history: list[dict[str, float]] = field(default_factory=list)
    selected_epoch: int = 0
    val_accuracy: float = 0.0
    step_time: StepTime | None = None


class _Drawing(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Each epoch draws as it would behind an interruption."""
        draw_dropout_anew(self.model)


class _Watching(keras.callbacks.Callback):
    def __init__(self, on_epoch: OnEpoch) -> None:
        super().__init__()
        self._on_epoch = on_epoch

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Hand the epoch's figures on as floats."""
        self._on_epoch(epoch, {name: float(value) for name, value in (logs or {}).items()})


class _Progress(keras.callbacks.Callback):
    def __init__(self, task: Task, note: Callable[[Mapping[str, float]], str] | None) -> None:
        super().__init__()
        self._task = task
        self._note = note

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Show loss and validation accuracy beside the bar."""
        logs = logs or {}
        more = f"  {self._note(logs)}" if self._note else ""
        self._task.advance(1, f"loss {logs.get('loss', 0):.3f}  val {100 * logs.get('val_accuracy', 0):.2f} %{more}")


def train(
    network: keras.Model,
    source: EpochSource,
    validation: tuple[Rows, Rows],
    settings: TrainSettings,
    *,
    plugins: Plugins = Plugins(),
    run_key: str = "",
    state_path: Path | None = None,
    save_seconds: float = 20.0,
    log_dir: Path | None = None,
    description: str = "training",
    reporter: Reporter = SILENT,
    on_epoch: OnEpoch | None = None,
) -> TrainResult:
    """Train ``network`` in place and leave the selected weights in it.

    Args:
        network: From features float32 [batch, frames, coefficients, 1] to probabilities [batch, classes].
        source: Gives each epoch's features and one-hot (or soft) targets.
        validation: Features and one-hot targets of the development set.
        settings: Epochs, optimiser, schedule and selection.
        plugins: What a sparse or quantising method adds.
        run_key: Identifies the recipe and data; a stored state with another key is not resumed.
        state_path: Where the state is kept while training (removed at the end); ``None`` for no resuming.
        save_seconds: Least time between two savings of the state.
        log_dir: TensorBoard logs.
        description: Shown with the progress.
        reporter: Where progress goes.
        on_epoch: Is informed of every epoch that ends, after the state was saved.

    Raises:
        DataError: If an epoch has fewer clips than one batch.
    """
    steps = source.clips_per_epoch // settings.batch_size
    if steps == 0:
        raise DataError(
            f"an epoch has {source.clips_per_epoch} clips, fewer than one batch of {settings.batch_size}.",
            "Give more clips or a smaller train.batch_size.",
        )
    averaged = [AveragedWeights(network, settings.average, plugins.keep_from_epoch)] if settings.average else []
    after_step = [*plugins.after_step, *(average.after_step for average in averaged)]
    shell = plugins.shell(network, plugins.loss_terms, after_step)
    optimizer = make_optimizer(settings, steps)
    optimizer.build(network.trainable_variables)
    shell.compile(
        optimizer=optimizer,
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=settings.label_smoothing),
        metrics=["accuracy"],
    )
    shell.make_metrics(validation[1])
    callbacks = [*averaged, *plugins.callbacks]
    stateful = [callback for callback in callbacks if isinstance(callback, Stateful)]
    state = TrainingState(network, run_key, state_path, save_seconds, plugins.keep_from_epoch, stateful)
    state.set_model(shell)
    if state.restore(optimizer):
        reporter.note(f"{description}: resumed after epoch {state.next_epoch} of {settings.epochs}")
    timer = StepTimer(steps)
    judges = [FalseRejects(network, validation, settings.false_accepts)] if settings.select == "false_rejects" else []
    logging = [keras.callbacks.TensorBoard(str(log_dir), write_graph=False)] if log_dir else []
    watching = [_Watching(on_epoch)] if on_epoch else []
    with reporter.task(description, settings.epochs) as task:
        task.advance(state.next_epoch)
        shell.fit(
            _dataset(source, range(state.next_epoch, settings.epochs), settings.batch_size, steps, validation),
            initial_epoch=state.next_epoch,
            epochs=settings.epochs,
            steps_per_epoch=steps,
            **_validation(validation),
            callbacks=[
                timer,
                _Drawing(),
                *callbacks,
                *judges,
                state,
                *logging,
                _Progress(task, plugins.note),
                *watching,
            ],
            verbose=0,
        )
    if settings.select != "last":
        network.set_weights(state.best_weights)
        chosen = state.best_epoch
    else:
        chosen = len(state.history) - 1
    if state_path is not None:
        state_path.unlink(missing_ok=True)
    return TrainResult(state.history, chosen, state.history[chosen].get("val_accuracy", 0.0), timer.median)


def _validation(validation: tuple[Rows, Rows]) -> dict[str, Any]:
    """What Keras validates with; of a set that is not held in memory, batches as they are needed."""
    features, targets = validation
    if isinstance(features, np.ndarray):
        return {"validation_data": validation, "validation_batch_size": _AT_ONCE}
    signature = tuple(tf.TensorSpec((None, *rows.shape[1:]), tf.float32) for rows in validation)

    def batches() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Features and targets, as many rows as are evaluated at once."""
        for first in range(0, len(features), _AT_ONCE):
            yield features[first : first + _AT_ONCE], targets[first : first + _AT_ONCE]

    data = tf.data.Dataset.from_generator(batches, output_signature=signature).prefetch(2)
    return {"validation_data": data.apply(tf.data.experimental.assert_cardinality(-(-len(features) // _AT_ONCE)))}


def _dataset(
    source: EpochSource, epochs: range, batch_size: int, steps: int, validation: tuple[Rows, Rows]
) -> tf.data.Dataset:
    signature = tuple(tf.TensorSpec((batch_size, *array.shape[1:]), tf.float32) for array in validation)
    dataset = tf.data.Dataset.from_generator(
        lambda: batches_from(source, epochs, batch_size, steps), output_signature=signature
    )
    return dataset.prefetch(4)
