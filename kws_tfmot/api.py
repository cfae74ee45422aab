"""The library in a few functions over arrays: what a build does, for a network and a loop of the user's own.

``import kws_tfmot as kws`` gives all of this lazily; see docs/python.md. Features are float32
``[N, frames, coefficients, 1]``, targets one-hot ``[N, classes]``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kws_tfmot.contract import ModelContract
from kws_tfmot.data.data_settings import SplitSettings
from kws_tfmot.data.labels import SILENCE, UNKNOWN
from kws_tfmot.detection.detection_settings import DetectionSettings
from kws_tfmot.errors import DataError, ModelError
from kws_tfmot.files import write_bytes
from kws_tfmot.frontend import Frontend, FrontendSettings
from kws_tfmot.keras import keras, seed_everything
from kws_tfmot.models.own.canonical import canonical
from kws_tfmot.models.stored import load_stored
from kws_tfmot.progress import SILENT, Reporter
from kws_tfmot.quantization.tfmot_qat import apply_qat
from kws_tfmot.sparsity.coverage import coverage
from kws_tfmot.sparsity.group import parse_sparsity
from kws_tfmot.sparsity.method_registry import SparseTraining, prepare_training
from kws_tfmot.sparsity.target import check_target
from kws_tfmot.sparsity.zero_counts import zeros_per_layer
from kws_tfmot.tflite import convert as conversion
from kws_tfmot.tflite.metadata import write_settings
from kws_tfmot.training import TrainSettings
from kws_tfmot.training.epoch_features import ArraySource
from kws_tfmot.training.loop import Plugins, TrainResult
from kws_tfmot.training.loop import train as run_training

Arrays = tuple[np.ndarray, np.ndarray]
_SPARSE_SHARE = 0.1  # of zeros in some layer: more than training leaves by chance


def model_input(frontend: Frontend, samples: np.ndarray) -> np.ndarray:
    """Features of clips as a network is fed them: ``int8 * scale``.

    Args:
        frontend: The audio front end.
        samples: int16 ``[N, samples]``, each clip as long as the front end's settings say.

    Returns:
        float32 ``[N, frames, coefficients, 1]``.
    """
    scale = np.float32(frontend.settings.scale)
    return frontend.features(samples).astype(np.float32)[..., None] * scale


def adopt(model: keras.Model | str | Path, feature_shape: tuple[int, int], classes: int) -> keras.Model:
    """A Keras 2 model, or the file of one, in the layers that every step here knows; its outputs stay.

    See :func:`kws_tfmot.models.own.canonical.canonical`.

    Raises:
        ModelError: If it does not fit, or cannot be read without running code in it.
    """
    return canonical(load_stored(model) if isinstance(model, str | Path) else model, feature_shape, classes)


def train(
    model: keras.Model,
    training: Arrays,
    validation: Arrays,
    *,
    seed: int = 1,
    reporter: Reporter = SILENT,
    **settings: Any,
) -> TrainResult:
    """Train ``model`` in place.

    Args:
        model: A network that :func:`adopt` or a family's builder made.
        training: Features and targets.
        validation: The same, to choose the epoch whose weights are kept by.
        seed: Of the order of the clips.
        reporter: Where progress goes.
        settings: Fields of :class:`kws_tfmot.training.TrainSettings`, such as ``epochs=20``.

    Raises:
        DataError: If features and targets do not fit each other.
        RecipeError: If a setting is unknown or not allowed.
    """
    source = _source(training, seed)
    return run_training(model, source, validation, _settings(settings, len(source.features)), reporter=reporter)


def sparse_training(
    model: keras.Model, steps_per_epoch: int, features: np.ndarray | None = None, *, seed: int = 1, **settings: Any
) -> SparseTraining:
    """Sparse training for a loop of your own.

    Use ``network`` in place of the model, give ``callbacks`` to ``fit``, or call their ``on_epoch_begin`` and
    ``on_train_batch_begin`` yourself, call every function of ``after_step`` with the optimiser after each step, and
    take ``strip(network)`` at the end.

    Args:
        model: A trained network; it is left as it is.
        steps_per_epoch: Optimiser steps of an epoch.
        features: Training features for criteria that look at the layers' inputs.
        seed: Of the choice among them.
        settings: Fields of the method's class in :mod:`kws_tfmot.sparsity.sparsity_settings`: ``target``, ``method``.

    Raises:
        RecipeError: If a setting is not allowed, the method trains in several rounds, or nothing would be pruned.
    """
    parsed = parse_sparsity(settings)
    return prepare_training(model, parsed, parsed.plan()[-1], steps_per_epoch, features, seed)


def sparsify(
    model: keras.Model,
    training: Arrays,
    validation: Arrays,
    *,
    batch_size: int = 100,
    seed: int = 1,
    reporter: Reporter = SILENT,
    **settings: Any,
) -> keras.Model:
    """Train on until a share of the weights is zero; the model that is given is left as it is.

    Args:
        model: A trained network.
        training: Features and targets.
        validation: The same, of other speakers.
        batch_size: Clips a step.
        seed: Of the order of the clips.
        reporter: Where progress goes.
        settings: Fields of the method's class in :mod:`kws_tfmot.sparsity.sparsity_settings`: ``target=0.75``,
            ``method="mask_regrowth"``, ``epochs=10``, ``skip=("classifier",)``, ...

    Raises:
        RecipeError: If a setting is not allowed, nothing would be pruned, or the target is out of reach.
        BudgetError: If the training made fewer zeros than the target.
    """
    parsed = parse_sparsity(settings)
    source = _source(training, seed)
    for plan in parsed.plan():
        fitted = _settings(
            {
                "epochs": plan.epochs,
                "batch_size": batch_size,
                "learning_rate": parsed.learning_rate,
                "warmup_epochs": min(1.0, plan.epochs / 10),
            },
            len(source.features),
        )
        steps = len(source.features) // fitted.batch_size
        prepared = prepare_training(model, parsed, plan, steps, source.features, seed)
        plugins = Plugins(prepared.callbacks, (), prepared.after_step, prepared.keep_from_epoch)
        seed_everything(seed)
        run_training(prepared.network, source, validation, fitted, plugins=plugins, reporter=reporter)
        model = prepared.strip(prepared.network)
        if note := check_target(model, parsed, plan.target):
            reporter.note(note)
    return model


def zeros(model: keras.Model) -> dict[str, float]:
    """Share of zeros in the kernel of every layer, 0 to 1."""
    return {name: round(zero / size, 6) for name, (zero, size) in zeros_per_layer(model).items()}


def quantise(
    model: keras.Model,
    training: Arrays,
    validation: Arrays,
    *,
    scale: float,
    preserve: str = "auto",
    seed: int = 1,
    reporter: Reporter = SILENT,
    **settings: Any,
) -> keras.Model:
    """Quantisation-aware training for int8; the model that is given is left as it is.

    Args:
        model: A float network.
        training: Features and targets.
        validation: The same, of other speakers.
        scale: Of the front end's int8 features (``FrontendSettings().scale``).
        preserve: ``sparsity`` keeps every zero, ``nothing``, ``clusters``, ``clusters_and_sparsity``; ``auto`` keeps
            zeros where there are any to speak of.
        seed: Of the order of the clips.
        reporter: Where progress goes.
        settings: Fields of :class:`kws_tfmot.training.TrainSettings`.

    Raises:
        ModelError: If layers cannot be trained for int8; all are named.
    """
    source = _source(training, seed)
    if preserve == "auto":
        preserve = "sparsity" if max(zeros(model).values(), default=0) > _SPARSE_SHARE else "nothing"
    fitted = _settings({"epochs": 5, "learning_rate": 5e-4} | settings, len(source.features))
    network = apply_qat(model, preserve, scale, source.features[:500])
    seed_everything(seed)
    run_training(network, source, validation, fitted, reporter=reporter)
    return network


def convert(
    model: keras.Model,
    path: str | Path | None = None,
    *,
    labels: Sequence[str] = (),
    frontend: FrontendSettings | None = None,
    kind: str = "int8",
    representative: Any = None,
    **options: Any,
) -> bytes:
    """A ``.tflite`` that takes the front end's features byte for byte, with labels and front end inside.

    Args:
        model: What :func:`quantise` gave, or a float network with ``representative`` features.
        path: Where to write it, if anywhere.
        labels: One for each output, the last two ``_unknown_`` and ``_silence_``: what ``kws stream`` and the firmware
            read. Without labels the file carries no settings.
        frontend: Settings of the front end; the defaults if ``None``.
        kind: One of :data:`kws_tfmot.tflite.convert.KINDS`.
        representative: Features to calibrate with.
        options: Others of :func:`kws_tfmot.tflite.convert.convert`.

    Raises:
        ModelError: If the model cannot be converted, or the labels do not fit it.
    """
    front = frontend or FrontendSettings()
    quantization = (front.scale, front.zero_point) if kind.endswith("int8") else None
    given = {"input_quantization": quantization, "exact_linear": True} | options
    data = conversion.convert(model, kind, representative, **given)
    if labels:
        contract = _contract(tuple(labels), front)
        data = write_settings(data, contract.to_settings())
        ModelContract.of_model(data)
    if path is not None:
        write_bytes(Path(path), data)
    return data


def not_pruned(model: keras.Model, **settings: Any) -> dict[str, str]:
    """Layers that :func:`sparsify` with these settings would leave dense, and why."""
    return {row.layer: row.reason for row in coverage(model, parse_sparsity(settings)) if row.reason}


def _contract(labels: tuple[str, ...], front: FrontendSettings) -> ModelContract:
    if labels[-2:] != (UNKNOWN, SILENCE) or len(labels) < 3:
        raise ModelError(
            f"expected labels that end in {UNKNOWN!r} and {SILENCE!r}. Received: {', '.join(labels)}",
            "For example: labels=('left', 'right', '_unknown_', '_silence_').",
        )
    return ModelContract(labels, front, SplitSettings(keywords=labels[:-2]), DetectionSettings())


def _source(arrays: Arrays, seed: int) -> ArraySource:
    features, targets = (np.asarray(array, np.float32) for array in arrays)
    if features.ndim != 4 or targets.ndim != 2 or len(features) != len(targets) or not len(features):
        raise DataError(
            "expected features [N, frames, coefficients, 1] and one-hot targets [N, classes]. "
            f"Received: {features.shape} and {targets.shape}",
            "kws.model_input makes features of clips; np.eye(classes)[labels] makes targets.",
        )
    return ArraySource(features, targets, seed)


def _settings(given: dict[str, Any], clips: int) -> TrainSettings:
    """Training settings whose warm-up and batches fit a short training on few clips."""
    parsed = TrainSettings.parse({"warmup_epochs": min(1.0, given.get("epochs", 40) / 10)} | given)
    return parsed if parsed.batch_size <= clips else parsed.model_copy(update={"batch_size": clips})


def predict(model: str | Path | bytes, features: np.ndarray, kind: str = "tflm") -> np.ndarray:
    """Outputs of a ``.tflite``, by TFLite Micro's own kernels unless said otherwise.

    Args:
        model: Path or bytes.
        features: int8 ``[N, frames, coefficients]`` of the front end, or float32 as in training.
        kind: An interpreter, one of :data:`kws_tfmot.tflite.interpreter.KINDS`.

    Returns:
        Scores ``[N, classes]`` as the file has them: int8 for an int8 model.
    """
    from kws_tfmot.tflite.document import read_source
    from kws_tfmot.tflite.interpreter import open_interpreter

    interpreter = open_interpreter(read_source(model), kind)
    entry = interpreter.input
    values = np.asarray(features)
    if values.dtype.kind == "f" and entry.dtype == "int8":
        values = np.clip(np.rint(values / entry.scale) + entry.zero_point, -128, 127)
    batch = values.astype(entry.dtype).reshape(len(values), *entry.shape[1:])
    outputs = interpreter.run(batch)
    return outputs.reshape(len(values), -1)
