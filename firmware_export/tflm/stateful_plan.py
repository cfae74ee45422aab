"""Which rows of each tensor a step computes, reads and keeps, for a network that becomes a file with state.

The engine's planner has proved before that rows can be computed once. Here time is followed through the tensors' own
shapes, whichever axis it lies on. What an operator makes of all that is left of time is computed anew in every step,
as it is: that is always right, and what an operator without a rule here gives.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from firmware_export.operators.strided_slice import span
from kws_tfmot.errors import ModelError
from kws_tfmot.tflite.graph import Graph, Operator

WINDOWS = ("CONV_2D", "DEPTHWISE_CONV_2D", "AVERAGE_POOL_2D", "MAX_POOL_2D")
RESHAPES = ("RESHAPE", "SQUEEZE", "EXPAND_DIMS")
SLICES = ("SLICE", "STRIDED_SLICE")
PADS = ("PAD", "PADV2")
POINTWISE = (
    *("RELU", "RELU6", "LOGISTIC", "TANH", "HARD_SWISH", "LEAKY_RELU", "QUANTIZE", "DEQUANTIZE"),
    *("ADD", "SUB", "MUL", "MAXIMUM", "MINIMUM"),
)


@dataclass(frozen=True)
class TensorTrack:
    """A tensor along time: ``rows`` in a window, one every ``stride`` rows of the input; a step computes ``new``.

    They lie on ``axis``, ``unit`` numbers of it each: more than one where a row's features share the axis.
    """

    rows: int
    stride: int
    new: int
    axis: int
    unit: int = 1


@dataclass(frozen=True)
class Reading:
    """The rows ``first`` to ``last`` of a window's tensor that an operator reads in a step, every ``step``-th."""

    first: int
    last: int
    step: int = 1


@dataclass(frozen=True)
class StatefulPlan:
    """Tracks by tensor, readings by (operator, tensor), and the oldest row of each tensor that a step reads.

    ``repeated`` are constants, by (operator, tensor), that hold the same numbers for every row: on which axis, and how
    many of them a step takes.
    """

    tracks: dict[int, TensorTrack]
    readings: dict[tuple[int, int], Reading]
    oldest: dict[int, int]
    repeated: dict[tuple[int, int], tuple[int, int]]


def plan_state(graph: Graph, hop: int, rows: int) -> StatefulPlan:
    """The plan for steps of ``hop`` of the ``rows`` of the input."""
    return _Follower(graph, hop, rows).run()


