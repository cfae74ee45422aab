"""Variables that hold the newest rows of time: how a file with state says what the engine does in one step.

Such a file reads a variable, joins new rows behind it, and assigns the newest rows of the whole to the variable::

    READ_VARIABLE -> [STRIDED_SLICE] -> CONCATENATION (with the new rows) -> [STRIDED_SLICE] -> ASSIGN_VARIABLE

Here the joined rows themselves are the state, which :class:`~firmware_export.operators.kernels.append.Append` moves on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from firmware_export.ir import Layout, to_chw
from kws_tfmot.tflite.graph import Graph, Operator, Variable
from kws_tfmot.tflite.moving_checks import Misfit, slice_bounds, sliced
from kws_tfmot.tflite.resource_variables import ASSIGN, READ


@dataclass(frozen=True)
class Memory:
    """One variable of that kind.

    Attributes:
        variable: Its index.
        concatenation: The operator that joins.
        new: Tensor of the new rows.
        older: Rows before the new ones.
        absorbed: Operators that need no layer of their own.
    """

    variable: int
    concatenation: int
    new: int
    older: int
    absorbed: frozenset[int]


def find_memories(graph: Graph) -> dict[int, Memory]:
    """The memories of a graph, by the operator that joins."""
    found = (_memory_of(graph, variable) for variable in graph.variables)
    return {memory.concatenation: memory for memory in found if memory is not None}


def _memory_of(graph: Graph, variable: Variable) -> Memory | None:
    """What a variable is kept for, ``None`` where it is anything else than newest rows."""
    uses = [o for o in graph.operators if o.code in (READ, ASSIGN) and graph.handles.get(o.inputs[0]) == variable.index]
    if [o.code for o in uses] != [READ, ASSIGN]:
        return None
    read, assign = uses
    absorbed = {read.index, assign.index}
    before = read.outputs[0]
    joining = _only_reader(graph, before)
    if joining is not None and joining.code == "STRIDED_SLICE":
        if not _takes_newest(graph, joining):
            return None
        absorbed.add(joining.index)
        before = joining.outputs[0]
        joining = _only_reader(graph, before)
    if joining is None or joining.code != "CONCATENATION" or not _joins_rows(graph, joining, before):
        return None
    joined, kept = joining.outputs[0], assign.inputs[1]
    if kept != joined:
        slicing = next((o for o in graph.operators if kept in o.outputs), None)
        if slicing is None or slicing.code != "STRIDED_SLICE" or slicing.inputs[0] != joined:
            return None
        if not _takes_newest(graph, slicing):
            return None
        if _only_reader(graph, kept) is assign and kept not in graph.outputs:
            absorbed.add(slicing.index)
    older = graph.tensor(before).shape[_TIME]
    if older > variable.shape[_TIME]:
        return None
    return Memory(variable.index, joining.index, joining.inputs[1], older, frozenset(absorbed))


_TIME = 1  # the axis of time, after the batch


def _only_reader(graph: Graph, tensor: int) -> Operator | None:
    readers = [operator for operator in graph.operators if tensor in operator.inputs]
    return readers[0] if len(readers) == 1 and tensor not in graph.outputs else None


def _takes_newest(graph: Graph, operator: Operator) -> bool:
    """Whether a slice takes the last rows of time and all of everything else."""
    inputs = [graph.tensor(index) for index in operator.inputs if index >= 0]
    shape = inputs[0].shape
    try:
        taken, dropped = sliced(shape, slice_bounds(inputs), operator.options)
    except Misfit:
        return False
    whole = all(part == range(size) for axis, (part, size) in enumerate(zip(taken, shape, strict=True)) if axis != 1)
    return whole and not dropped and len(shape) > _TIME and (taken[_TIME].stop, taken[_TIME].step) == (shape[_TIME], 1)


def _joins_rows(graph: Graph, operator: Operator, before: int) -> bool:
    """Whether two tensors are joined along time, ``before`` first, with one quantisation."""
    inputs, joined = operator.inputs, graph.tensor(operator.outputs[0])
    axis = int(operator.options.get("axis", 0))
    axis += len(joined.shape) if axis < 0 else 0
    if (
        axis != _TIME
        or len(inputs) != 2
        or inputs[0] != before
        or inputs[1] == before
        or len(joined.shape) not in (3, 4)
    ):
        return False
    linear = operator.options.get("fused_activation_function", "NONE") == "NONE"
    return linear and all(graph.tensor(index).quantization == joined.quantization for index in inputs)


def initial_bytes(variable: Variable, layout: Layout, older: int | None = None) -> bytes:
    """What a state starts from, as :class:`~firmware_export.ir.State` holds it.

    Args:
        variable: Its initial value, or its zero point where nothing initialises it.
        layout: Of the state.
        older: Rows at the end of the state that hold the newest of the variable's, where the state is longer.
    """
    zero_points = variable.quantization.zero_points if variable.quantization else (0,)
    fill = np.int8(zero_points[0])
    values = np.full(variable.shape, fill, np.int8) if variable.initial is None else variable.initial
    if older is not None:
        rows = values.shape[_TIME]
        newest = values[:, rows - older :] if older else values[:, :0]
        missing = layout.elements // (values.size // rows) - older
        padding = np.full((values.shape[0], missing, *values.shape[2:]), values.flat[0], np.int8)
        values = np.concatenate([padding, newest], axis=_TIME)
    if np.all(values == values.flat[0]):
        return values.reshape(-1)[:1].tobytes()
    return to_chw(values, layout).tobytes()
