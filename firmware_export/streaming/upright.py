"""Time along rows: the same program with every value that has time turned so that time is its height.

Keras' one-dimensional convolutions arrive as images of one row, time along the width, and a flat input has time along
its channels. A plane of one row and a plane of one column are the same bytes, so a turned program computes the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from firmware_export.ir import Layer, Layout, Program, Value, to_chw
from firmware_export.time_rules import NotStreamable

ROWS, COLUMNS, FLAT = "rows", "columns", "flat"  # where time lies; nowhere is None


@dataclass(frozen=True)
class Upright:
    """A program whose time is the height of every value in ``timed``."""

    program: Program
    timed: frozenset[int]
    rows: int  # of the input
    problems: tuple[str, ...]


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
        if value in layer.inputs and not layer.operation.flattens:
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
        if axes:
            source, target = (self.program.values[value].layout for value in (layer.inputs[0], layer.output))
            layer = replace(layer, operation=layer.operation.along_axes(source, target))
        if len(axes) > 1:
            raise NotStreamable("time lies along rows in one input and along columns in another: reshape neither")
        before = axes.pop() if axes else None
        after = self._after(layer, before)
        known = self.axis.setdefault(layer.output, after)
        self.axis[layer.output] = known or after
        sideways = before == COLUMNS or any(v in self.turned for v in layer.inputs)
        if layer.operation.reshapes:
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
        if operation.flattens:
            return None
        if operation.reshapes or before == FLAT:
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
        return layout.turned() if value in self.turned else layout

    def finish(self) -> Upright:
        """The turned program."""
        old, new = self.program, replace(self.program, values=[], layers=[])
        new.values = [replace(value, layout=self._layout(i)) for i, value in enumerate(old.values)]
        twins: dict[int, int] = {}  # constants that a turned layer reads -> their turned twin
        for layer in self.layers:
            sideways = layer.output in self.turned and not layer.operation.reshapes
            inputs = []
            for value in layer.inputs:
                if sideways and old.values[value].data is not None:
                    if value not in twins:
                        new.values.append(_turned_constant(old.values[value]))
                        twins[value] = len(new.values) - 1
                    value = twins[value]
                inputs.append(value)
            operation = layer.operation
            if sideways:
                operation = operation.turned(old.values[layer.output].layout)
            operation = operation.on_layouts([new.values[value].layout for value in inputs])
            new.layers.append(replace(layer, inputs=tuple(inputs), operation=operation))
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
    return replace(value, layout=layout.turned(), data=to_chw(np.ascontiguousarray(image), layout.turned()))
