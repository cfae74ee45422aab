"""TFMOT's gradual magnitude pruning (Zhu and Gupta 2017, arXiv 1710.01878), behind one small adapter."""

from __future__ import annotations

from kws_tfmot.keras import keras  # isort: skip  (Keras 2 must be chosen before TFMOT is imported)
import tensorflow_model_optimization as tfmot

from kws_tfmot.models.copying import fresh_copy
from kws_tfmot.sparsity.coverage import coverage
from kws_tfmot.sparsity.settings import SparsitySettings


def cubic_ramp(step: int, begin: int, end: int, target: float) -> float:
    """Sparsity after ``step`` steps: ``target * (1 - (1 - (step - begin) / (end - begin))**3)``, 0 before ``begin``.

    >>> [round(cubic_ramp(t, 0, 100, 0.8), 3) for t in (0, 50, 100, 150)]
    [0.0, 0.7, 0.8, 0.8]
    """
    done = min(max((step - begin) / (end - begin), 0.0), 1.0)
    return target * (1 - (1 - done) ** 3)


def wrap_for_pruning(model: keras.Model, settings: SparsitySettings, steps: int) -> keras.Model:
    """Return a copy of ``model`` with pruning wrappers around the layers that :func:`coverage` names.

    Args:
        model: A trained float model; it is left as it is.
        settings: Target, pattern and ramp.
        steps: Optimiser steps of the whole pruning run; ``begin`` and ``end`` are shares of them.

    Raises:
        RecipeError: As :func:`coverage`.
    """
    pruned = {row.layer for row in coverage(model, settings) if not row.reason}
    copy = fresh_copy(model)
    begin = round(settings.begin * steps)
    # Masks change only every `frequency` steps: end on such a step, or the target is missed by a little.
    updates = max(1, round((settings.end - settings.begin) * steps / settings.frequency))
    end = begin + updates * settings.frequency
    schedule = tfmot.sparsity.keras.PolynomialDecay(0.0, settings.target, begin, end, frequency=settings.frequency)

    def wrap(layer: keras.layers.Layer) -> keras.layers.Layer:
        if layer.name not in pruned:
            return layer
        return tfmot.sparsity.keras.prune_low_magnitude(layer, **_arguments(layer, settings, schedule, begin))

    return keras.models.clone_model(copy, clone_function=wrap)


def _arguments(layer: keras.layers.Layer, settings: SparsitySettings, schedule: object, begin: int) -> dict:
    if settings.n_of_m is not None:
        # TFMOT computes an N:M mask whole, whatever the schedule says of the share.
        constant = tfmot.sparsity.keras.ConstantSparsity(settings.target, begin, frequency=settings.frequency)
        return {"pruning_schedule": constant, "sparsity_m_by_n": settings.n_of_m}
    if settings.block is not None and isinstance(layer, keras.layers.Dense):
        return {"pruning_schedule": schedule, "block_size": settings.block, "block_pooling_type": "AVG"}
    return {"pruning_schedule": schedule}


def pruning_callbacks() -> list[keras.callbacks.Callback]:
    """What pruning needs: TFMOT's ``UpdatePruningStep``, which finds the wrappers inside the training shell."""
    return [tfmot.sparsity.keras.UpdatePruningStep()]


def strip_pruning(model: keras.Model) -> keras.Model:
    """Remove the wrappers; the zeros stay in the kernels."""
    return fresh_copy(tfmot.sparsity.keras.strip_pruning(model))
