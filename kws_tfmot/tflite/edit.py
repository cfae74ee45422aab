"""Changing a ``.tflite`` as LiteRT's typed model: what metadata, slimming, rewriting and packing have in common."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from kws_tfmot.errors import ModelError
from kws_tfmot.tflite.document import pack, unpack
from kws_tfmot.tflite.reader import graph_of
from kws_tfmot.tflite.schema import (
    BufferT,
    ModelT,
    OperatorCodeT,
    OperatorT,
    QuantizationParametersT,
    TensorT,
    enum_names,
    enum_values,
    make_options,
)
from kws_tfmot.tflite.tensors import NUMPY_TYPES


def open_for_edit(model: bytes) -> ModelT:
    """The model, consistent and with every field known to the schema.

    Raises:
        ModelError: If the file is corrupt, newer than the schema, or has other subgraphs than initialisers.
    """
    root = unpack(model, strict=True)
    graph_of(root, len(model))
    return root


def finish(root: ModelT) -> bytes:
    """Drop tensors, buffers and operator codes that nothing refers to any more, and write the flatbuffer."""
    _drop_unused_tensors(root)
    _drop_unused_buffers(root)
    _drop_unused_codes(root)
    return pack(root)


def tensors_of(root: ModelT) -> list[TensorT]:
    """Tensors of the subgraph that infers, the first."""
    subgraph = root.subgraphs[0]
    subgraph.tensors = subgraph.tensors or []
    return subgraph.tensors


def operators_of(root: ModelT) -> list[OperatorT]:
    """Operators of the subgraph that infers, the first."""
    subgraph = root.subgraphs[0]
    subgraph.operators = subgraph.operators or []
    return subgraph.operators


def all_tensors(root: ModelT) -> list[TensorT]:
    """Tensors of every subgraph: initialisers of variables come after the one that infers."""
    return [tensor for subgraph in root.subgraphs for tensor in subgraph.tensors or ()]


def all_operators(root: ModelT) -> list[OperatorT]:
    """Operators of every subgraph."""
    return [operator for subgraph in root.subgraphs for operator in subgraph.operators or ()]


def code_of(root: ModelT, operator: OperatorT) -> str:
    """Name of a builtin operator, or the custom operator's own."""
    code = root.operatorCodes[operator.opcodeIndex]
    number = max(code.deprecatedBuiltinCode, code.builtinCode)
    name = enum_names("BuiltinOperator").get(number, str(number))
    return (code.customCode or b"").decode("utf-8", "replace") if name == "CUSTOM" else name


def add_code(root: ModelT, name: str, version: int = 1, *, custom: bool = False) -> int:
    """Index of the operator code ``name``, added where it is missing."""
    number = enum_values("BuiltinOperator")["CUSTOM" if custom else name]
    code = OperatorCodeT(min(number, 127), name.encode() if custom else None, version, number)
    for index, other in enumerate(root.operatorCodes):
        if vars(other) == vars(code):
            return index
    root.operatorCodes.append(code)
    return len(root.operatorCodes) - 1


def new_operator(
    root: ModelT,
    code: str,
    inputs: Sequence[int],
    outputs: Sequence[int],
    options: str | None = None,
    *,
    custom: bool = False,
    version: int = 1,
    **values: Any,
) -> OperatorT:
    """An operator, not yet in its place.

    Args:
        root: The model, whose operator codes get ``code`` where it is missing.
        code: Name of a builtin operator, or of a custom one.
        inputs: Tensor indices, -1 for an absent one.
        outputs: Tensor indices.
        options: Table of its options.
        custom: Whether it is a custom one.
        version: Of the operator.
        values: Fields of that table, by their names in the schema.
    """
    operator = OperatorT(
        add_code(root, code, version, custom=custom), np.array(inputs, np.int32), np.array(outputs, np.int32)
    )
    if options is not None:
        set_options(operator, options, **values)
    return operator


def set_options(operator: OperatorT, options: str, **values: Any) -> None:
    """Give an operator builtin options of the table ``options``, its fields by their names in the schema."""
    operator.builtinOptionsType = enum_values("BuiltinOptions")[options]
    operator.builtinOptions = make_options(options, **values)


def new_quantization(scales: Any, zero_points: Any, axis: int = 0) -> QuantizationParametersT:
    """Scales and zero points, one or one for each slice along ``axis``."""
    quantization = QuantizationParametersT(scale=np.asarray(scales, np.float32), quantizedDimension=axis)
    quantization.zeroPoint = np.asarray(zero_points, np.int64)
    return quantization


def vector(quantization: QuantizationParametersT | None, name: str) -> np.ndarray:
    """A vector of a tensor's quantisation (``scale``, ``zeroPoint``, ...); empty where there is none."""
    values = None if quantization is None else getattr(quantization, name)
    return np.zeros(0) if values is None else values


def inputs_of(operator: OperatorT) -> list[int]:
    """Tensor indices an operator reads, -1 for an absent one."""
    return integers(operator.inputs)


