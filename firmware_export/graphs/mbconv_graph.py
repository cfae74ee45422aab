"""MBConv networks with random int8 weights, written without a training framework: what their costs are measured on.

The architecture is that of ``kws_tfmot/models/mbconv.py`` as TFLite's converter leaves it: batch norm folded, ReLU6
fused into the convolution before it, projections linear. Instructions of a dense network depend on its shapes alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from firmware_export.graphs.graph_writer import GraphWriter
from kws_tfmot.errors import RecipeError
from kws_tfmot.models.mbconv_cells import KERNELS, Cell
from kws_tfmot.search.cells.cell_space import FIRST_CONV, CellSpace

FIRST_STRIDES, CELL_STRIDES = (2, 1), (2, 2)
_RELU6 = 6 / 255  # scale of an activation from 0 to 6
_WEIGHT_SCALE = 0.01


def _halved(size: tuple[int, int], strides: tuple[int, int]) -> tuple[int, int]:
    return -(-size[0] // strides[0]), -(-size[1] // strides[1])


@dataclass(frozen=True)
class _Activation:
    index: int
    shape: tuple[int, ...]
    scale: float


class _Network:
    """A model under construction; scales follow from the weights, so that outputs use the int8 range."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.writer = GraphWriter()

    def activation(self, shape: tuple[int, ...], scale: float, zero_point: int) -> _Activation:
        """Add an int8 tensor; the scale is rounded to float32 as the file stores it."""
        scale = float(np.float32(scale))
        return _Activation(self.writer.activation(shape, scale, zero_point), shape, scale)

    def convolution(
        self,
        x: _Activation,
        channels: int,
        kernel: tuple[int, int] = (1, 1),
        strides: tuple[int, int] = (1, 1),
        depthwise: bool = False,
        relu6: bool = True,
    ) -> _Activation:
        """SAME convolution, bias, and ReLU6 or nothing."""
        shape = (1, *_halved((x.shape[1], x.shape[2]), strides), channels)
        depth = 1 if depthwise else x.shape[3]
        form = (1, *kernel, channels) if depthwise else (channels, *kernel, depth)
        out = self.activation(shape, _RELU6, -128) if relu6 else self.activation(shape, self.rng.uniform(0.04, 0.06), 3)
        options = {"padding": "SAME", "stride_h": strides[0], "stride_w": strides[1]}
        if depthwise:
            options["depth_multiplier"] = 1
        if relu6:
            options["fused_activation_function"] = "RELU6"
        inputs = self._weights(x, out, form, 3 if depthwise else 0, math.prod(kernel) * depth)
        self.writer.operator("DEPTHWISE_CONV_2D" if depthwise else "CONV_2D", inputs, [out.index], **options)
        return out

    def _weights(self, x: _Activation, out: _Activation, form: tuple[int, ...], axis: int, fan_in: int) -> list[int]:
        channels = form[axis]
        weights = np.clip(np.round(self.rng.normal(0, 40, form)), -127, 127).astype(np.int8)
        weights[weights == 0] = 1
        spread = x.scale * 40 * 50 * math.sqrt(fan_in)
        scales = (self.rng.uniform(0.5, 1.5, channels) * out.scale * 60 / spread).astype(np.float32)
        bias = self.rng.integers(-2000, 2000, channels)
        return [
            x.index,
            self.writer.weights(weights, scales, axis),
            self.writer.biases(bias, scales * np.float32(x.scale)),
        ]

    def add(self, a: _Activation, b: _Activation) -> _Activation:
        """The skip connection."""
        out = self.activation(a.shape, 0.6 * (a.scale + b.scale), -4)
        self.writer.operator("ADD", [a.index, b.index], [out.index])
        return out

    def head(self, x: _Activation, classes: int) -> _Activation:
        """Average pooling over the map and the fully connected layer; no softmax, as the converter drops it."""
        _, height, width, channels = x.shape
        pooled = self.activation((1, 1, 1, channels), x.scale, -128)
        window = {"filter_height": height, "filter_width": width, "stride_h": height, "stride_w": width}
        self.writer.operator("AVERAGE_POOL_2D", [x.index], [pooled.index], padding="VALID", **window)
        flat = self.activation((1, channels), x.scale, -128)
        shape = np.array([1, channels], np.int32)
        self.writer.operator("RESHAPE", [pooled.index, self.writer.constant(shape)], [flat.index], new_shape=shape)
        out = self.activation((1, classes), 0.1, 10)
        self.writer.operator("FULLY_CONNECTED", self._weights(flat, out, (classes, channels), 0, channels), [out.index])
        return out

    def cell(self, x: _Activation, cell: Cell, first: bool) -> _Activation:
        """One inverted bottleneck with the channels of ``x``."""
        width = x.shape[3]
        y = self.convolution(x, width * cell.expansion) if cell.expansion > 1 else x
        kernel, strides = (cell.kernel, cell.kernel), CELL_STRIDES if first else (1, 1)
        y = self.convolution(y, width * cell.expansion, kernel, strides, depthwise=True)
        y = self.convolution(y, width, relu6=False)
        return y if first else self.add(y, x)


def mbconv_model(space: CellSpace, cells: Sequence[Cell | None], seed: int = 0) -> bytes:
    """A whole network as an int8 ``.tflite``.

    Args:
        space: Features, channels and classes; which cells it allows does not matter.
        cells: Its cells; ``None`` is one left out.
        seed: Of the weights.

    Raises:
        RecipeError: If there is no first cell, which alone has stride 2.
    """
    if not cells or cells[0] is None:
        raise RecipeError("expected a first cell: it alone halves the map, and cannot be left out. Received: none")
    net = _Network(seed)
    x = start = net.activation((1, *space.input_shape, 1), 2.0**-5, 0)
    x = net.convolution(x, space.width, FIRST_CONV, FIRST_STRIDES)
    for number, cell in enumerate(cells):
        if cell is not None:
            x = net.cell(x, cell, number == 0)
    x = net.convolution(x, space.mix)
    return net.writer.finish([start.index], [net.head(x, space.classes).index])


def cell_layers_model(space: CellSpace, expansion: int, first: bool) -> tuple[bytes, list[tuple[str, int]]]:
    """The layers of all cells with one expansion, for counting: nothing reads what most of them compute.

    Args:
        space: Its features and channels.
        expansion: Of the cells.
        first: The cell that halves the map, rather than one of those after it.

    Returns:
        The ``.tflite``, and for each of its operators ``(kind, kernel)``: ``expand``, ``depthwise``, ``project`` or
        ``add``; kernel 0 where there is none.
    """
    net = _Network(0)
    rows, columns = space.maps[0 if first else 1]
    x = start = net.activation((1, rows, columns, space.width), _RELU6, -128)
    keys: list[tuple[str, int]] = []
    if expansion > 1:
        x = net.convolution(start, space.width * expansion)
        keys.append(("expand", 0))
    y = x
    for kernel in KERNELS:
        strides = CELL_STRIDES if first else (1, 1)
        y = net.convolution(x, space.width * expansion, (kernel, kernel), strides, depthwise=True)
        keys.append(("depthwise", kernel))
    y = net.convolution(y, space.width, relu6=False)
    keys.append(("project", 0))
    if not first:
        y = net.add(y, start)
        keys.append(("add", 0))
    return net.writer.finish([start.index], [y.index]), keys
