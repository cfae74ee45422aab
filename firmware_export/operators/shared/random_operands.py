"""What a binary operator of a random model is combined with."""

from __future__ import annotations

import numpy as np

from firmware_export.operators.shared.random_model import ACTIVATIONS, RandomModel


def second_operand(m: RandomModel, *, same_quantization: bool = False) -> tuple[list[int], float]:
    """Inputs in either order, the activation and itself, a constant, or one value a channel; the other's scale."""
    source, scale, shape = m.last, m.scale, m.shape
    other_scale = scale if same_quantization else scale * m.choose.pick((1.0, 0.3, 2.5))
    which = m.choose.pick(("itself", "tensor", "channel", "scalar"))
    if which == "itself":
        return [source, source], scale
    sizes = {"tensor": shape, "channel": (1, 1, 1, shape[3]), "scalar": (1, 1, 1, 1)}
    data = m.rng.integers(-128, 128, sizes[which]).astype(np.int8)
    other = m.writer.constant(data, other_scale, m.zero if same_quantization else m.zero_point())
    return ([source, other] if m.choose.pick((True, False)) else [other, source]), other_scale


def sample_sum(m: RandomModel, code: str) -> None:
    """ADD or SUB of the activation and :func:`second_operand`, of any activation."""
    shape, scale = m.shape, m.scale
    inputs, other_scale = second_operand(m)
    out = m.activation(shape, (scale + other_scale) * 0.7, m.zero_point())
    m.writer.operator(code, inputs, [out], fused_activation_function=m.choose.pick(ACTIVATIONS))
