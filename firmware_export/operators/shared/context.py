"""What the translation of each operator works with: the graph, the growing program, and the problems found."""

from __future__ import annotations

import math

import numpy as np

from firmware_export.ir import Layer, Layout, Operation, Program, Value, to_chw
from firmware_export.operators.kernels.reshape_tensor import Reshape
from firmware_export.operators.kernels.wide import wide_layout
from firmware_export.operators.shared.memories import find_memories
from kws_tfmot.tflite.graph import Graph, Operator, Tensor

MAX_BYTES = 1 << 24  # of activations: no microcontroller has more, and generated offsets stay small
MAX_SCALE = 1e12  # far outside of what training gives, and nothing computed from such scales overflows
_LIMITS = {"int8": (-128, 127), "uint8": (0, 255), "int16": (-(1 << 15), (1 << 15) - 1), "int32": (0, 0)}
MAX_SIDE = (1 << 16) - 1  # what the runtime's 16-bit sizes hold


class Unsupported(Exception):
    """Why one operator cannot be translated."""


def layout_of(shape: tuple[int, ...]) -> Layout:
    """The CHW layout of a tensor; ranks below four are taken as the last dimensions of (1, height, width, channels).

    Raises:
        Unsupported: For a batch other than 1, more than four dimensions, or sizes the runtime cannot hold.

    >>> layout_of((1, 12)), layout_of((1, 49, 10, 1))
    (Layout(height=1, width=1, channels=12), Layout(height=49, width=10, channels=1))
    """
    dims = tuple(shape)
    if len(dims) > 4:
        raise Unsupported(f"shape {dims} has more than four dimensions")
    full = (1,) * (4 - len(dims)) + dims
    if full[0] != 1:
        raise Unsupported(f"shape {dims} has a batch other than 1")
    layout = Layout(*full[1:])
    if min(full) < 1 or layout.plane > MAX_SIDE or layout.channels > MAX_SIDE or layout.bytes > MAX_BYTES:
        raise Unsupported(f"shape {dims} is empty or too large for the engine")
    return layout


def same_quantization(x: Value, y: Value) -> bool:
    """Whether two values mean the same by the same number; scales to the precision that TFLM asks for."""
    return abs(x.scale - y.scale) <= 1e-6 and x.zero_point == y.zero_point


