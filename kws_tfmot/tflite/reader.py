"""Reading an untrusted ``.tflite`` into a :class:`~kws_tfmot.tflite.graph.Graph`.

Whatever the bytes are, the outcome is a graph that is consistent in itself, or a ModelError.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from kws_tfmot.errors import ModelError, way_out
from kws_tfmot.tflite.checked_table import REBUILD
from kws_tfmot.tflite.document import read_source, unpack
from kws_tfmot.tflite.graph import Graph, Operator, Tensor
from kws_tfmot.tflite.operator_options import read_options
from kws_tfmot.tflite.resource_variables import MAX_SUBGRAPHS, with_variables
from kws_tfmot.tflite.schema import BufferT, ModelT, OperatorCodeT, OperatorT, SubGraphT, TensorT, enum_names
from kws_tfmot.tflite.tensors import read_tensors

MAX_TENSORS = 20_000
MAX_OPERATORS = 20_000
MAX_METADATA = 256
_PLACEHOLDER = 127  # a deprecated_builtin_code of this value says: look at builtin_code
_CUSTOM = 32


def read_model(source: str | Path | bytes) -> Graph:
    """Parse and check a TFLite model: one subgraph that infers, and others that set its variables once.

    Checked: every offset and length against the file; tensor shapes, types, buffers and quantisation against each
    other; operator codes and options; every tensor index; and that operators are in execution order, each tensor
    written once. Weights are read-only views of the file's bytes (``int4`` is unpacked to ``int8``).

    Args:
        source: Path of a ``.tflite`` file, or its bytes.

    Raises:
        ModelError: If the file is missing, corrupt, truncated, or a subgraph is not an initialiser of variables.
    """
    model = read_source(source)
    return graph_of(unpack(model), len(model))


@way_out(REBUILD)
def graph_of(root: ModelT, size: int) -> Graph:
    """The checked graph of a model that :func:`~kws_tfmot.tflite.document.unpack` read from ``size`` bytes.

    Raises:
        ModelError: As :func:`read_model`.
    """
    subgraphs = root.subgraphs or []
    if not 1 <= len(subgraphs) <= MAX_SUBGRAPHS:
        raise ModelError(f"expected a model with 1 to {MAX_SUBGRAPHS} subgraphs. Received: {len(subgraphs)}.")
    buffers = [_buffer_data(buffer) for buffer in root.buffers or ()]
    codes = [_operator_name(code, number) for number, code in enumerate(root.operatorCodes or ())]
    main, *others = [_subgraph(subgraph, codes, buffers, number) for number, subgraph in enumerate(subgraphs)]
    description = (root.description or b"").decode("utf-8", "replace")
    main = replace(main, metadata=_metadata(root, buffers, size), description=description, size=size)
    return with_variables(main, others)


def _subgraph(
    subgraph: SubGraphT, codes: list[tuple[str, int, bool]], buffers: list[np.ndarray | None], number: int
) -> Graph:
    entries, operator_entries = subgraph.tensors or [], subgraph.operators or []
    if len(entries) > MAX_TENSORS or len(operator_entries) > MAX_OPERATORS:
        raise ModelError(f"expected at most {MAX_TENSORS} tensors and {MAX_OPERATORS} operators.")
    operators = _operators(operator_entries, codes, len(entries))
    inputs = _indices(subgraph.inputs, len(entries), "the inputs of the graph")
    outputs = _indices(subgraph.outputs, len(entries), "the outputs of the graph")
    used = {index for operator in operators for index in (*operator.inputs, *operator.outputs)} | {*inputs, *outputs}
    unread = {index for operator in operators for index in operator.intermediates} - used
    tensors = read_tensors(entries, buffers, unread)
    if number == 0 and (not inputs or not outputs):
        raise ModelError(f"expected a graph with inputs and with outputs. Received: {inputs} and {outputs}")
    if number == 0:
        _check_sizes(entries, inputs)
    _check_order(tensors, operators, inputs, outputs)
    return Graph(tensors, operators, inputs, outputs)


def _check_sizes(entries: list[TensorT], inputs: tuple[int, ...]) -> None:
    """Refuse inputs of any length: a converter writes 1 for what it does not know, and all that follows is wrong."""
    for index in inputs:
        signature = entries[index].shapeSignature
        if signature is not None and any(int(size) < 0 for size in signature[1:]):
            raise ModelError(
                f"input {index} has sizes that are left open: {[int(size) for size in signature]}.",
                "Only the batch, the first size, may be: convert with an input of fixed shape, such as (1, 49, 40).",
            )


def _buffer_data(buffer: BufferT) -> np.ndarray | None:
    data = buffer.data
    return data if data is not None and data.size else None


def _metadata(root: ModelT, buffers: list[np.ndarray | None], size: int) -> dict[str, bytes]:
    entries = root.metadata or []
    if len(entries) > MAX_METADATA:
        raise ModelError(f"expected at most {MAX_METADATA} metadata entries. Received: {len(entries)}.")
    result: dict[str, bytes] = {}
    total = 0
    for entry in entries:
        name, number = (entry.name or b"").decode("utf-8", "replace"), entry.buffer
        if number >= len(buffers):
            raise ModelError(f"the metadata {name!r} refers to buffer {number} of {len(buffers)}.")
        data = buffers[number]
        total += 0 if data is None else data.size
        if total > size:
            raise ModelError("the metadata entries share buffers and add up to more than the file.")
        result.setdefault(name, b"" if data is None else data.tobytes())
    return result


def _indices(values: Any, count: int, where: str, *, optional: bool = False) -> tuple[int, ...]:
    """Tensor indices as a tuple, each below ``count``; -1 only where an input may be absent."""
    values = () if values is None else values
    if len(values) > MAX_TENSORS:
        raise ModelError(f"{where}: expected at most {MAX_TENSORS} tensors. Received: {len(values)}.")
    indices = tuple(int(value) for value in values)
    wrong = [index for index in indices if not (-1 if optional else 0) <= index < count]
    if wrong:
        raise ModelError(f"{where}: expected tensor indices from 0 to {count - 1}. Received: {wrong[:8]}")
    return indices


def _operators(entries: list[OperatorT], names: list[tuple[str, int, bool]], tensor_count: int) -> tuple[Operator, ...]:
    total = 0
    operators = []
    for index, entry in enumerate(entries):
        number = entry.opcodeIndex
        if number >= len(names):
            raise ModelError(f"operator {index} refers to operator code {number}; the model has {len(names)}.")
        name, version, custom = names[number]
        where = f"operator {index} ({name})"
        inputs = _indices(entry.inputs, tensor_count, f"inputs of {where}", optional=True)
        outputs = _indices(entry.outputs, tensor_count, f"outputs of {where}")
        between = _indices(entry.intermediates, tensor_count, f"intermediates of {where}")
        total += len(inputs) + len(outputs)
        if total > 10 * MAX_TENSORS:
            raise ModelError(f"expected at most {10 * MAX_TENSORS} inputs and outputs of operators in all.")
        options = read_options(entry, name, custom, where)
        operators.append(Operator(index, name, inputs, outputs, options, version, custom, between))
    return tuple(operators)


def _operator_name(code: OperatorCodeT, number: int) -> tuple[str, int, bool]:
    """Name, version and whether it is custom. Old converters fill deprecated_builtin_code alone, new ones both."""
    value = max(code.deprecatedBuiltinCode, code.builtinCode)
    version = code.version
    if value == _CUSTOM:
        name = (code.customCode or b"").decode("utf-8", "replace")
        if not name:
            raise ModelError(f"operator code {number} is custom, but has no name.")
        return name, version, True
    builtin = enum_names("BuiltinOperator").get(value)
    if builtin is None or value == _PLACEHOLDER:
        raise ModelError(
            f"operator code {number} is {value}, which is unknown. Allowed: 0 to {max(enum_names('BuiltinOperator'))}."
        )
    return builtin, version, False


def _check_order(
    tensors: tuple[Tensor, ...], operators: tuple[Operator, ...], inputs: tuple[int, ...], outputs: tuple[int, ...]
) -> None:
    """Refuse cycles, operators out of order, and tensors written twice or written over a constant."""
    if len(set(inputs)) != len(inputs):
        raise ModelError(f"expected a graph with distinct inputs. Received: {inputs}")
    constants = {tensor.index for tensor in tensors if tensor.data is not None}
    known = constants | set(inputs) | {tensor.index for tensor in tensors if tensor.is_variable}
    for operator in operators:
        early = [index for index in operator.inputs if index >= 0 and index not in known]
        if early:
            raise ModelError(
                f"operator {operator.index} ({operator.code}) reads tensors {early} before they are written."
            )
        again = [index for index in operator.outputs if index in known]
        if again or len(set(operator.outputs)) != len(operator.outputs):
            raise ModelError(f"operator {operator.index} ({operator.code}) writes tensors {again} a second time.")
        known.update(operator.outputs)
    missing = [index for index in outputs if index not in known]
    if missing:
        raise ModelError(f"no operator writes the output tensors {missing}.")