def outputs_of(operator: OperatorT) -> list[int]:
    """Tensor indices an operator writes."""
    return integers(operator.outputs)


def integers(values: Any) -> list[int]:
    """A vector of whole numbers as a list, empty where it is absent."""
    return [] if values is None else [int(value) for value in values]


def readers_of(root: ModelT, index: int) -> list[OperatorT]:
    """Operators that read the tensor ``index``."""
    return [operator for operator in operators_of(root) if index in inputs_of(operator)]


def writer_of(root: ModelT, index: int) -> OperatorT | None:
    """The operator that writes the tensor ``index``."""
    return next((operator for operator in operators_of(root) if index in outputs_of(operator)), None)


def dtype_name(tensor: TensorT) -> str:
    """Type of a tensor in lower case, as in :class:`~kws_tfmot.tflite.graph.Tensor`."""
    return enum_names("TensorType")[tensor.type].lower()


def constant_of(root: ModelT, tensor: TensorT) -> np.ndarray | None:
    """The constant data of a tensor in its own type, flat; ``None`` for an activation."""
    data = root.buffers[tensor.buffer].data
    if data is None or not data.size:
        return None
    return np.asarray(data).view(NUMPY_TYPES.get(dtype_name(tensor), "u1"))


def set_constant(root: ModelT, tensor: TensorT, values: np.ndarray) -> None:
    """Give a tensor new constant data, in a buffer of its own."""
    tensor.buffer = add_buffer(root, values.tobytes())


def add_buffer(root: ModelT, data: bytes) -> int:
    """Append a buffer and return its number."""
    root.buffers.append(BufferT(data=np.frombuffer(data, np.uint8)))
    return len(root.buffers) - 1


def add_tensor(root: ModelT, tensor: TensorT) -> int:
    """Append a tensor and return its index."""
    tensors_of(root).append(tensor)
    return len(tensors_of(root)) - 1


def cut(model: bytes, outputs: Iterable[int]) -> bytes:
    """A model that ends at the tensors ``outputs``: operators that do not lead there are dropped.

    Names and signatures go; the input stays the same.
    """
    root = open_for_edit(model)
    subgraph = root.subgraphs[0]
    subgraph.outputs = np.array(list(outputs), np.int32)
    needed = set(subgraph.outputs.tolist())
    kept = []
    for operator in reversed(operators_of(root)):
        if needed & set(outputs_of(operator)):
            kept.append(operator)
            needed.update(inputs_of(operator))
    subgraph.operators = kept[::-1]
    root.signatureDefs = None
    return finish(root)


def _drop_unused_tensors(root: ModelT) -> None:
    subgraph = root.subgraphs[0]
    rows = [(subgraph, "inputs"), (subgraph, "outputs")]
    rows += [(operator, key) for operator in operators_of(root) for key in ("inputs", "outputs", "intermediates")]
    rows = [(holder, key) for holder, key in rows if getattr(holder, key) is not None]
    used = sorted({int(index) for holder, key in rows for index in getattr(holder, key) if index >= 0})
    moved = {old: new for new, old in enumerate(used)}
    if used and used[-1] >= len(tensors_of(root)):
        raise ModelError(
            f"an operator refers to tensor {used[-1]}; the model has {len(tensors_of(root))}.",
            "Let operators read and write tensors that the model has.",
        )
    for holder, key in rows:
        setattr(holder, key, np.array([moved.get(int(index), -1) for index in getattr(holder, key)], np.int32))
    subgraph.tensors = [tensors_of(root)[index] for index in used]
    for signature in root.signatureDefs or ():
        for key in ("inputs", "outputs"):
            entries = [entry for entry in getattr(signature, key) or () if entry.tensorIndex in moved]
            for entry in entries:
                entry.tensorIndex = moved[entry.tensorIndex]
            setattr(signature, key, entries)


def _drop_unused_buffers(root: ModelT) -> None:
    """Buffer 0 is the empty one by convention; every empty buffer becomes it."""
    holders = [*all_tensors(root), *(root.metadata or ())]
    buffers = [BufferT()]
    moved: dict[int, int] = {}
    for holder in holders:
        old = holder.buffer
        if old not in moved:
            data = root.buffers[old].data
            if data is None or not data.size:
                moved[old] = 0
            else:
                moved[old] = len(buffers)
                buffers.append(BufferT(data=data))
        holder.buffer = moved[old]
    root.buffers = buffers
    root.metadataBuffer = None  # superseded by metadata, and it holds buffer numbers


def _drop_unused_codes(root: ModelT) -> None:
    used = sorted({operator.opcodeIndex for operator in all_operators(root)})
    moved = {old: new for new, old in enumerate(used)}
    for operator in all_operators(root):
        operator.opcodeIndex = moved[operator.opcodeIndex]
    root.operatorCodes = [root.operatorCodes[index] for index in used]
