"""Time along rows: the same program with every value that has time turned so that time is its height.

Keras' one-dimensional convolutions arrive as images of one row, time along the width, and a flat input has time along
its channels. A plane of one row and a plane of one column are the same bytes, so a turned program computes the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from firmware_export.ir import Layer, Layout, Operation, Program, Value, Window, to_planar
from firmware_export.operators.kernels.convolution import Convolution
from firmware_export.operators.kernels.depthwise import Depthwise
from firmware_export.operators.kernels.elementwise import Elementwise
from firmware_export.operators.kernels.place import Place, place_of
from firmware_export.operators.kernels.reshape import Reshape
from firmware_export.operators.kernels.strided_copy import StridedCopy
from firmware_export.operators.mean import Mean
from firmware_export.operators.pool_2d import Pool
from firmware_export.streaming.crop import Crop, crop_of

ROWS, COLUMNS, FLAT = "rows", "columns", "flat"  # where time lies; nowhere is None


class NotStreamable(Exception):
    """Why the layers of one operator cannot be computed once for each row."""


@dataclass(frozen=True)
class Upright:
    """A program whose time is the height of every value in ``timed``."""

    program: Program
    timed: frozenset[int]
    rows: int  # of the input
    problems: tuple[str, ...]


def turned(layout: Layout) -> Layout:
    """Height and width changed over.

    >>> turned(Layout(1, 49, 8))
    Layout(height=49, width=1, channels=8)
    """
    return Layout(layout.width, layout.height, layout.channels)


def input_rows(program: Program, rows: int | None = None) -> int:
    """How many rows of time the program's input has.

    Args:
        program: A lowered model.
        rows: Frames of the front end, believed where the shapes do not say.

    Raises:
        NotStreamable: If nothing says it.
    """
    value = program.input
    for layer in program.layers:
        layout = program.values[value].layout
        if layout.pixels > 1:
            break
        if value in layer.inputs and not (isinstance(layer.operation, Convolution) and layer.operation.vector):
            value = layer.output
    layout = program.values[value].layout
    if layout.elements == program.values[program.input].layout.elements and layout.pixels > 1:
        return layout.height if layout.height > 1 else layout.width
    elements = program.values[program.input].layout.elements
    if rows and elements % rows == 0:
        return rows
    raise NotStreamable(
        f"the input is {elements} numbers, and nothing says how many rows of time they are: give the model an input of "
        "the shape (1, time, features)"
    )


def upright(program: Program, rows: int | None = None) -> Upright:
    """Turn ``program``; what prevents it is listed in ``problems``.

    Raises:
        NotStreamable: If the rows of the input cannot be known.
    """
    turn = _Turn(program, input_rows(program, rows))
    for layer in program.layers:
        try:
            turn.follow(layer)
        except NotStreamable as problem:
            turn.refuse(layer, str(problem))
    return turn.finish()


class _Turn:
    """Where time lies in each value, layer after layer."""

    def __init__(self, program: Program, rows: int) -> None:
        self.program, self.rows = program, rows
        self.axis: dict[int, str | None] = {program.input: _axis_of(program.values[program.input].layout)}
        self.turned: set[int] = {program.input} if self.axis[program.input] == COLUMNS else set()
        self.broken: set[int] = set()
        self.problems: list[str] = []
        self.layers: list[Layer] = []

    def refuse(self, layer: Layer, reason: str) -> None:
        """Note a problem once for each operator and let what follows pass."""
        line = f"operator {layer.name}: {reason}"
        if line not in self.problems:
            self.problems.append(line)
        self.broken.add(layer.output)
        self.axis[layer.output] = None

    def time_rows(self, value: int) -> int:
        """Rows of time in a value."""
        layout, axis = self.program.values[value].layout, self.axis.get(value)
        return {ROWS: layout.height, COLUMNS: layout.width, FLAT: self.rows}.get(axis or "", 1)

    def follow(self, layer: Layer) -> None:
        """Find where time lies in the layer's output and turn its operation."""
        if self.broken & set(layer.inputs):
            self.broken.add(layer.output)
            self.axis[layer.output] = None
            return
        axes = {axis for value in layer.inputs if (axis := self.axis.get(value)) is not None}
        if axes and isinstance(layer.operation, StridedCopy):
            source, target = (self.program.values[value].layout for value in (layer.inputs[0], layer.output))
            crop = crop_of(layer.operation, source, target)
            layer = replace(layer, operation=crop or layer.operation)
        if len(axes) > 1:
            raise NotStreamable("time lies along rows in one input and along columns in another: reshape neither")
        before = axes.pop() if axes else None
        after = self._after(layer, before)
        known = self.axis.setdefault(layer.output, after)
        self.axis[layer.output] = known or after
        sideways = before == COLUMNS or any(v in self.turned for v in layer.inputs)
        if isinstance(layer.operation, Reshape):
            if sideways and min(self.program.values[v].layout.height for v in layer.inputs) > 1:
                raise NotStreamable("it changes the order of numbers whose time lies along columns")
            sideways = after == COLUMNS
        if sideways:
            self.turned.add(layer.output)
        self.layers.append(layer)

    def _after(self, layer: Layer, before: str | None) -> str | None:
        """Where time lies in the output."""
        if before is None:
            return None
        operation, layout = layer.operation, self.program.values[layer.output].layout
        if isinstance(operation, Convolution) and operation.vector:
            return None
        if isinstance(operation, Reshape) or before == FLAT:
            return self._reshaped(layer, before)
        size = layout.height if before == ROWS else layout.width
        return before if size > 1 else None

    def _reshaped(self, layer: Layer, before: str) -> str | None:
        rows, layout = self.time_rows(layer.inputs[0]), self.program.values[layer.output].layout
        if layout.pixels == 1:
            return FLAT if before == FLAT else None
        after = ROWS if layout.height > 1 else COLUMNS
        now = layout.height if layout.height > 1 else layout.width
        if rows % now:
            raise NotStreamable(f"{rows} rows of time cannot become {now}: keep time the first dimension of a RESHAPE")
        return after

    def _layout(self, value: int) -> Layout:
        layout = self.program.values[value].layout
        if self.axis.get(value) == FLAT:
            return Layout(self.rows, layout.elements // self.rows, 1)
        return turned(layout) if value in self.turned else layout

    def finish(self) -> Upright:
        """The turned program."""
        old, new = self.program, replace(self.program, values=[], layers=[])
        new.values = [replace(value, layout=self._layout(i)) for i, value in enumerate(old.values)]
        standing: dict[int, int] = {}  # constants that a turned layer reads -> their turned twin
        for layer in self.layers:
            sideways = layer.output in self.turned and not isinstance(layer.operation, Reshape)
            inputs = []
            for value in layer.inputs:
                if sideways and old.values[value].data is not None:
                    if value not in standing:
                        new.values.append(_turned_constant(old.values[value]))
                        standing[value] = len(new.values) - 1
                    value = standing[value]
                inputs.append(value)
            operation = layer.operation
            if sideways:
                operation = _turned_operation(operation, old, layer)
            layer = replace(layer, inputs=tuple(inputs), operation=operation)
            new.layers.append(_with_strides(layer, new))
        timed = frozenset(v for v, axis in self.axis.items() if axis is not None and new.values[v].layout.height > 1)
        return Upright(new, timed, self.rows, tuple(self.problems))


def _axis_of(layout: Layout) -> str | None:
    if layout.pixels == 1:
        return FLAT if layout.channels > 1 else None
    return ROWS if layout.height > 1 else COLUMNS


def _turned_constant(value: Value) -> Value:
    """A constant with rows and columns changed over."""
    layout = value.layout
    planes = np.asarray(value.data).reshape(layout.channels, layout.plane)[:, : layout.pixels]
    image = planes.reshape(layout.channels, layout.height, layout.width).transpose(2, 1, 0)
    return replace(value, layout=turned(layout), data=to_planar(np.ascontiguousarray(image), turned(layout)))


def _turned_window(w: Window) -> Window:
    return Window(
        turned(w.input),
        turned(w.output),
        *(w.width, w.height, w.stride_x, w.stride_y, w.dilation_x, w.dilation_y, w.first_x, w.first_y),
        w.zero_point,
    )


def _turned_operation(operation: Operation, program: Program, layer: Layer) -> Operation:
    """The same operation on turned values; Elementwise gets its strides in :func:`_with_strides`."""
    if isinstance(operation, (Convolution, Depthwise)):
        if isinstance(operation, Convolution) and operation.vector:
            return operation
        w = operation.window
        taps = operation.weights.reshape(len(operation.weights), -1, w.height, w.width).transpose(0, 1, 3, 2)
        weights = np.ascontiguousarray(taps).reshape(operation.weights.shape)
        return replace(operation, window=_turned_window(w), weights=weights)
    if isinstance(operation, Pool):
        return replace(operation, window=_turned_window(operation.window))
    if isinstance(operation, Mean):
        return replace(operation, over_y=operation.over_x, over_x=operation.over_y)
    if isinstance(operation, Crop):
        return operation.turned()
    if isinstance(operation, Place):
        channel, y, x = place_of(operation.start, program.values[layer.output].layout)
        out = turned(program.values[layer.output].layout)
        return Place(channel * out.plane + x * out.width + y)
    return operation


def strides_of(layout: Layout) -> tuple[int, int, int]:
    """Steps of one elementwise input along (channel, row, column); zero where it repeats."""
    return (
        layout.plane if layout.channels > 1 else 0,
        layout.width if layout.height > 1 else 0,
        1 if layout.width > 1 else 0,
    )


def _with_strides(layer: Layer, program: Program) -> Layer:
    if not isinstance(layer.operation, Elementwise):
        return layer
    a, b = (strides_of(program.values[value].layout) for value in layer.inputs)
    return replace(layer, operation=replace(layer.operation, strides=(a, b)))
