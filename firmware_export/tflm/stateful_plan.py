"""Which rows of each tensor a step computes, reads and keeps, for a network that becomes a file with state.

The engine's planner has proved before that rows can be computed once; what is refused here has no form in a file.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kws_tfmot.errors import ModelError
from kws_tfmot.tflite.graph import Graph, Operator

TIME = 1  # axis of time
WINDOWS = ("CONV_2D", "DEPTHWISE_CONV_2D", "AVERAGE_POOL_2D", "MAX_POOL_2D")
POINTWISE = (
    *("RELU", "RELU6", "LOGISTIC", "TANH", "HARD_SWISH", "LEAKY_RELU", "QUANTIZE", "SOFTMAX"),
    *("ADD", "SUB", "MUL", "MAXIMUM", "MINIMUM", "CONCATENATION", "PAD"),
)


@dataclass(frozen=True)
class TensorTrack:
    """A tensor along time: ``rows`` in a window, one every ``stride`` rows of the input; a step computes ``new``."""

    rows: int
    stride: int
    new: int


@dataclass(frozen=True)
class Reading:
    """The rows ``first`` to ``last`` of a window's tensor that an operator reads in a step, every ``step``-th."""

    first: int
    last: int
    step: int = 1


@dataclass(frozen=True)
class StatefulPlan:
    """Tracks by tensor, readings by (operator, tensor), and the oldest row of each tensor that a step reads."""

    tracks: dict[int, TensorTrack]
    readings: dict[tuple[int, int], Reading]
    oldest: dict[int, int]


def plan_state(graph: Graph, hop: int) -> StatefulPlan:
    """The plan for steps of ``hop`` rows of the input.

    Raises:
        ModelError: If an operator along time has no form here, naming it.
    """
    shape = graph.tensor(graph.inputs[0]).shape
    if len(shape) < 3:
        raise ModelError(f"expected an input [1, time, features] or [1, time, features, 1]. Received: {list(shape)}")
    tracks = {graph.inputs[0]: TensorTrack(shape[TIME], 1, min(hop, shape[TIME]))}
    readings: dict[tuple[int, int], Reading] = {}
    for operator in graph.operators:
        timed = [index for index in operator.inputs if index in tracks]
        if timed:
            track = _follow(graph, operator, tracks[timed[0]], hop)
            if track is not None:
                tracks[operator.outputs[0]] = track
            for index in timed:
                readings[operator.index, index] = _reading(graph, operator, tracks[index], track)
    oldest: dict[int, int] = {}
    for (_, index), reading in readings.items():
        oldest[index] = min(reading.first, oldest.get(index, reading.first))
    return StatefulPlan(tracks, readings, oldest)


def _follow(graph: Graph, operator: Operator, given: TensorTrack, hop: int) -> TensorTrack | None:
    """The track of an operator's output, ``None`` where it has no rows of time any more."""
    if len(operator.outputs) != 1:
        raise _no_form(operator, "it has several outputs")
    shape = graph.tensor(operator.outputs[0]).shape
    rows = shape[TIME] if len(shape) > 2 else 1
    stride = given.stride
    if operator.code in WINDOWS:
        stride *= int(operator.options.get("stride_h", 1))
        if operator.options.get("padding") == "SAME" and _reach(graph, operator) > operator.options.get("stride_h", 1):
            raise _no_form(operator, "its padding SAME would pad a step's rows; convert it with VALID")
    elif operator.code == "STRIDED_SLICE":
        stride *= int(_values(graph, operator, 3)[TIME])
    elif operator.code == "RESHAPE":
        return TensorTrack(rows, stride, given.new) if rows == given.rows and len(shape) > 2 else None
    elif operator.code == "MEAN":
        axes = {int(axis) % len(graph.tensor(operator.inputs[0]).shape) for axis in _values(graph, operator, 1)}
        return None if TIME in axes else given
    elif operator.code == "FULLY_CONNECTED":
        return None
    elif operator.code not in POINTWISE:
        raise _no_form(operator, "the engine streams it, a file with state does not")
    return TensorTrack(rows, stride, min(hop // stride, rows)) if rows > 1 else None


def _reading(graph: Graph, operator: Operator, given: TensorTrack, track: TensorTrack | None) -> Reading:
    rows = graph.tensor(operator.outputs[0]).shape[TIME] if len(graph.tensor(operator.outputs[0]).shape) > 2 else 1
    first = rows - (track.new if track else rows)
    if operator.code in WINDOWS:
        stride = int(operator.options.get("stride_h", 1))
        return Reading(first * stride, (rows - 1) * stride + _reach(graph, operator))
    if operator.code == "STRIDED_SLICE":
        begin, step = (int(_values(graph, operator, place)[TIME]) for place in (1, 3))
        return Reading(begin + first * step, begin + (rows - 1) * step + 1, step)
    return Reading(given.rows - given.new, given.rows) if track else Reading(0, given.rows)


def _reach(graph: Graph, operator: Operator) -> int:
    """Input rows under one output row."""
    options = operator.options
    if operator.code in WINDOWS[2:]:
        return int(options["filter_height"])
    taps = graph.tensor(operator.inputs[1]).shape[1]
    return (taps - 1) * int(options.get("dilation_h_factor", 1)) + 1


def _values(graph: Graph, operator: Operator, place: int) -> np.ndarray:
    data = graph.tensor(operator.inputs[place]).data
    if data is None:
        raise _no_form(operator, "its settings are not constant")
    return np.asarray(data).reshape(-1)


def _no_form(operator: Operator, why: str) -> ModelError:
    return ModelError(f"operator {operator.index} {operator.code}: {why}.", "--target engine --stream may take it.")
