"""Shapes that a ``.tflite`` computes at run time, computed once: what Keras 3 writes for a batch of any size.

Converted from Keras 3, a Flatten arrives as SHAPE, STRIDED_SLICE, PACK and RESHAPE, a Dense over a sequence with GATHER
and REDUCE_PROD besides, the first state of an unrolled LSTM as SHAPE and FILL. The batch is 1 here, so that all of them
are constants: whole numbers that depend on shapes alone, and what is filled by them. Weights stored as float16, which
every interpreter but TFLM turns into float32 before it starts, are turned so here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from kws_tfmot.tflite.document import read_source
from kws_tfmot.tflite.edit import finish, open_for_edit, set_constant
from kws_tfmot.tflite.graph import Graph, Operator, Tensor
from kws_tfmot.tflite.reader import read_model
from kws_tfmot.tflite.tensors import NUMPY_TYPES

_MAX_READ = 1 << 10  # numbers that a rule reads of one tensor: shapes are short, and two long ones may make a product
MAX_FILLED = 1 << 16  # elements of one constant made by FILL or BROADCAST_TO; larger ones stay computed
_WHOLE = ("int32", "int64")
_RESHAPED = ("RESHAPE", "SQUEEZE", "EXPAND_DIMS")
_ELEMENT_BY_ELEMENT = (
    "RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1", "LEAKY_RELU", "LOGISTIC", "TANH", "HARD_SWISH", "ELU", "GELU",
    "QUANTIZE", "DEQUANTIZE", "PRELU", "EXP", "LOG", "ABS", "NEG", "SQRT", "RSQRT", "SQUARE", "FLOOR", "CEIL", "ROUND",
    "SIN", "COS", "SOFTMAX", "LOG_SOFTMAX",
)  # fmt: skip
_OF_TWO = ("ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE", "POW")
_SOURCES = {"SHAPE", "RANK", "FILL", "DEQUANTIZE"}

FoldingRule = Callable[[Operator, list[np.ndarray]], np.ndarray]


def fold_shapes(model: bytes) -> bytes:
    """``model`` with everything that follows from shapes as constants; the same bytes where there is nothing of it.

    What cannot be followed stays as it is.

    Raises:
        ModelError: The model is corrupt.
    """
    data = read_source(model)
    graph = read_model(data)
    if not any(operator.code in _SOURCES for operator in graph.operators):
        return data
    followed = _Followed(graph)
    if not followed.constants:
        return data
    root = open_for_edit(data)
    subgraph = root.subgraphs[0]
    for index, values in followed.constants.items():
        set_constant(root, subgraph.tensors[index], values)
    for index, shape in followed.shapes.items():
        subgraph.tensors[index].shape = np.array(shape, np.int32)
        subgraph.tensors[index].shapeSignature = None
    gone = {operator.index for operator in graph.operators if set(operator.outputs) & set(followed.constants)}
    subgraph.operators = [entry for number, entry in enumerate(subgraph.operators) if number not in gone]
    return finish(root)


class _Followed:
    """What operators write that is the same at every inference, and shapes that the file leaves open.

    A converter writes 1 for every size that it does not know, so that a Dense over 20 frames says ``(1, units)``.

    Attributes:
        constants: Tensors that operators write, as arrays of their type and shape.
        shapes: Of activations whose shape follows from a constant and is not what the file says.
    """

    def __init__(self, graph: Graph) -> None:
        self.constants: dict[int, np.ndarray] = {}
        self.shapes: dict[int, tuple[int, ...]] = {}
        self._graph = graph
        for operator in graph.operators:
            if len(operator.outputs) == 1 and operator.outputs[0] not in graph.outputs:
                values = self._constant(operator)
                if values is not None:
                    self.constants[operator.outputs[0]] = values
                    continue
            if not self._follow_shape(operator):
                self.constants, self.shapes = {}, {}
                return

    def _shape(self, index: int) -> tuple[int, ...]:
        return self.shapes.get(index, self._graph.tensor(index).shape)

    def _value(self, index: int) -> np.ndarray | None:
        tensor = self._graph.tensor(index)
        if index in self.constants:
            return self.constants[index]
        return None if tensor.sparse or tensor.dtype not in NUMPY_TYPES else tensor.data

    def _constant(self, operator: Operator) -> np.ndarray | None:
        target, rule = self._graph.tensor(operator.outputs[0]), _RULES.get(operator.code)
        if rule is None or not _foldable(operator, target):
            return None
        if operator.code in ("SHAPE", "RANK"):
            source = self._shape(operator.inputs[0])
            values = np.asarray(source if operator.code == "SHAPE" else len(source))
        else:
            given = [self._value(index) for index in operator.inputs]
            if any(each is None for each in given):
                return None
            if operator.code != "DEQUANTIZE" and any(each is not None and each.size > _MAX_READ for each in given):
                return None
            try:
                values = rule(operator, [each for each in given if each is not None])
                values = values.reshape(target.shape) if operator.code in _RESHAPED else values
            except (ValueError, IndexError, TypeError, KeyError, OverflowError):
                return None  # an operator that does not fit its inputs: whoever runs it says so
        return None if values.shape != target.shape else np.array(values, NUMPY_TYPES[target.dtype])

    def _follow_shape(self, operator: Operator) -> bool:
        """Whether the operator's output has a shape that is known, noted where the file says another."""
        changed = any(index in self.shapes for index in operator.inputs)
        if operator.code == "RESHAPE" and len(operator.inputs) > 1:
            sizes = self.constants.get(operator.inputs[1])
            if sizes is None:
                return not changed or math.prod(self._shape(operator.inputs[0])) == self._size(operator)
            elements, wanted = math.prod(self._shape(operator.inputs[0])), [int(size) for size in sizes.ravel()]
            known = math.prod(size for size in wanted if size > 0)
            shape = tuple(elements // known if size == -1 else size for size in wanted)
            return math.prod(shape) == elements and all(size > 0 for size in shape) and self._note(operator, shape)
        if not changed:
            return True
        first = self._shape(operator.inputs[0])
        if operator.code in _ELEMENT_BY_ELEMENT:
            return self._note(operator, first)
        if operator.code in _OF_TWO:
            try:
                return self._note(operator, np.broadcast_shapes(*(self._shape(index) for index in operator.inputs)))
            except ValueError:
                return False
        if operator.code == "FULLY_CONNECTED":
            weights = self._shape(operator.inputs[1])
            if len(weights) != 2 or not weights[1]:
                return False
            units, taps = weights
            lead = first[:-1] if operator.options["keep_num_dims"] else (math.prod(first) // taps,)
            return math.prod(first) % taps == 0 and self._note(operator, (*lead, units))
        return False

    def _size(self, operator: Operator) -> int:
        return math.prod(self._graph.tensor(operator.outputs[0]).shape)

    def _note(self, operator: Operator, shape: tuple[int, ...]) -> bool:
        index = operator.outputs[0]
        if shape == self._graph.tensor(index).shape:
            return True
        self.shapes[index] = shape
        return index not in self._graph.outputs


def _foldable(operator: Operator, target: Tensor) -> bool:
    if target.is_variable or target.sparse or any(index < 0 for index in operator.inputs):
        return False
    if operator.code in ("FILL", "BROADCAST_TO"):
        return target.dtype in (*_WHOLE, "float32", "int8", "int16") and math.prod(target.shape) <= MAX_FILLED
    if target.quantization is not None:
        return False
    return target.dtype == "float32" if operator.code == "DEQUANTIZE" else target.dtype in _WHOLE


def _reduced(reduce: Callable[..., Any]) -> FoldingRule:
    def rule(operator: Operator, given: list[np.ndarray]) -> np.ndarray:
        """One input reduced along the axes that the other names."""
        axes = tuple(int(axis) for axis in given[1].ravel())
        return np.asarray(reduce(given[0], axis=axes, keepdims=bool(operator.options["keep_dims"])))

    return rule


def _pairwise(compute: Callable[..., Any]) -> FoldingRule:
    def rule(operator: Operator, given: list[np.ndarray]) -> np.ndarray:
        """Both inputs, element by element."""
        if operator.options.get("fused_activation_function", "NONE") != "NONE":
            raise ValueError("an activation of whole numbers")
        return np.asarray(compute(given[0], given[1]))

    return rule


def _gather(operator: Operator, given: list[np.ndarray]) -> np.ndarray:
    if operator.options.get("batch_dims", 0):
        raise ValueError("batches are not gathered")
    return np.take(given[0], given[1], axis=operator.options["axis"])


def _strided_slice(operator: Operator, given: list[np.ndarray]) -> np.ndarray:
    """By the masks' bits, as NumPy's basic slicing; masks of the new and of the elided axes are not followed."""
    options = operator.options
    if options["ellipsis_mask"] or options["new_axis_mask"] or options.get("offset"):
        raise ValueError("masks that are not followed")
    source, *bounds = given
    places: list[int | slice] = []
    for axis, (begin, end, stride) in enumerate(zip(*(each.tolist() for each in bounds), strict=True)):
        if options["shrink_axis_mask"] >> axis & 1:
            places.append(begin)
            continue
        first = None if options["begin_mask"] >> axis & 1 else begin
        places.append(slice(first, None if options["end_mask"] >> axis & 1 else end, stride))
    return np.asarray(source[tuple(places)])


def _slice(operator: Operator, given: list[np.ndarray]) -> np.ndarray:
    source, begins, sizes = given
    ends = [first + size if size >= 0 else None for first, size in zip(begins.tolist(), sizes.tolist(), strict=True)]
    return source[tuple(slice(first, end) for first, end in zip(begins.tolist(), ends, strict=True))]


def _quotient(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    if not np.all(second):
        raise ValueError("a division by zero")
    return np.floor_divide(first, second)


def _same(operator: Operator, given: list[np.ndarray]) -> np.ndarray:
    if given[0].dtype.kind not in "iu":
        raise ValueError("rounding is not followed")
    return given[0]


def _filled(operator: Operator, given: list[np.ndarray]) -> np.ndarray:
    if not 0 < math.prod(given[0].tolist()) <= MAX_FILLED or given[1].size != 1:
        raise ValueError("more than is kept")
    return np.full(given[0].tolist(), given[1].ravel()[0])


def _broadcast(operator: Operator, given: list[np.ndarray]) -> np.ndarray:
    if not 0 < math.prod(given[1].tolist()) <= MAX_FILLED:
        raise ValueError("more than is kept")
    return np.broadcast_to(given[0], given[1].tolist())


def _dequantized(operator: Operator, given: list[np.ndarray]) -> np.ndarray:
    if given[0].dtype != np.float16:
        raise ValueError("quantised numbers stay as they are")
    return given[0].astype(np.float32)


def _unread(operator: Operator, given: list[np.ndarray]) -> np.ndarray:
    raise ValueError(operator.code)  # found from the shape alone, before any rule


_RULES: dict[str, FoldingRule] = {
    "SHAPE": _unread,
    "RANK": _unread,
    "GATHER": _gather,
    "STRIDED_SLICE": _strided_slice,
    "SLICE": _slice,
    "RESHAPE": _same,
    "SQUEEZE": _same,
    "EXPAND_DIMS": _same,
    "CAST": _same,
    "PACK": lambda operator, given: np.stack(given, axis=operator.options["axis"]),
    "CONCATENATION": lambda operator, given: np.concatenate(given, axis=operator.options["axis"]),
    "REDUCE_PROD": _reduced(np.prod),
    "REDUCE_MAX": _reduced(np.max),
    "REDUCE_MIN": _reduced(np.min),
    "SUM": _reduced(np.sum),
    "ADD": _pairwise(np.add),
    "SUB": _pairwise(np.subtract),
    "MUL": _pairwise(np.multiply),
    "FLOOR_DIV": _pairwise(_quotient),
    "MAXIMUM": _pairwise(np.maximum),
    "MINIMUM": _pairwise(np.minimum),
    "BROADCAST_ARGS": lambda operator, given: np.asarray(np.broadcast_shapes(*(tuple(g.tolist()) for g in given))),
    "BROADCAST_TO": _broadcast,
    "FILL": _filled,
    "DEQUANTIZE": _dequantized,
}
