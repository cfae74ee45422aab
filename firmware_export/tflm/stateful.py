"""A network over windows as a file with state: what is along time is kept in resource variables, as microWakeWord does.

Each tensor whose older rows a step reads has a variable of them: READ_VARIABLE, CONCATENATION with the new rows,
STRIDED_SLICE of the newest, ASSIGN_VARIABLE. An initialiser subgraph sets them to their zero points, once. From the
first full window on every step gives the bytes of the whole window that ends with its rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from firmware_export.engine import build
from firmware_export.tflm.stateful_plan import (
    RESHAPES,
    SLICES,
    Reading,
    StatefulPlan,
    TensorTrack,
    constant_values,
    plan_state,
    slice_spans,
)
from kws_tfmot.errors import OUR_FAULT, ModelError
from kws_tfmot.tflite.edit import (
    add_buffer,
    add_tensor,
    finish,
    inputs_of,
    integers,
    new_operator,
    open_for_edit,
    outputs_of,
    tensors_of,
)
from kws_tfmot.tflite.folding import folded
from kws_tfmot.tflite.graph import Graph, Operator
from kws_tfmot.tflite.reader import read_model
from kws_tfmot.tflite.schema import ModelT, OperatorT, SubGraphT, TensorT, enum_values
from kws_tfmot.tflite.tensors import NUMPY_TYPES


def stateful_file(model: bytes, hop: int | None = None) -> bytes:
    """The file of one step.

    Args:
        model: An int8 ``.tflite`` that can be streamed.
        hop: Rows of the input a step takes; the least possible by default.

    Raises:
        ModelError: If rows cannot be computed once, or the model keeps a state itself.
        RecipeError: For a hop that the model cannot have.
    """
    data = folded(model)
    graph = read_model(data)
    if graph.stateful:
        raise ModelError("the model keeps a state already.", "Leave --stream out.")
    step = build(data, stream=True, hop=hop).program.step
    if step is None:
        raise ModelError("the model has no step.", OUR_FAULT)
    root = open_for_edit(data)
    return _Rewrite(root, graph, plan_state(graph, step.rows, step.window)).run()


class _Rewrite:
    """Turns the operators of ``root`` into those of a step, in their order."""

    def __init__(self, root: ModelT, graph: Graph, plan: StatefulPlan) -> None:
        self.root, self.graph, self.plan = root, graph, plan
        self.operators: list[OperatorT] = []
        self.kept: dict[int, int] = {}  # tensor -> tensor of its rows from the oldest that is read
        self.first_graph: tuple[list[TensorT], list[OperatorT]] = ([], [])  # tensors and operators of the initialiser

    def run(self) -> bytes:
        """The new file."""
        graph, root = self.graph, self.root
        given = root.subgraphs[0].operators
        for index, track in self.plan.tracks.items():
            self._resize(index, track.new)
        self._keep(graph.inputs[0])
        for operator, table in zip(graph.operators, given, strict=True):
            self._step(operator, table)
            for index in outputs_of(table):
                self._keep(index)
        root.subgraphs[0].operators = self.operators
        if self.kept:
            self.operators.insert(0, self._operator("CALL_ONCE", [], [], "CallOnceOptions", init_subgraph_index=1))
            tensors, operators = self.first_graph
            empty = np.zeros(0, np.int32)
            root.subgraphs.append(SubGraphT(tensors, empty, empty, operators))
        root.signatureDefs = None
        return finish(root)

    def _step(self, operator: Operator, table: OperatorT) -> None:
        """The operator on the rows of a step."""
        number, code, tracks = operator.index, operator.code, self.plan.tracks
        given = inputs_of(table)
        output = outputs_of(table)[0] if outputs_of(table) else -1
        reading = self.plan.readings.get((number, given[0])) if given else None
        if code in SLICES and reading is not None and self._crop(operator, reading, tracks[given[0]]):
            return
        inputs = [self._input(number, index) for index in given]
        if code in RESHAPES and (output in tracks or code != "RESHAPE"):
            shape = np.array(self._shape(output), np.int32)
            places = [inputs[0], self._constant(shape)]
            self.operators.append(self._operator("RESHAPE", places, [output], "ReshapeOptions", new_shape=shape))
            return
        if code == "SPLIT":  # which ESPHome's component lacks
            axis, source = inputs
            sizes = [self._shape(part)[constant_values(self.graph, operator, 0)[0]] for part in outputs_of(table)]
            places, parts = [source, self._constant(np.array(sizes, np.int32)), axis], outputs_of(table)
            self.operators.append(self._operator("SPLIT_V", places, parts, "SplitVOptions", num_splits=len(parts)))
            return
        table.inputs = np.array(inputs, np.int32)
        self.operators.append(table)

    def _input(self, number: int, index: int) -> int:
        """What operator ``number`` reads in a step in place of a tensor of the window."""
        if (number, index) in self.plan.readings:
            return self._rows(self.plan.readings[number, index], index)
        if (number, index) not in self.plan.repeated:
            return index
        axis, count = self.plan.repeated[number, index]
        like = tensors_of(self.root)[index]
        values = np.asarray(self.graph.tensor(index).data).take(range(count), axis)
        buffer, shape = add_buffer(self.root, values.tobytes()), np.array(values.shape, np.int32)
        return add_tensor(self.root, TensorT(shape, like.type, buffer, b"", quantization=like.quantization))

    def _crop(self, operator: Operator, reading: Reading, track: TensorTrack) -> bool:
        """A slice whose rows are read where they are; False for one that takes the whole window as it is."""
        spans = slice_spans(self.graph, operator)
        first, count, step = spans[track.axis]
        if track.unit > 1 or step < 1 or first + (count - 1) * step + 1 != reading.last:
            return False
        source, base = self._holder(reading, operator.inputs[0])
        taken = -(-(reading.last - reading.first) // reading.step)
        spans[track.axis] = (reading.first - base, taken, reading.step)
        dropped = int(operator.options.get("shrink_axis_mask", 0))
        self._slice_to(source, operator.outputs[0], spans, dropped)
        return True

    def _holder(self, reading: Reading, index: int) -> tuple[int, int]:
        """The tensor that holds the rows of a reading, and which row of the window its first one is."""
        track = self.plan.tracks[index]
        base = track.rows - track.new
        return (self.kept[index], self.plan.oldest[index]) if reading.first < base else (index, base)

    def _rows(self, reading: Reading, index: int) -> int:
        """The tensor that holds exactly the rows of a reading."""
        source, base = self._holder(reading, index)
        track = self.plan.tracks[index]
        first, last = (row - base for row in (reading.first, reading.last))
        if (first, last, reading.step) == (0, self._shape(source)[track.axis] // track.unit, 1):
            return source
        return self._slice(source, index, first, last)

    def _keep(self, index: int) -> None:
        """Join a tensor's new rows to those that its variable keeps, and keep the newest."""
        track = self.plan.tracks.get(index)
        oldest = self.plan.oldest.get(index)
        if track is None or oldest is None or oldest >= track.rows - track.new:
            return
        older = track.rows - oldest - track.new
        name = f"kept_{len(self.kept)}"
        handle = self._handle(name)
        before = self._like(index, older)
        self.operators.append(self._operator("READ_VARIABLE", [handle], [before], "ReadVariableOptions"))
        joined = self._like(index, older + track.new)
        options = {"axis": track.axis, "fused_activation_function": 0}
        self.operators.append(
            self._operator("CONCATENATION", [before, index], [joined], "ConcatenationOptions", **options)
        )
        newest = self._slice(joined, index, track.new, older + track.new)
        self.operators.append(self._operator("ASSIGN_VARIABLE", [handle, newest], [], "AssignVariableOptions"))
        self.kept[index] = joined
        self._initial(name, index, older)

    def _handle(self, name: str) -> int:
        handle = add_tensor(self.root, _resource(name))
        options = {"container": b"", "shared_name": name.encode()}
        self.operators.append(self._operator("VAR_HANDLE", [], [handle], "VarHandleOptions", **options))
        return handle

    def _initial(self, name: str, index: int, rows: int) -> None:
        """Zero points, assigned in the initialiser subgraph."""
        tensors, operators = self.first_graph
        kept = self._activation(index, rows)
        tensor = self.graph.tensor(index)
        quantization, dtype = tensor.quantization, NUMPY_TYPES[tensor.dtype]
        zero = quantization.zero_points[0] if quantization and quantization.zero_points else 0
        kept.buffer = add_buffer(self.root, np.full(int(np.prod(kept.shape)), zero, dtype).tobytes())
        tensors += [_resource(name), kept]
        options = {"container": b"", "shared_name": name.encode()}
        operators.append(self._operator("VAR_HANDLE", [], [len(tensors) - 2], "VarHandleOptions", **options))
        places = [len(tensors) - 2, len(tensors) - 1]
        operators.append(self._operator("ASSIGN_VARIABLE", places, [], "AssignVariableOptions"))

    def _slice(self, source: int, index: int, first: int, last: int) -> int:
        """The rows ``first`` to ``last`` of ``source``, which holds rows of tensor ``index``."""
        track = self.plan.tracks[index]
        out = self._like(index, last - first)
        spans = [(0, size, 1) for size in self._shape(source)]
        spans[track.axis] = (first * track.unit, (last - first) * track.unit, 1)
        self._slice_to(source, out, spans)
        return out

    def _slice_to(self, source: int, target: int, spans: list[tuple[int, int, int]], dropped: int = 0) -> None:
        """STRIDED_SLICE of (first, count, step) of each axis; those in the mask ``dropped`` go."""
        ends = [first + (count - 1) * step + (1 if step > 0 else -1) for first, count, step in spans]
        below = [-size - 1 if end < 0 else end for end, size in zip(ends, self._shape(source), strict=True)]
        numbers = ([span[0] for span in spans], below, [span[2] for span in spans])
        places = [self._constant(np.array(values, np.int32)) for values in numbers]
        options = {"shrink_axis_mask": dropped}
        self.operators.append(
            self._operator("STRIDED_SLICE", [source, *places], [target], "StridedSliceOptions", **options)
        )

    def _operator(self, code: str, inputs: list[int], outputs: list[int], options: str, **values: Any) -> OperatorT:
        return new_operator(self.root, code, inputs, outputs, options, **values)

    def _constant(self, values: np.ndarray) -> int:
        buffer = add_buffer(self.root, values.tobytes())
        number = enum_values("TensorType")["INT32"]
        return add_tensor(self.root, TensorT(np.array(values.shape, np.int32), number, buffer, b""))

    def _shape(self, index: int) -> tuple[int, ...]:
        return tuple(integers(tensors_of(self.root)[index].shape))

    def _activation(self, index: int, rows: int) -> TensorT:
        """An activation like tensor ``index``, of other rows."""
        like, track = tensors_of(self.root)[index], self.plan.tracks[index]
        shape = list(self.graph.tensor(index).shape)
        shape[track.axis] = rows * track.unit
        return TensorT(np.array(shape, np.int32), like.type, name=b"", quantization=like.quantization)

    def _like(self, index: int, rows: int) -> int:
        return add_tensor(self.root, self._activation(index, rows))

    def _resize(self, index: int, rows: int) -> None:
        tensor = tensors_of(self.root)[index]
        tensor.shape = self._activation(index, rows).shape
        tensor.shapeSignature = None


def _resource(name: str) -> TensorT:
    return TensorT(np.zeros(0, np.int32), enum_values("TensorType")["RESOURCE"], name=name.encode())
