"""Which layers sparse training touches, which it leaves dense, and why: always said, never silent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kws_tfmot.errors import RecipeError, did_you_mean
from kws_tfmot.keras import keras
from kws_tfmot.sparsity.settings import SparsitySettings

_PRUNABLE = (keras.layers.Conv2D, keras.layers.Dense)


@dataclass(frozen=True)
class Coverage:
    """What becomes of one layer that has a kernel. ``reason`` is empty for a layer that is pruned."""

    layer: str
    weights: int
    reason: str = ""


def kernel_of(layer: keras.layers.Layer) -> keras.backend.Variable | None:
    """The kernel of a convolution, depthwise convolution or fully connected layer, otherwise ``None``."""
    return getattr(layer, "depthwise_kernel", getattr(layer, "kernel", None))


def coverage(model: keras.Model, settings: SparsitySettings) -> list[Coverage]:
    """Say for every layer with a kernel whether it is pruned, and if not, why.

    Raises:
        RecipeError: If ``settings.skip`` names a layer that does not exist, or nothing would be pruned.
    """
    names = [layer.name for layer in model.layers]
    for name in settings.skip:
        if name not in names:
            raise RecipeError(
                f"sparsity.skip names the layer {name!r}, which the model does not have.{did_you_mean(name, names)}",
                f"Layers with weights: {', '.join(x.name for x in model.layers if kernel_of(x) is not None)}.",
            )
    rows = []
    for layer in model.layers:
        kernel = kernel_of(layer)
        if kernel is not None:
            rows.append(Coverage(layer.name, int(np.prod(kernel.shape)), _reason(layer, settings)))
    if all(row.reason for row in rows):
        reasons = "; ".join(f"{row.layer}: {row.reason}" for row in rows)
        raise RecipeError(f"no layer would be pruned ({reasons}).", "Change sparsity.skip or sparsity.pattern.")
    return rows


def _reason(layer: keras.layers.Layer, settings: SparsitySettings) -> str:
    if layer.name in settings.skip:
        return "named in sparsity.skip"
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        return "depthwise: few weights, each used at every position (TFMOT never prunes them)"
    if not isinstance(layer, _PRUNABLE):
        return f"layers of type {type(layer).__name__} are not pruned"
    if settings.n_of_m is not None and layer.kernel.shape[-2] % settings.n_of_m[1]:
        return (
            f"{layer.kernel.shape[-2]} input channels are no multiple of {settings.n_of_m[1]}, "
            f"which {settings.pattern} needs"
        )
    return ""
