"""A network over windows as a file with state: what is along time is kept in resource variables, as microWakeWord does.

Each tensor whose older rows a step reads has a variable of them: READ_VARIABLE, CONCATENATION with the new rows,
STRIDED_SLICE of the newest, ASSIGN_VARIABLE. An initialiser subgraph sets them to their zero points, once. From the
first full window on every step gives the bytes of the whole window that ends with its rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from firmware_export.engine import build
from firmware_export.tflm.stateful_plan import TIME, StatefulPlan, plan_state
from kws_tfmot.errors import ModelError
from kws_tfmot.tflite.edit import (
    add_buffer,
    add_tensor,
    finish,
    inputs_of,
    integers,
    new_operator,
    open_for_edit,
    outputs_of,
    set_options,
    tensors_of,
)
from kws_tfmot.tflite.folding import folded
from kws_tfmot.tflite.graph import Graph
from kws_tfmot.tflite.reader import read_model
from kws_tfmot.tflite.schema import ModelT, OperatorT, SubGraphT, TensorT, enum_values


def stateful_file(model: bytes, hop: int | None = None) -> bytes:
    """The file of one step.

    Args:
        model: An int8 ``.tflite`` that can be streamed.
        hop: Rows of the input a step takes; the least possible by default.

    Raises:
        ModelError: If rows cannot be computed once, or an operator has no form in a file with state.
        RecipeError: For a hop that the model cannot have.
    """
    data = folded(model)
    graph = read_model(data)
    if graph.stateful:
        raise ModelError("the model keeps a state already.", "Leave --stream out.")
    step = build(data, stream=True, hop=hop).program.step
    if step is None:
        raise ModelError("the model has no step.")
    root = open_for_edit(data)
    return _Rewrite(root, graph, plan_state(graph, step.rows)).run()


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
            self._step(operator.code, operator.index, table)
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

    def _step(self, code: str, number: int, table: OperatorT) -> None:
        """The operator on the rows of a step."""
        inputs = []
        for index in inputs_of(table):
            inputs.append(self._rows(number, index) if (number, index) in self.plan.readings else index)
        output = outputs_of(table)[0] if outputs_of(table) else -1
        track = self.plan.tracks.get(output)
        if code == "STRIDED_SLICE" and inputs_of(table)[0] in self.plan.tracks:
            self._crop(number, inputs[0], output)
            return
        if code == "RESHAPE" and track is not None:
            shape = np.array([1, track.new, *self.graph.tensor(output).shape[2:]], np.int32)
            inputs = [inputs[0], self._constant(shape)]
            set_options(table, "ReshapeOptions", new_shape=shape)
        table.inputs = np.array(inputs, np.int32)
        self.operators.append(table)

    def _crop(self, number: int, source: int, output: int) -> None:
        """A slice whose rows have been taken by reading them: what is left of it are its other axes."""
        begin, _, steps = (np.asarray(self.graph.tensor(i).data) for i in self.graph.operators[number].inputs[1:4])
        dropped = int(self.graph.operators[number].options.get("shrink_axis_mask", 0))
        left = iter(self._shape(output))
        shape = [1 if dropped >> axis & 1 else next(left, 1) for axis in range(begin.size)]
        first = [0 if axis == TIME else int(value) for axis, value in enumerate(begin.reshape(-1))]
        step = [1 if axis == TIME else int(value) for axis, value in enumerate(steps.reshape(-1))]
        end = [a + (size - 1) * by + 1 for a, size, by in zip(first, shape, step, strict=True)]
        places = [self._constant(np.array(values, np.int32)) for values in (first, end, step)]
        options = {"shrink_axis_mask": dropped}
        self.operators.append(
            self._operator("STRIDED_SLICE", [source, *places], [output], "StridedSliceOptions", **options)
        )

    def _rows(self, number: int, index: int) -> int:
        """The tensor that holds exactly the rows that an operator reads."""
        reading, track = self.plan.readings[number, index], self.plan.tracks[index]
        base, source = track.rows - track.new, index
        if reading.first < base:
            base, source = self.plan.oldest[index], self.kept[index]
        first, last = reading.first - base, reading.last - base
        if (first, last, reading.step) == (0, self._shape(source)[TIME], 1):
            return source
        return self._slice(source, first, last, reading.step)

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
        options = {"axis": TIME, "fused_activation_function": 0}
        self.operators.append(
            self._operator("CONCATENATION", [before, index], [joined], "ConcatenationOptions", **options)
        )
        newest = self._slice(joined, track.new, older + track.new, 1)
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
        quantization = self.graph.tensor(index).quantization
        zero = quantization.zero_points[0] if quantization and quantization.zero_points else 0
        kept.buffer = add_buffer(self.root, np.full(int(np.prod(kept.shape)), zero, np.int8).tobytes())
        tensors += [_resource(name), kept]
        options = {"container": b"", "shared_name": name.encode()}
        operators.append(self._operator("VAR_HANDLE", [], [len(tensors) - 2], "VarHandleOptions", **options))
        places = [len(tensors) - 2, len(tensors) - 1]
        operators.append(self._operator("ASSIGN_VARIABLE", places, [], "AssignVariableOptions"))

    def _slice(self, source: int, first: int, last: int, step: int) -> int:
        """Rows of a tensor; all of its other axes."""
        shape = self._shape(source)
        out = self._like(source, -(-(last - first) // step))
        begin = [first if axis == TIME else 0 for axis in range(len(shape))]
        end = [last if axis == TIME else size for axis, size in enumerate(shape)]
        steps = [step if axis == TIME else 1 for axis in range(len(shape))]
        places = [self._constant(np.array(values, np.int32)) for values in (begin, end, steps)]
        self.operators.append(self._operator("STRIDED_SLICE", [source, *places], [out], "StridedSliceOptions"))
        return out

    def _operator(self, code: str, inputs: list[int], outputs: list[int], options: str, **values: Any) -> OperatorT:
        return new_operator(self.root, code, inputs, outputs, options, **values)

    def _constant(self, values: np.ndarray) -> int:
        buffer = add_buffer(self.root, values.tobytes())
        number = enum_values("TensorType")["INT32"]
        return add_tensor(self.root, TensorT(np.array(values.shape, np.int32), number, buffer, b""))

    def _shape(self, index: int) -> tuple[int, ...]:
        return tuple(integers(tensors_of(self.root)[index].shape))

    def _activation(self, index: int, rows: int) -> TensorT:
        """An activation like tensor ``index`` of other rows."""
        like = tensors_of(self.root)[index]
        shape = [rows if axis == TIME else size for axis, size in enumerate(self._shape(index))]
        return TensorT(np.array(shape, np.int32), like.type, name=b"", quantization=like.quantization)

    def _like(self, index: int, rows: int) -> int:
        return add_tensor(self.root, self._activation(index, rows))

    def _resize(self, index: int, rows: int) -> None:
        tensor = tensors_of(self.root)[index]
        tensor.shape = self._activation(index, rows).shape
        tensor.shapeSignature = None


def _resource(name: str) -> TensorT:
    return TensorT(np.zeros(0, np.int32), enum_values("TensorType")["RESOURCE"], name=name.encode())