class Context:
    """The state of one translation."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.program = Program()
        self.problems: list[str] = []
        self.broken: set[int] = set()  # tensors whose operator was refused
        self.value_of: dict[int, int] = {}  # tensor -> value
        self.state_of: dict[int, int] = {}  # variable -> value
        self.memories = find_memories(graph)
        self.absorbed = {index for memory in self.memories.values() for index in memory.absorbed}

    def is_broken(self, index: int) -> bool:
        """Whether an earlier refusal already explains why this tensor is missing."""
        return index in self.broken

    def tensor(self, index: int, role: str) -> Tensor:
        """The tensor at ``index``, which must be there."""
        if index < 0 or index >= len(self.graph.tensors):
            raise Unsupported(f"{role} is missing")
        return self.graph.tensor(index)

    def operand(self, operator: Operator, position: int, role: str) -> Tensor:
        """The tensor at one input position of an operator."""
        if position >= len(operator.inputs):
            raise Unsupported(f"{role} is missing")
        return self.tensor(operator.inputs[position], role)

    def constant(self, operator: Operator, position: int, role: str) -> tuple[Tensor, np.ndarray]:
        """A constant input of an operator and its numbers."""
        tensor = self.operand(operator, position, role)
        if tensor.data is None:
            raise Unsupported(f"{role} (tensor {tensor.index} {tensor.name!r}) must be a constant")
        return tensor, tensor.data

    def integers(self, operator: Operator, position: int, role: str) -> np.ndarray:
        """The numbers of a constant int32 or int64 input."""
        tensor, data = self.constant(operator, position, role)
        if tensor.dtype not in ("int32", "int64"):
            raise Unsupported(f"{role} must be int32 or int64. Received: {tensor.dtype}")
        return np.asarray(data).astype(np.int64).reshape(-1)

    def quantization(self, index: int, dtype: str = "int8") -> tuple[float, int]:
        """Scale and zero point of an activation."""
        tensor = self.graph.tensor(index)
        where = f"tensor {index} {tensor.name!r}"
        if tensor.dtype != dtype:
            raise Unsupported(f"{where} must be {dtype}. Received: {tensor.dtype}")
        quantization = tensor.quantization
        if quantization is None or len(quantization.scales) != 1 or len(quantization.zero_points) > 1:
            raise Unsupported(f"{where} must have one scale and one zero point")
        scale = float(quantization.scales[0])
        zero_point = int(quantization.zero_points[0]) if quantization.zero_points else 0
        low, high = _LIMITS[dtype]
        if not (math.isfinite(scale) and 1 / MAX_SCALE <= scale <= MAX_SCALE) or not low <= zero_point <= high:
            raise Unsupported(
                f"{where} has scale {scale} and zero point {zero_point}; expected a scale from {1 / MAX_SCALE:g} to "
                f"{MAX_SCALE:g} and a zero point from {low} to {high}"
            )
        return scale, zero_point

    def enter(self, index: int, scale: float, zero_point: int) -> None:
        """Make tensor ``index`` the program's input, given by the caller in the order height, width, channel."""
        tensor = self.graph.tensor(index)
        layout = layout_of(tensor.shape)
        program = self.program
        program.input_scale, program.input_zero_point = scale, zero_point
        if tensor.dtype == "int16":
            program.input = program.add_value("input", wide_layout(layout.elements, "int16"), scale, zero_point)
            self.value_of[index] = program.input
            return
        flat = layout if layout.flat else Layout(1, 1, layout.elements)
        if flat.channels > MAX_SIDE:
            raise Unsupported(f"{flat.channels} numbers are too many; at most {MAX_SIDE}")
        program.input = program.add_value("input", flat, scale, zero_point)
        self.value_of[index] = program.input
        if not layout.flat:
            self.value_of[index] = program.add_value(tensor.name, layout, scale, zero_point)
            self.add("CHW input", Reshape(), (program.input,), self.value_of[index])

    def value(self, index: int) -> int:
        """The value of an int8 tensor, made on the spot for a constant."""
        if index in self.value_of:
            return self.value_of[index]
        tensor = self.tensor(index, "an input")
        if tensor.data is None:
            raise Unsupported(f"tensor {index} {tensor.name!r} is read before it is written")
        scale, zero_point = self.quantization(index)
        layout = layout_of(tensor.shape)
        data = to_chw(np.asarray(tensor.data, np.int8), layout)
        self.value_of[index] = self.program.add_value(tensor.name, layout, scale, zero_point, data)
        return self.value_of[index]

    def input_value(self, operator: Operator, position: int = 0) -> int:
        """The value an operator reads; int8."""
        tensor = self.operand(operator, position, f"input {position}")
        self.quantization(tensor.index)
        return self.value(tensor.index)

    def output_value(self, operator: Operator) -> int:
        """A new value for the one output of an operator; int8."""
        if len(operator.outputs) != 1:
            raise Unsupported(f"expected one output. Received: {len(operator.outputs)}")
        return self.output_values(operator)[0]

    def output_values(self, operator: Operator) -> list[int]:
        """New values for the outputs of an operator; int8."""
        return [self._output(index) for index in operator.outputs]

    def _output(self, index: int) -> int:
        tensor = self.tensor(index, "the output")
        scale, zero_point = self.quantization(tensor.index)
        value = self.program.add_value(tensor.name, layout_of(tensor.shape), scale, zero_point)
        self.value_of[tensor.index] = value
        return value

    def rank(self, operator: Operator, position: int = 0) -> int:
        """Number of dimensions of an operator's input in the file."""
        return len(self.operand(operator, position, f"input {position}").shape)

    def axis(self, operator: Operator, axis: int, rank: int) -> int:
        """An axis of a tensor of ``rank`` dimensions, counted from its end where it is negative."""
        if not -rank <= axis < rank:
            raise Unsupported(f"axis {axis} of {operator.code} does not fit {rank} dimensions")
        return axis % rank

    def demand_same_quantization(self, source: int, target: int) -> None:
        """Refuse an operator that only moves or picks numbers while its output has another scale or zero point."""
        x, y = self.program.values[source], self.program.values[target]
        if not same_quantization(x, y):
            raise Unsupported(
                "input and output must have the same scale and zero point. "
                f"Received: {x.scale:g}, {x.zero_point} and {y.scale:g}, {y.zero_point}"
            )

    def layout(self, value: int) -> Layout:
        """Layout of a value."""
        return self.program.values[value].layout

    def new_like(self, value: int, layout: Layout, name: str) -> int:
        """A value with the quantisation of another and its own layout.

        Raises:
            Unsupported: Where the layout exceeds the runtime's sizes of 16 bits.
        """
        if max(layout.plane, layout.channels) > MAX_SIDE:
            raise Unsupported(
                f"{name} has {max(layout.plane, layout.channels)} numbers side by side; at most {MAX_SIDE}"
            )
        like = self.program.values[value]
        return self.program.add_value(name, layout, like.scale, like.zero_point)

    def add(self, name: str, operation: Operation, inputs: tuple[int, ...], output: int) -> None:
        """Append a layer."""
        self.program.layers.append(Layer(name, operation, inputs, output))

    def label(self, operator: Operator) -> str:
        """How reports call this operator."""
        return f"{operator.index} {operator.code}"
