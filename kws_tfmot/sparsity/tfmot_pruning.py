"""TFMOT's gradual magnitude pruning (Zhu and Gupta 2017, arXiv 1710.01878), behind one small adapter."""

from __future__ import annotations

from kws_tfmot.tfmot import tfmot  # isort: skip  (Keras 2 must be chosen before TFMOT is imported)

from kws_tfmot.keras import keras
from kws_tfmot.models.copying import fresh_copy
from kws_tfmot.sparsity.coverage import Coverage, coverage, layer_of
from kws_tfmot.sparsity.schedules import Ramp
from kws_tfmot.sparsity.sparsity_settings import SparsitySettings
from kws_tfmot.sparsity.target import layer_zeros


def wrap_for_pruning(model: keras.Model, settings: SparsitySettings, ramp: Ramp) -> keras.Model:
    """Return a copy of ``model`` with pruning wrappers around the layers that :func:`coverage` names.

    Args:
        model: A trained float model; it is left as it is.
        settings: Target and pattern.
        ramp: When masks are updated, and to what sparsity.

    Raises:
        RecipeError: As :func:`coverage`.
    """
    rows = [row for row in coverage(model, settings) if not row.reason]
    zeros = layer_zeros(rows, ramp.target)
    pruned = {layer_of(model, row.layer).name: row for row in rows}
    shares: dict[str, float] = {}  # a recurrent layer has two kernels and one schedule
    for row in rows:
        name = layer_of(model, row.layer).name
        shares[name] = max(shares.get(name, 0.0), zeros[row.layer] / row.weights)
    copy = fresh_copy(model)

    def wrap(layer: keras.layers.Layer) -> keras.layers.Layer:
        """The layer with TFMOT's pruning around it, if it is one of those pruned."""
        if layer.name not in pruned:
            return layer
        return tfmot.sparsity.keras.prune_low_magnitude(
            layer, **_arguments(pruned[layer.name], shares[layer.name], ramp)
        )

    return keras.models.clone_model(copy, clone_function=wrap)


def _arguments(row: Coverage, share: float, ramp: Ramp) -> dict:
    end = max(ramp.end, ramp.begin + 1)
    schedule = tfmot.sparsity.keras.PolynomialDecay(0.0, share, ramp.begin, end, frequency=ramp.frequency)
    if row.pattern.kept:
        # TFMOT computes an N:M mask whole, whatever the schedule says of the share.
        constant = tfmot.sparsity.keras.ConstantSparsity(share, ramp.begin, frequency=ramp.frequency)
        return {"pruning_schedule": constant, "sparsity_m_by_n": (row.pattern.kept, row.pattern.inputs)}
    if row.pattern.group > 1:
        # TFMOT's matrices are [inputs, outputs].
        block = (row.pattern.inputs, row.pattern.outputs)
        return {"pruning_schedule": schedule, "block_size": block, "block_pooling_type": "AVG"}
    return {"pruning_schedule": schedule}


def pruning_callbacks() -> list[keras.callbacks.Callback]:
    """What pruning needs: TFMOT's ``UpdatePruningStep``, which finds the wrappers inside the training shell."""
    return [tfmot.sparsity.keras.UpdatePruningStep()]


def strip_pruning(model: keras.Model) -> keras.Model:
    """Remove the wrappers; the zeros stay in the kernels."""
    return fresh_copy(tfmot.sparsity.keras.strip_pruning(model))
