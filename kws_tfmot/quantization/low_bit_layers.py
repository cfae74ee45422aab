"""Which grid each layer of a model takes, and its kernel as a matrix of columns that share a step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kws_tfmot.errors import RecipeError, did_you_mean
from kws_tfmot.keras import keras
from kws_tfmot.quantization.grids import Floats, Grid, least_squares_steps, nearest_levels, range_steps
from kws_tfmot.quantization.low_bit_settings import ROLES, LowBitSettings
from kws_tfmot.sparsity.coverage import kernel_of

# Of depthwise kernels that are not named: they are few, and a channel sees nothing but its one window. One bit for
# them too takes 816 B less flash and lost 1.5 points on DS-CNN small (three seeds; results/low_bit.json).
DEPTHWISE_BITS = 4


@dataclass(frozen=True)
class LowBitLayer:
    """One layer's grid. ``axes`` are those of its kernel that share a step: all, or all but the output channels'."""

    name: str
    grid: Grid
    axes: tuple[int, ...]

    def columns(self, kernel: Floats) -> Floats:
        """The kernel as ``[N, columns]``, a column for each step."""
        kept = [axis for axis in range(kernel.ndim) if axis not in self.axes]
        moved = np.transpose(kernel, (*self.axes, *kept))
        return moved.reshape(int(np.prod([kernel.shape[axis] for axis in self.axes])), -1)

    def steps(self, kernel: Floats, fit: str) -> Floats:
        """Steps that fit ``kernel``, in a shape that broadcasts with it. ``fit``: ``least_squares`` or ``range``."""
        columns = self.columns(kernel.astype(np.float64))
        found = range_steps(columns, self.grid) if fit == "range" else least_squares_steps(columns, self.grid)
        shape = [1 if axis in self.axes else size for axis, size in enumerate(kernel.shape)]
        return np.where(found > 0, found, 1.0).reshape(shape).astype(np.float32)

    def levels(self, kernel: Floats, steps: Floats) -> Floats:
        """Levels of ``kernel``: exact zeros stay zero, also on a grid without zero."""
        return nearest_levels(kernel / steps, self.grid) * (kernel != 0)


def kernels_of(model: keras.Model) -> dict[str, keras.backend.Variable]:
    """``{layer: kernel}`` of every convolution, depthwise convolution and fully connected layer, in their order."""
    return {layer.name: kernel for layer in model.layers if (kernel := kernel_of(layer)) is not None}


def low_bit_layers(model: keras.Model, settings: LowBitSettings) -> list[LowBitLayer]:
    """The grid of every layer with a kernel, in the order of the model.

    Args:
        model: A float model without wrappers; exact zeros in its kernels are taken for pruned.
        settings: Bits by layer or role.

    Raises:
        RecipeError: If the settings name a layer that is not there, or one without a kernel.
    """
    kernels = kernels_of(model)
    names = list(kernels)
    if isinstance(settings.bits, dict):
        _check_names(list(settings.bits), names)
    result = []
    for place, name in enumerate(names):
        depthwise = isinstance(model.get_layer(name), keras.layers.DepthwiseConv2D)
        roles = [name, *(["first"] if place == 0 else []), *(["last"] if place == len(names) - 1 else [])]
        bits = _bits(settings, [*roles, *(["depthwise"] if depthwise else [])], depthwise)
        kernel = kernels[name].numpy()
        zero = _has_zero(settings.levels, bits, bool((kernel == 0).any()))
        channels = {2, 3} if depthwise else {kernel.ndim - 1}
        kept = channels if settings.scale == "channel" else set()
        axes = tuple(axis for axis in range(kernel.ndim) if axis not in kept)
        result.append(LowBitLayer(name, Grid(bits, zero), axes))
    return result


def _check_names(given: list[str], names: list[str]) -> None:
    for name in given:
        if name not in names and name not in ROLES:
            raise RecipeError(
                f"quantization.low_bit.bits names the layer {name!r}, which the model does not have or which has no "
                f"kernel.{did_you_mean(name, [*names, *ROLES])}",
                f"Layers with weights: {', '.join(names)}; or one of {', '.join(ROLES)}.",
            )


def _bits(settings: LowBitSettings, roles: list[str], depthwise: bool) -> int:
    given = settings.bits if isinstance(settings.bits, dict) else {"default": settings.bits}
    named = next((given[role] for role in roles if role in given), None)
    default = given.get("default", 8)
    return named if named is not None else max(default, DEPTHWISE_BITS) if depthwise else default


def _has_zero(levels: str, bits: int, pruned: bool) -> bool:
    if bits in (1, 8):
        return bits == 8
    return pruned if levels == "auto" else levels == "with_zero"
