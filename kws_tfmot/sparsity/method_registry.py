"""From settings to a method of sparse training, ready to be trained: the one place that knows all of them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from kws_tfmot.errors import OUR_FAULT, RecipeError
from kws_tfmot.keras import keras
from kws_tfmot.models.copying import fresh_copy
from kws_tfmot.sparsity.compressed_sensing_pruning import CompressedSensingPruning
from kws_tfmot.sparsity.importance_pruning import ImportancePruning
from kws_tfmot.sparsity.layer_inputs import LayerInputs
from kws_tfmot.sparsity.masked_training import MaskedTraining
from kws_tfmot.sparsity.method import SparseMethod
from kws_tfmot.sparsity.patterns import Pattern
from kws_tfmot.sparsity.rounds import Round
from kws_tfmot.sparsity.sparsity_settings import (
    AllocatedSettings,
    CompressedSensing,
    MaskRegrowth,
    RankedSettings,
    SparsitySettings,
    TfmotMagnitude,
)
from kws_tfmot.sparsity.target import check_reachable


@dataclass(frozen=True)
class SparseTraining:
    """One round of sparse training, ready for the loop.

    Attributes:
        network: What is trained: a copy of the given model, wrapped if the method wraps layers.
        callbacks: What the method does between steps.
        after_step: What it does in the graph after each step.
        keep_from_epoch: First epoch whose weights may be selected; before it the masks are not final.
        strip: Takes the trained network, returns the model itself with zeros in its kernels.
    """

    network: keras.Model
    callbacks: tuple[keras.callbacks.Callback, ...]
    after_step: tuple[Callable[[keras.optimizers.Optimizer], None], ...]
    keep_from_epoch: int
    strip: Callable[[keras.Model], keras.Model]


@functools.singledispatch
def make_method(settings: SparsitySettings, patterns: Mapping[str, Pattern]) -> SparseMethod:
    """The method of masks that ``settings`` name (all but TFMOT's, which is a wrapper of layers).

    Raises:
        RecipeError: If there is none for settings of this class.
    """
    raise RecipeError(f"sparsity.method={settings.method} is no method of masks.", OUR_FAULT)


@make_method.register
def _importance(settings: RankedSettings, patterns: Mapping[str, Pattern]) -> SparseMethod:
    options = {key: getattr(settings, key) for key in ("l1", "decay") if key in type(settings).model_fields}
    returns, allocation = isinstance(settings, MaskRegrowth), settings.resolved_allocation
    return ImportancePruning(patterns, settings.criterion, allocation, settings.floor, returns=returns, **options)


@make_method.register
def _compressed_sensing(settings: CompressedSensing, patterns: Mapping[str, Pattern]) -> SparseMethod:
    return CompressedSensingPruning(
        patterns,
        settings.sensing,
        settings.resolved_allocation,
        settings.floor,
        settings.l1,
        settings.pull,
        settings.decay,
    )


def prepare_training(
    model: keras.Model,
    settings: SparsitySettings,
    plan: Round,
    steps_per_epoch: int,
    features: np.ndarray | None = None,
    seed: int = 0,
) -> SparseTraining:
    """Make ``model`` ready for one round of sparse training.

    Args:
        model: A float model; it is left as it is. Weights that are zero already stay zero with our own methods.
        settings: Method, pattern and what belongs to it.
        plan: Target and length of the round.
        steps_per_epoch: Optimiser steps of an epoch.
        features: Model input of training clips ``[N, frames, coefficients, 1]``, for the criteria that look at the
            layers' inputs.
        seed: Of the choice among these clips.

    Raises:
        RecipeError: If a layer to skip does not exist, nothing would be pruned, the target is out of reach in groups so
            large, or the criterion has no clips to see.
    """
    from kws_tfmot.sparsity.tfmot_pruning import pruning_callbacks, strip_pruning, wrap_for_pruning

    pruned = [row for row in check_reachable(model, settings) if not row.reason]
    ramp = plan.ramp(steps_per_epoch)
    keep_from = plan.first_final_epoch(ramp, steps_per_epoch)
    if isinstance(settings, TfmotMagnitude):
        wrapped = wrap_for_pruning(model, settings, ramp)
        return SparseTraining(wrapped, tuple(pruning_callbacks()), (), keep_from, strip_pruning)
    network = fresh_copy(model)
    method = make_method(settings, {row.layer: row.pattern for row in pruned})
    layers = [row.layer for row in pruned]
    inputs = None
    if isinstance(settings, AllocatedSettings) and method.uses_inputs:
        if features is None or not len(features):
            raise RecipeError(
                f"sparsity.method={settings.method} looks at the layers' inputs, and there are no clips to look at.",
                "Give training clips, or set sparsity.criterion=magnitude (csp: sparsity.sensing=weights).",
            )
        inputs = LayerInputs(network, layers, features, settings.observed_clips, seed).sample
    masked = MaskedTraining(network, layers, method, ramp, inputs, zero_dead=settings.shrink)
    return SparseTraining(network, (masked,), (masked.after_step,), keep_from, lambda trained: trained)
