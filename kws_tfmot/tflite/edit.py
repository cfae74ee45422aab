"""Changing a ``.tflite`` as nested dictionaries: what metadata, slimming, rewriting and packing have in common."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from kws_tfmot.errors import ModelError
from kws_tfmot.tflite.document import Table, pack, unpack
from kws_tfmot.tflite.reader import read_model
from kws_tfmot.tflite.schema import enum_names, enum_values
from kws_tfmot.tflite.tensors import NUMPY_TYPES


def open_for_edit(model: bytes) -> Table:
    """The model as nested dictionaries, consistent and with every field known to the schema.

    Raises:
        ModelError: If the file is corrupt, newer than the schema, or has other subgraphs than initialisers.
    """
    read_model(model)
    return unpack(model, strict=True)


def finish(root: Table) -> bytes:
    """Drop tensors, buffers and operator codes that nothing refers to any more, and write the flatbuffer."""
    _drop_unused_tensors(root)
    _drop_unused_buffers(root)
    _drop_unused_codes(root)
    return pack(root)


def tensors_of(root: Table) -> list[Table]:
    """Tensor tables of the subgraph that infers, the first."""
    return root["subgraphs"][0].get("tensors", [])


def operators_of(root: Table) -> list[Table]:
    """Operator tables of the subgraph that infers, the first."""
    return root["subgraphs"][0].setdefault("operators", [])


def all_tensors(root: Table) -> list[Table]:
    """Tensor tables of every subgraph: initialisers of variables come after the one that infers."""
    return [tensor for subgraph in root["subgraphs"] for tensor in subgraph.get("tensors", [])]


def all_operators(root: Table) -> list[Table]:
    """Operator tables of every subgraph."""
    return [operator for subgraph in root["subgraphs"] for operator in subgraph.get("operators", [])]


def code_of(root: Table, operator: Table) -> str:
    """Name of a builtin operator, or the custom operator's own."""
    code = root["operator_codes"][operator.get("opcode_index", 0)]
    number = max(code.get("deprecated_builtin_code", 0), code.get("builtin_code", 0))
    name = enum_names("BuiltinOperator").get(number, str(number))
    return code.get("custom_code", b"").decode("utf-8", "replace") if name == "CUSTOM" else name


def add_code(root: Table, name: str, version: int = 1, *, custom: bool = False) -> int:
    """Index of the operator code ``name``, added where it is missing."""
    number = enum_values("BuiltinOperator")["CUSTOM" if custom else name]
    code: Table = {"deprecated_builtin_code": min(number, 127), "builtin_code": number, "version": version}
    if custom:
        code["custom_code"] = name.encode()
    if code not in root["operator_codes"]:
        root["operator_codes"].append(code)
    return root["operator_codes"].index(code)


def inputs_of(operator: Table) -> list[int]:
    """Tensor indices an operator reads, -1 for an absent one."""
    return [int(index) for index in operator.get("inputs", ())]


def outputs_of(operator: Table) -> list[int]:
    """Tensor indices an operator writes."""
    return [int(index) for index in operator.get("outputs", ())]


def readers_of(root: Table, index: int) -> list[Table]:
    """Operators that read the tensor ``index``."""
    return [operator for operator in operators_of(root) if index in inputs_of(operator)]


def writer_of(root: Table, index: int) -> Table | None:
    """The operator that writes the tensor ``index``."""
    return next((operator for operator in operators_of(root) if index in outputs_of(operator)), None)


def dtype_name(tensor: Table) -> str:
    """Type of a tensor in lower case, as in :class:`~kws_tfmot.tflite.graph.Tensor`."""
    return enum_names("TensorType")[tensor.get("type", 0)].lower()


def constant_of(root: Table, tensor: Table) -> np.ndarray | None:
    """The constant data of a tensor in its own type, flat; ``None`` for an activation."""
    data = root["buffers"][tensor.get("buffer", 0)].get("data")
    if data is None or not data.size:
        return None
    return np.asarray(data).view(NUMPY_TYPES.get(dtype_name(tensor), "u1"))


def set_constant(root: Table, tensor: Table, values: np.ndarray) -> None:
    """Give a tensor new constant data, in a buffer of its own."""
    tensor["buffer"] = add_buffer(root, values.tobytes())


def add_buffer(root: Table, data: bytes) -> int:
    """Append a buffer and return its number."""
    root["buffers"].append({"data": np.frombuffer(data, np.uint8)})
    return len(root["buffers"]) - 1


def add_tensor(root: Table, **fields: Any) -> int:
    """Append a tensor table and return its index."""
    tensors_of(root).append(dict(fields))
    return len(tensors_of(root)) - 1


def cut(model: bytes, outputs: Iterable[int]) -> bytes:
    """A model that ends at the tensors ``outputs``: operators that do not lead there are dropped.

    Names and signatures go; the input stays the same.
    """
    root = open_for_edit(model)
    subgraph = root["subgraphs"][0]
    subgraph["outputs"] = np.array(list(outputs), np.int32)
    needed = set(subgraph["outputs"].tolist())
    kept = []
    for operator in reversed(operators_of(root)):
        if needed & set(outputs_of(operator)):
            kept.append(operator)
            needed.update(inputs_of(operator))
    subgraph["operators"] = kept[::-1]
    root.pop("signature_defs", None)
    return finish(root)


def _drop_unused_tensors(root: Table) -> None:
    subgraph = root["subgraphs"][0]
    rows = [subgraph.get("inputs", ()), subgraph.get("outputs", ())]
    rows += [operator.get(key, ()) for operator in operators_of(root) for key in ("inputs", "outputs", "intermediates")]
    used = sorted({int(index) for row in rows for index in row if index >= 0})
    moved = {old: new for new, old in enumerate(used)}
    if used and used[-1] >= len(tensors_of(root)):
        raise ModelError(f"an operator refers to tensor {used[-1]}; the model has {len(tensors_of(root))}.")
    for holder in (subgraph, *operators_of(root)):
        for key in ("inputs", "outputs", "intermediates"):
            if key in holder:
                holder[key] = np.array([moved.get(int(index), -1) for index in holder[key]], np.int32)
    subgraph["tensors"] = [tensors_of(root)[index] for index in used]
    for signature in root.get("signature_defs", []):
        for key in ("inputs", "outputs"):
            entries = [entry for entry in signature.get(key, []) if entry.get("tensor_index", 0) in moved]
            signature[key] = [entry | {"tensor_index": moved[entry.get("tensor_index", 0)]} for entry in entries]


def _drop_unused_buffers(root: Table) -> None:
    """Buffer 0 is the empty one by convention; every empty buffer becomes it."""
    holders = [*all_tensors(root), *root.get("metadata", [])]
    buffers: list[Table] = [{}]
    moved: dict[int, int] = {}
    for holder in holders:
        old = holder.get("buffer", 0)
        if old not in moved:
            data = root["buffers"][old].get("data")
            if data is None or not data.size:
                moved[old] = 0
            else:
                moved[old] = len(buffers)
                buffers.append({"data": data})
        holder["buffer"] = moved[old]
    root["buffers"] = buffers
    root.pop("metadata_buffer", None)  # superseded by metadata, and it holds buffer numbers


def _drop_unused_codes(root: Table) -> None:
    used = sorted({operator.get("opcode_index", 0) for operator in all_operators(root)})
    moved = {old: new for new, old in enumerate(used)}
    for operator in all_operators(root):
        operator["opcode_index"] = moved[operator.get("opcode_index", 0)]
    root["operator_codes"] = [root["operator_codes"][index] for index in used]
