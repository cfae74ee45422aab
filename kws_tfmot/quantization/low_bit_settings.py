"""Settings of weights of fewer than eight bits."""

from __future__ import annotations

from typing import Annotated, Literal

import pydantic

from kws_tfmot.settings import Settings
from kws_tfmot.sparsity.sparsity_settings import DistillationSettings

Bits = Annotated[int, pydantic.Field(ge=1, le=8, strict=True)]
ROLES = ("default", "first", "last", "depthwise")


class LowBitSettings(Settings):
    """Weights on a grid of 1 to 8 bits; see :mod:`kws_tfmot.quantization.grids`.

    With ``quantization.mode: qat`` they are trained by the straight-through estimator, with ``ptq`` rounded after
    training. Activations are int8, their ranges calibrated.

    Attributes:
        bits: Of every kernel; or of each by name, ``{default: 2, first: 8, depthwise: 3, block1_pointwise: 1}``. A
            layer's own name counts before ``first`` and ``last``, these before ``depthwise``, that before ``default``
            (8 where it is not given). Depthwise kernels take at least 4 bits unless they are named.
        levels: ``without_zero``: the paper's grid of ``2^k`` levels. ``with_zero``: ``2^k - 1`` levels with zero.
            ``auto``: with zero for 8 bits and, from 2 bits on, for kernels in which pruning left zeros. Zeros of
            pruning stay zeros in any case.
        scale: One step for each output ``channel``, or one for the whole ``tensor`` as in the paper.
        fit: How the step is found: ``least_squares``, or from the ``range`` (the largest weight is the last level);
            ``auto`` is least squares in training and the range in rounding.
        distillation: Training learns from the float model as well; null for not.
    """

    bits: Bits | dict[str, Bits] = 2
    levels: Literal["auto", "without_zero", "with_zero"] = "auto"
    scale: Literal["channel", "tensor"] = "channel"
    fit: Literal["auto", "least_squares", "range"] = "auto"
    distillation: DistillationSettings | None = DistillationSettings()

    @pydantic.model_validator(mode="after")
    def _levels_exist(self) -> LowBitSettings:
        given = self.bits.values() if isinstance(self.bits, dict) else (self.bits,)
        if self.levels == "with_zero" and 1 in given:
            raise ValueError("one bit has no zero level; set levels=auto or at least 2 bits")
        return self
