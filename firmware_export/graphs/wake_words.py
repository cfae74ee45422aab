"""Networks with state as microWakeWord writes them, with random weights: for tests and benchmarks.

Every convolution along time keeps its newest rows in a resource variable that an initialiser subgraph sets once. The
second generation splits the channels for depthwise convolutions of several lengths (MixConv), joins variable and new
rows and keeps a slice; the first keeps the whole window and slices what it reads.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from firmware_export.graphs.graph_writer import GraphWriter

FEATURES = 40
INPUT_SCALE = 26 / 255  # of microWakeWord: int8 from -128 represents 0 to 26


@dataclass(frozen=True)
class WakeWordShape:
    """A network with state.

    Attributes:
        rows: New rows of features that an inference takes: the stride of the first convolution.
        channels: Of every layer.
        kernels: For each block the lengths of its depthwise convolutions, which share the channels evenly.
        ending: Rows that the last layer sees.
        first_generation: Variables hold the whole window instead of what was before the new rows.
        initial: What variables start from, in place of their zero point.
    """

    rows: int = 3
    channels: int = 16
    kernels: tuple[tuple[int, ...], ...] = ((5,), (7, 11))
    ending: int = 6
    first_generation: bool = False
    initial: int | None = None


def wake_word_model(shape: WakeWordShape = WakeWordShape(), seed: int = 0) -> bytes:
    """A network of ``shape``: int8 ``[1, rows, 40]`` in, uint8 ``[1, 1]`` out, a probability in steps of 1/256."""
    return _Builder(shape, seed).build()


class _Builder:
    """Appends layers; ``last`` is the tensor made last, of ``rows_now`` rows and ``depth`` channels."""

    def __init__(self, shape: WakeWordShape, seed: int) -> None:
        self.shape, self.rng, self.writer = shape, np.random.default_rng(seed), GraphWriter()
        self.scale, self.zero, self.depth, self.memories = INPUT_SCALE, -128, FEATURES, 0
        self.source = self.writer.activation((1, shape.rows, FEATURES), INPUT_SCALE, -128)
        self.last = self._reshaped(self.source, (1, shape.rows, 1, FEATURES))

    def build(self) -> bytes:
        """The bytes of the whole network: first convolution, MixConv blocks, dense layer, sigmoid."""
        shape = self.shape
        length = shape.rows + 2
        self._remember(length, shape.rows)
        self._convolution(length, stride=shape.rows, channels=shape.channels)
        for lengths in shape.kernels:
            self._remember(max(lengths), 1)
            self._mixed(lengths, max(lengths))
            self._convolution(1, stride=1, channels=shape.channels)
        self._remember(shape.ending, 1)
        self._finish()
        return self.writer.finish([self.source], [self.last])

    def _activation(self, *shape: int) -> int:
        return self.writer.activation(shape, self.scale, self.zero)

    def _numbers(self, *values: int) -> int:
        return self.writer.constant(np.array(values, np.int32))

    def _reshaped(self, tensor: int, shape: tuple[int, ...]) -> int:
        out = self._activation(*shape)
        self.writer.operator("RESHAPE", [tensor, self._numbers(*shape)], [out], new_shape=np.array(shape, np.int32))
        return out

    def _newest(self, tensor: int, kept: int, depth: int) -> int:
        out = self._activation(1, kept, 1, depth)
        bounds = [self._numbers(0, -kept, 0, 0), self._numbers(0, 0, 0, depth), self._numbers(1, 1, 1, 1)]
        self.writer.operator("STRIDED_SLICE", [tensor, *bounds], [out], begin_mask=13, end_mask=15)
        return out

    def _remember(self, length: int, new: int) -> None:
        """Put the newest rows before the new ones: ``length`` rows in all."""
        first, depth, writer = self.shape.first_generation, self.depth, self.writer
        name, kept = f"stream_{self.memories}/states", length if self.shape.first_generation else length - new
        self.memories += 1
        start = self.zero if self.shape.initial is None else self.shape.initial
        writer.initial(name, np.full((1, kept, 1, depth), start, np.int8), self.scale, self.zero)
        handle = writer.handle(name)
        before = self._activation(1, kept, 1, depth)
        writer.operator("READ_VARIABLE", [handle], [before])
        older = self._newest(before, length - new, depth) if first else before
        joined = self._activation(1, length, 1, depth)
        writer.operator("CONCATENATION", [older, self.last], [joined], axis=1)
        after = joined if first else self._newest(joined, kept, depth)
        writer.operator("ASSIGN_VARIABLE", [handle, after], [])
        self.last = joined

    def _weights(self, *shape: int, axis: int, fan_in: int) -> tuple[list[int], float]:
        """Weights and biases as operands, and an output scale that suits them."""
        units = shape[axis]
        data = self.rng.integers(-127, 128, shape).astype(np.int8)
        scales = self.rng.uniform(0.002, 0.004, units).astype(np.float32)
        biases = self.rng.integers(-2000, 2000, units)
        operands = [self.writer.weights(data, scales, axis), self.writer.biases(biases, scales * self.scale)]
        return operands, self.scale * 0.003 * 40 * float(np.sqrt(fan_in))

    def _convolution(self, length: int, stride: int, channels: int) -> None:
        operands, scale = self._weights(channels, length, 1, self.depth, axis=0, fan_in=length * self.depth)
        source, (self.scale, self.zero, self.depth) = self.last, (scale, -128, channels)
        self.last = self._activation(1, 1, 1, channels)
        options = {"stride_h": stride, "stride_w": 1, "dilation_h_factor": 1, "dilation_w_factor": 1}
        relu = {"padding": "VALID", "fused_activation_function": "RELU"}
        self.writer.operator("CONV_2D", [source, *operands], [self.last], **options, **relu)

    def _mixed(self, lengths: tuple[int, ...], rows: int) -> None:
        """Depthwise convolutions of several lengths, each over its share of the channels."""
        parts, share = [self.last], self.depth // len(lengths)
        if len(lengths) > 1:
            parts = [self._activation(1, rows, 1, share) for _ in lengths]
            sizes = [self._numbers(*[share] * len(lengths)), self.writer.constant(np.array(-1, np.int32))]
            self.writer.operator("SPLIT_V", [self.last, *sizes], parts, num_splits=len(lengths))
        parts = [
            part if length == rows else self._newest(part, length, share)
            for part, length in zip(parts, lengths, strict=True)
        ]
        weighted = [self._weights(1, length, 1, share, axis=3, fan_in=length) for length in lengths]
        self.scale, self.zero = max(scale for _, scale in weighted), int(self.rng.integers(-40, 40))
        outputs = []
        for part, (operands, _) in zip(parts, weighted, strict=True):
            outputs.append(self._activation(1, 1, 1, share))
            options = {"stride_h": 1, "stride_w": 1, "dilation_h_factor": 1, "dilation_w_factor": 1}
            self.writer.operator(
                "DEPTHWISE_CONV_2D", [part, *operands], [outputs[-1]], padding="VALID", depth_multiplier=1, **options
            )
        self.last = outputs[0]
        if len(outputs) > 1:
            self.last = self._activation(1, 1, 1, self.depth)
            self.writer.operator("CONCATENATION", outputs, [self.last], axis=-1)

    def _finish(self) -> None:
        """Fully connected over every row, logistic, uint8."""
        depth = self.shape.ending * self.depth
        flat = self._reshaped(self.last, (1, depth))
        data = self.rng.integers(-127, 128, (1, depth)).astype(np.int8)
        weights = self.writer.weights(data, np.array([0.003]), 0)
        bias = self.writer.biases(
            self.rng.integers(-2000, 2000, 1), np.array([np.float32(0.003) * np.float32(self.scale)])
        )
        logit = self.writer.activation((1, 1), 0.06, 10)
        chance = self.writer.activation((1, 1), 1 / 256, -128)
        self.last = self.writer.activation((1, 1), 1 / 256, 0, "uint8")
        self.writer.operator("FULLY_CONNECTED", [flat, weights, bias], [logit])
        self.writer.operator("LOGISTIC", [logit], [chance])
        self.writer.operator("QUANTIZE", [chance], [self.last])
