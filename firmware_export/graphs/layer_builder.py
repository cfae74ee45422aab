"""Layers with random weights one after another: what the benchmarks' networks are made of."""

from __future__ import annotations

import numpy as np

from firmware_export.graphs.graph_writer import GraphWriter
from kws_tfmot.quantization.grids import Grid, nearest_levels


class LayerBuilder:
    """Adds layers whose output scale follows from the weights, so that outputs use the int8 range."""

    def __init__(
        self,
        shape: tuple[int, ...],
        quantization: tuple[float, int],
        seed: int = 0,
        sparsity: float = 0.0,
        relu_zero: int = -128,
        grid: Grid | None = None,
    ) -> None:
        self.rng = np.random.default_rng(seed)
        self.grid, self.relu_zero = grid, relu_zero
        self.sparsity = sparsity
        self.writer = GraphWriter()
        self.scale, zero = quantization
        self.last = self.first = self.writer.activation(shape, self.scale, zero)

    def _weights(self, shape: tuple[int, ...], sparse: bool) -> np.ndarray:
        weights = np.clip(np.round(self.rng.normal(0, 40, shape)), -127, 127)
        weights[weights == 0] = 1
        if self.grid is not None:
            weights = self.grid.factor * nearest_levels(weights / (40 / self.grid.top), self.grid)
        if sparse and self.sparsity > 0:
            dropped = self.rng.permutation(weights.size)[: round(self.sparsity * weights.size)]
            weights.reshape(-1)[dropped] = 0
        return weights.astype(np.int8)

    def layer(self, code: str, shape: tuple[int, ...], kernel: tuple[int, ...], fan_in: int, **options: object) -> None:
        """One convolution or fully connected layer, ReLU unless said otherwise."""
        depthwise = code == "DEPTHWISE_CONV_2D"
        sparse = code == "CONV_2D"
        axis, channels = (3, kernel[3]) if depthwise else (0, kernel[0])
        weights = self._weights(kernel, sparse)
        scales = self.rng.uniform(0.5, 1.5, channels).astype(np.float32) * np.float32(0.01)
        density = 1 - self.sparsity if sparse else 1.0
        relu = code != "FULLY_CONNECTED"
        gain = self.scale * 40 * 50 * np.sqrt(max(fan_in * density, 1)) * 3 / 255
        if not relu:  # logits of a usual size: one step is 0.1
            scales = np.array([0.1 / gain], np.float32)
        out_scale = float(gain * 0.01) if relu else 0.1
        bias = self.rng.integers(-2000, 2000, channels)
        inputs = [
            self.last,
            self.writer.weights(weights, scales, axis),
            self.writer.biases(bias, scales * np.float32(self.scale)),
        ]
        self.last = self.writer.activation(shape, out_scale, self.relu_zero if relu else 10)
        self.scale = out_scale
        activation = {"fused_activation_function": "RELU"} if relu else {}
        self.writer.operator(code, inputs, [self.last], **activation, **options)