def axis_of_rows(shape: tuple[int, ...], rows: int, outer: int = 1) -> tuple[int, int] | None:
    """The axis that holds ``rows`` after ``outer`` numbers of the axes before it, and how much of it a row is.

    >>> axis_of_rows((1, 1, 49, 10), 49), axis_of_rows((1, 490), 49), axis_of_rows((1, 7, 70), 49)
    ((2, 1), (1, 10), None)
    """
    before = 1
    for axis, size in enumerate(shape):
        if before == outer and size > 1:
            return (axis, size // rows) if size % rows == 0 else None
        before *= size
    return None


class _Follower:
    """Where time lies in each tensor, operator after operator."""

    def __init__(self, graph: Graph, hop: int, rows: int) -> None:
        self.graph, self.hop = graph, hop
        first = graph.inputs[0]
        place = axis_of_rows(graph.tensor(first).shape, rows)
        self.tracks = {first: TensorTrack(rows, 1, min(hop, rows), *place)} if place else {}
        self.readings: dict[tuple[int, int], Reading] = {}
        self.repeated: dict[tuple[int, int], tuple[int, int]] = {}

    def run(self) -> StatefulPlan:
        """The plan."""
        for operator in self.graph.operators:
            timed = [index for index in operator.inputs if index in self.tracks]
            if not timed:
                continue
            given = self.tracks[timed[0]]
            rule = RULES.get(operator.code)
            track, reading = rule(self, operator, given) if rule else _all_of(given)
            if track is not None and track.rows > 1:
                self.tracks |= dict.fromkeys(operator.outputs, track)
                self._note_constants(operator, timed[0], given)
            for index in timed:
                self.readings[operator.index, index] = reading
        for operator in reversed(self.graph.operators):
            if operator.code in PADS and operator.outputs[0] in self.tracks:
                self._pad_again(operator)
        return StatefulPlan(self.tracks, self.readings, self._oldest(), self.repeated)

    def _oldest(self) -> dict[int, int]:
        oldest: dict[int, int] = {}
        for (_, index), reading in self.readings.items():
            oldest[index] = min(reading.first, oldest.get(index, reading.first))
        return oldest

    def _pad_again(self, operator: Operator) -> None:
        """Older rows are kept without their padding, which is put around all that a step reads of them."""
        padded = operator.outputs[0]
        track = self.tracks[padded]
        first = min(self._oldest().get(padded, track.rows), track.rows - track.new)
        self.tracks[padded] = replace(track, new=track.rows - first)
        self.readings[operator.index, operator.inputs[0]] = Reading(first, track.rows)

    def _note_constants(self, operator: Operator, timed: int, given: TensorTrack) -> None:
        if operator.code not in (*POINTWISE, "CONCATENATION", "PACK"):
            return
        for index in operator.inputs:
            shape = self.shape(index)
            axis = given.axis + len(shape) - len(self.shape(timed))
            if index not in self.tracks and axis >= 0 and shape[axis] == given.rows * given.unit:
                self.repeated[operator.index, index] = (axis, given.new * given.unit)

    def shape(self, index: int) -> tuple[int, ...]:
        """Of a tensor in a whole window."""
        return self.graph.tensor(index).shape

    def values(self, operator: Operator, place: int) -> list[int]:
        """Of a constant input."""
        return constant_values(self.graph, operator, place)

    def at(self, given: TensorTrack, axis: int, unit: int | None = None) -> tuple[TensorTrack, Reading]:
        """The rows of a step, each by itself, on another axis."""
        track = replace(given, axis=axis, unit=given.unit if unit is None else unit)
        return track, Reading(given.rows - given.new, given.rows)

    def window(self, operator: Operator, given: TensorTrack) -> _Found:
        """A convolution or a pool along time."""
        if given.axis not in (1, 2) or given.unit > 1:
            return _all_of(given)
        side = "h" if given.axis == 1 else "w"
        rows, stride = self.shape(operator.outputs[0])[given.axis], int(operator.options.get(f"stride_{side}", 1))
        new = min(self.hop // (given.stride * stride), rows)
        if rows == 1:
            return _all_of(given)
        first, reach = rows - new, self._reach(operator, given.axis)
        reading = Reading(first * stride, (rows - 1) * stride + reach)
        return TensorTrack(rows, given.stride * stride, new, given.axis), reading

    def _reach(self, operator: Operator, axis: int) -> int:
        """Input rows under one output row."""
        side, options = "h" if axis == 1 else "w", operator.options
        if operator.code in WINDOWS[2:]:
            return int(options["filter_height" if axis == 1 else "filter_width"])
        taps = self.shape(operator.inputs[1])[axis]
        return (taps - 1) * int(options.get(f"dilation_{side}_factor", 1)) + 1

    def reshape(self, operator: Operator, given: TensorTrack) -> _Found:
        """The same numbers in another shape: time lies where as many numbers are before it."""
        outer = math.prod(self.shape(operator.inputs[0])[: given.axis])
        place = axis_of_rows(self.shape(operator.outputs[0]), given.rows, outer)
        return self.at(given, *place) if place else _all_of(given)

    def slice(self, operator: Operator, given: TensorTrack) -> _Found:
        """Some rows, or some numbers of each row."""
        first, count, step = slice_spans(self.graph, operator)[given.axis]
        if given.unit > 1:
            whole = (first, count, step) == (0, given.rows * given.unit, 1)
            return self.at(given, given.axis) if whole else _all_of(given)
        if count == 1:
            return None, Reading(first, first + 1)
        if step < 1 or self.hop % (given.stride * step):
            return _all_of(given)
        dropped = self._dropped(operator)
        axis = given.axis - sum(1 for each in dropped if each < given.axis)
        track = TensorTrack(count, given.stride * step, min(self.hop // (given.stride * step), count), axis)
        newest = first + (count - track.new) * step
        return track, Reading(newest, first + (count - 1) * step + 1, step)

    def _dropped(self, operator: Operator) -> list[int]:
        mask = int(operator.options.get("shrink_axis_mask", 0))
        return [axis for axis in range(len(self.shape(operator.inputs[0]))) if mask >> axis & 1]

    def reduce(self, operator: Operator, given: TensorTrack) -> _Found:
        """MEAN and REDUCE_MAX: over time all of it, over other axes row by row."""
        rank = len(self.shape(operator.inputs[0]))
        axes = {axis % rank for axis in self.values(operator, 1)}
        if given.axis in axes:
            return _all_of(given)
        kept = bool(operator.options.get("keep_dims"))
        return self.at(given, given.axis - (0 if kept else sum(1 for axis in axes if axis < given.axis)))

    def dense(self, operator: Operator, given: TensorTrack) -> _Found:
        """FULLY_CONNECTED on every row, or on all of them."""
        shape, out = self.shape(operator.inputs[0]), self.shape(operator.outputs[0])
        if given.axis == len(shape) - 1 or shape[-1] != self.shape(operator.inputs[1])[-1]:
            return _all_of(given)
        place = axis_of_rows(out[:-1], given.rows, math.prod(shape[: given.axis]))
        return self.at(given, *place) if place else _all_of(given)

    def elementwise(self, operator: Operator, given: TensorTrack) -> _Found:
        """Number by number; shapes of fewer axes are broadcast."""
        rank = max(len(self.shape(index)) for index in operator.inputs if index in self.tracks)
        return self.at(given, given.axis + len(self.shape(operator.outputs[0])) - rank)

    def along_others(self, operator: Operator, given: TensorTrack) -> _Found:
        """SOFTMAX, CONCATENATION, SPLIT: along one axis, which is not time."""
        source = next(index for index in operator.inputs if index in self.tracks)
        axis = {
            "SOFTMAX": lambda: -1,
            "CONCATENATION": lambda: int(operator.options.get("axis", 0)),
            "SPLIT": lambda: self.values(operator, 0)[0],
            "SPLIT_V": lambda: self.values(operator, 2)[0],
        }[operator.code]()
        return _all_of(given) if axis % len(self.shape(source)) == given.axis else self.at(given, given.axis)

    def pad(self, operator: Operator, given: TensorTrack) -> _Found:
        """PAD of other axes."""
        before, after = np.reshape(self.values(operator, 1), (-1, 2))[given.axis].tolist()
        return _all_of(given) if before or after else self.at(given, given.axis)

    def transpose(self, operator: Operator, given: TensorTrack) -> _Found:
        """TRANSPOSE."""
        return self.at(given, self.values(operator, 1).index(given.axis))

    def pack(self, operator: Operator, given: TensorTrack) -> _Found:
        """PACK along a new axis."""
        axis = int(operator.options.get("axis", 0)) % len(self.shape(operator.outputs[0]))
        return self.at(given, given.axis + (axis <= given.axis))

    def unpack(self, operator: Operator, given: TensorTrack) -> _Found:
        """UNPACK along an axis that is not time."""
        axis = int(operator.options.get("axis", 0)) % len(self.shape(operator.inputs[0]))
        return _all_of(given) if axis == given.axis else self.at(given, given.axis - (axis < given.axis))


_Found = tuple[TensorTrack | None, Reading]
_Rule = Callable[[_Follower, Operator, TensorTrack], _Found]
RULES: dict[str, _Rule] = {
    **dict.fromkeys(WINDOWS, _Follower.window),
    **dict.fromkeys(RESHAPES, _Follower.reshape),
    **dict.fromkeys(SLICES, _Follower.slice),
    **dict.fromkeys(POINTWISE, _Follower.elementwise),
    **dict.fromkeys(("MEAN", "REDUCE_MAX"), _Follower.reduce),
    **dict.fromkeys(PADS, _Follower.pad),
    **dict.fromkeys(("SOFTMAX", "CONCATENATION", "SPLIT", "SPLIT_V"), _Follower.along_others),
    "FULLY_CONNECTED": _Follower.dense,
    "TRANSPOSE": _Follower.transpose,
    "PACK": _Follower.pack,
    "UNPACK": _Follower.unpack,
}


def _all_of(given: TensorTrack) -> _Found:
    """What is made of the whole window, anew in every step."""
    return None, Reading(0, given.rows)


def constant_values(graph: Graph, operator: Operator, place: int) -> list[int]:
    """The numbers of a constant input.

    Raises:
        ModelError: If it is computed.
    """
    data = graph.tensor(operator.inputs[place]).data
    if data is None:
        raise ModelError(
            f"operator {operator.index} {operator.code}: its settings are not constant.", "Export whole windows."
        )
    return [int(value) for value in np.asarray(data).reshape(-1)]


def slice_spans(graph: Graph, operator: Operator) -> list[tuple[int, int, int]]:
    """First index, number of indices and step of every axis of a SLICE or STRIDED_SLICE."""
    shape, options = graph.tensor(operator.inputs[0]).shape, operator.options
    begin, end = (constant_values(graph, operator, place) for place in (1, 2))
    if operator.code == "SLICE":
        return [(a, n - a if b == -1 else b, 1) for n, a, b in zip(shape, begin, end, strict=True)]
    masks = {name: int(options.get(f"{name}_mask", 0)) for name in ("begin", "end", "shrink_axis")}
    found = []
    for axis, (size, a, b, step) in enumerate(zip(shape, begin, end, constant_values(graph, operator, 3), strict=True)):
        low, high, single = (masks[name] >> axis & 1 for name in masks)
        found.append((*span(size, None if low else a, None if high else b, step, single=bool(single)), step))
    return found
