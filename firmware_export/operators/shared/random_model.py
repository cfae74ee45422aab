"""A random small int8 model under construction, to which operators append themselves.

All choices go through a :class:`Chooser`, so that a test can let hypothesis make (and shrink) them, and a script a
seeded generator. The models are what the reference accepts; their values are spread over the int8 range.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np

if TYPE_CHECKING:
    from firmware_export.graphs.graph_writer import GraphWriter

T = TypeVar("T")
ZERO_POINTS = (-128, 127, 0, -1, 1, -127, 5, -77, 90)
ACTIVATIONS = ("NONE", "NONE", "RELU", "RELU6", "RELU_N1_TO_1")
SPARSITIES = (0.0, 0.0, 0.3, 0.5, 0.75, 0.9, 0.97, 1.0)


class Chooser(Protocol):
    """Where random decisions come from."""

    def integer(self, low: int, high: int) -> int:
        """A number from ``low`` to ``high``, both possible."""

    def pick(self, options: Sequence[T]) -> T:
        """One of the options."""


class RandomModel:
    """A model under construction: the writer and the activation at its end."""

    def __init__(self, choose: Chooser, writer: GraphWriter) -> None:
        self.choose = choose
        self.writer = writer
        self.rng = np.random.default_rng(choose.integer(0, 1 << 30))
        self.shape: tuple[int, ...] = ()
        self.last = -1
        self.scale, self.zero = 1.0, 0

    def activation(self, shape: tuple[int, ...], scale: float, zero: int) -> int:
        """The next activation."""
        # the reference aborts on scales far outside of what training gives
        self.shape, self.scale, self.zero = shape, float(np.float32(min(max(scale, 1e-5), 1e3))), zero
        self.last = self.writer.activation(shape, self.scale, zero)
        return self.last

    def zero_point(self) -> int:
        """Any zero point, often one at the ends."""
        return self.choose.pick(ZERO_POINTS)

    def same(self, shape: tuple[int, ...]) -> int:
        """The next activation, with the scale and zero point of the last."""
        return self.activation(shape, self.scale, self.zero)

    def weights(self, shape: tuple[int, ...]) -> np.ndarray:
        """Random weights: any bits, any sparsity, sometimes in blocks or a few values only."""
        kind = self.choose.pick(("any", "few bits", "few values", "blocks", "any", "few bits", "extreme", "signs"))
        size = int(np.prod(shape))
        if kind == "signs":
            top = (1 << self.choose.integer(1, 4)) - 1
            odd = 2 * self.rng.integers(0, top + 1, size) - top
            return (odd * self.choose.integer(1, 127 // top)).astype(np.int8).reshape(shape)
        if kind == "few bits":
            reach = 1 << self.choose.integer(0, 5)
            values = self.rng.integers(-reach, reach, size)
        elif kind == "few values":
            values = self.rng.choice(self.rng.integers(-127, 128, 5), size)
        elif kind == "extreme":
            values = self.rng.choice([-127, 127, -128], size)
        else:
            values = np.clip(np.round(self.rng.normal(0, 40, size)), -127, 127)
        sparsity = self.choose.pick(SPARSITIES)
        if kind == "blocks":
            dead = np.repeat(self.rng.random(-(-size // 4)) < sparsity, 4)[:size]
        else:
            dead = self.rng.random(size) < sparsity
        return np.where(dead, 0, values).astype(np.int8).reshape(shape)

    def weighted(self, code: str, weights: np.ndarray, axis: int, shape: tuple[int, ...], **options: Any) -> None:
        """A convolution or fully connected layer with random scales, biases and activation."""
        channels = weights.shape[axis]
        per_channel = self.choose.pick((True, True, False))
        scales = (self.rng.uniform(0.2, 1.8, channels if per_channel else 1) * 0.01).astype(np.float32)
        spread = np.sqrt(max(float((weights.astype(np.float64) ** 2).sum()) / channels, 1.0)) * 74
        gain = self.choose.pick((1.0, 1.0, 1.0, 0.02, 30.0))  # 0.02 saturates, 30 leaves a few steps
        out_scale = self.scale * 0.01 * spread * gain / 60
        relu = self.choose.pick(ACTIVATIONS)
        inputs = [self.last, self.writer.weights(weights, scales, axis)]
        if self.choose.pick((True, True, True, code == "DEPTHWISE_CONV_2D")):
            bias = self.rng.normal(0, spread, channels)
            scaled = (scales * np.float32(self.scale)).astype(np.float32)
            inputs.append(self.writer.biases(np.round(bias), scaled))
        elif self.choose.pick((True, False)):
            inputs.append(-1)
        out = self.activation(shape, out_scale, self.zero_point())
        self.writer.operator(code, inputs, [out], fused_activation_function=relu, **options)

    def window(self, most: int, dilation: bool) -> tuple[dict[str, Any], int, int, int, int]:
        """Padding, strides, dilations and window, and the output's height and width."""
        _, height, width, _ = self.shape
        padding = self.choose.pick(("SAME", "VALID"))
        options: dict[str, Any] = {"padding": padding}
        out, taps = [], []
        for axis, size in (("h", height), ("w", width)):
            step, spacing = self.choose.integer(1, 3), self.choose.pick((1, 1, 2, 3)) if dilation else 1
            reach = size if padding == "VALID" else most
            window = self.choose.integer(1, max(min(most, (reach - 1) // spacing + 1), 1))
            options[f"stride_{axis}"] = step
            if dilation:
                options[f"dilation_{axis}_factor"] = spacing
            taps.append(window)
            out.append(-(-size // step) if padding == "SAME" else (size - (window - 1) * spacing - 1) // step + 1)
        return options, taps[0], taps[1], out[0], out[1]
