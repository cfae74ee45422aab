"""What is inside a ``.tflite``: operators, weights and their zeros, MACs, and where the bytes go."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kws_tfmot.tflite.document import read_source, unpack
from kws_tfmot.tflite.edit import all_tensors, tensors_of
from kws_tfmot.tflite.graph import Graph, Operator, Tensor, Variable
from kws_tfmot.tflite.metadata import SETTINGS_NAME, settings_from
from kws_tfmot.tflite.reader import read_model
from kws_tfmot.tflite.tensors import NUMPY_TYPES

_WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV")
_ELEMENTWISE = ("ADD", "SUB", "MUL", "PRELU")
_LSTM, _LSTM_BIASES = "UNIDIRECTIONAL_SEQUENCE_LSTM", (12, 13, 14, 15)
_WEIGHT_PLACES = {**dict.fromkeys(_WEIGHTED, (1,)), "SVDF": (1, 2), _LSTM: (1, 2, 3, 4, 5, 6, 7, 8)}
_BIAS_PLACES = {**dict.fromkeys(_WEIGHTED, (2,)), "SVDF": (3,), _LSTM: _LSTM_BIASES}


@dataclass(frozen=True)
class TensorSummary:
    """An input or output: ``real = scale * (q - zero_point)``; scale and zero point ``None`` where not quantised."""

    index: int
    name: str
    shape: list[int]
    dtype: str
    scale: float | None
    zero_point: int | None


@dataclass(frozen=True)
class WeightSummary:
    """A weight tensor (not a bias).

    ``zeros`` counts elements that represent 0, ``bytes`` what is stored of it; ``bits`` would tell the different
    numbers in it apart (``None`` for float and sparse-encoded weights).
    """

    index: int
    name: str
    operator: int
    shape: list[int]
    dtype: str
    elements: int
    zeros: int
    zero_share: float
    bytes: int
    per_channel: bool
    sparse: bool
    bits: int | None


@dataclass(frozen=True)
class OperatorSummary:
    """An operator: ``macs`` are multiply-accumulates a sample, ``parameters`` weights and biases."""

    index: int
    code: str
    version: int
    input_shapes: list[list[int]]
    output_shape: list[int]
    dtype: str
    scale: float | None
    zero_point: int | None
    options: dict[str, Any]
    parameters: int
    macs: int
    nonzero_macs: int


@dataclass(frozen=True)
class StateSummary:
    """What a model keeps from one inference to the next: bytes in all, rows of time each inference takes."""

    bytes: int
    rows_per_step: int
    variables: list[TensorSummary]


@dataclass(frozen=True)
class ModelSummary:
    """Everything :func:`inspect` finds. ``bytes`` splits the file into what its parts take, shared parts once."""

    size: int
    description: str
    inputs: list[TensorSummary]
    outputs: list[TensorSummary]
    operators: list[OperatorSummary]
    weights: list[WeightSummary]
    operator_counts: dict[str, int]
    parameters: int
    macs: int
    nonzero_macs: int
    zero_share: float
    sparse_encoded: bool
    bytes: dict[str, int]
    metadata: dict[str, int]
    settings: dict[str, Any] | None
    state: StateSummary | None

    def to_json(self) -> dict[str, Any]:
        """The same as dictionaries and lists that :mod:`json` can write."""
        return dataclasses.asdict(self)


def inspect(source: str | Path | bytes) -> ModelSummary:
    """Read a model and count.

    MACs: ``H*W*C_out*Kh*Kw*C_in`` of a convolution, ``H*W*C*Kh*Kw`` of a depthwise one, ``N*M`` of a fully connected
    layer, ``T`` times the weights' number of an LSTM of ``T`` steps, the weights' number of an SVDF, 0 of everything
    else; ``nonzero_macs`` leaves out those whose weight is zero. Padding counts as if it were
    data.

    Raises:
        ModelError: If the file is missing or corrupt.
    """
    data = read_source(source)
    graph = read_model(data)
    weights = [_weight(graph, operator, n) for operator in graph.operators for n in _weight_indices(graph, operator)]
    operators = [
        _operator(graph, o, [weight for weight in weights if weight.operator == o.index]) for o in graph.operators
    ]
    elements = sum(weight.elements for weight in weights)
    codes = [operator.code for operator in graph.operators]
    return ModelSummary(
        size=len(data),
        description=graph.description,
        inputs=[_tensor(graph.tensor(index)) for index in graph.inputs],
        outputs=[_tensor(graph.tensor(index)) for index in graph.outputs],
        operators=operators,
        weights=weights,
        operator_counts={code: codes.count(code) for code in sorted(set(codes))},
        parameters=sum(operator.parameters for operator in operators),
        macs=sum(operator.macs for operator in operators),
        nonzero_macs=sum(operator.nonzero_macs for operator in operators),
        zero_share=sum(weight.zeros for weight in weights) / elements if elements else 0.0,
        sparse_encoded=any(tensor.sparse for tensor in graph.tensors),
        bytes=_bytes(data, graph),
        metadata={name: len(value) for name, value in sorted(graph.metadata.items())},
        settings=settings_from(graph.metadata) if SETTINGS_NAME in graph.metadata else None,
        state=state_of(graph),
    )


def state_of(graph: Graph) -> StateSummary | None:
    """What a model keeps from one inference to the next; ``None`` for one that keeps nothing."""
    if not graph.stateful:
        return None
    kept: list[Tensor | Variable] = [*graph.variables, *(tensor for tensor in graph.tensors if tensor.is_variable)]
    size = sum(math.prod(each.shape) * np.dtype(NUMPY_TYPES.get(each.dtype, "u1")).itemsize for each in kept)
    shape = graph.tensor(graph.inputs[0]).shape
    return StateSummary(size, shape[1] if len(shape) > 2 else 1, [_tensor(each) for each in kept])


def zero_masks(source: str | Path | bytes) -> list[tuple[int, np.ndarray]]:
    """(operator, where its weights are zero) of every convolution, fully connected layer and LSTM gate, dense-stored.

    Raises:
        ModelError: If the file is missing or corrupt.
    """
    graph = read_model(source)
    masks = []
    for operator in graph.operators:
        for index in _weight_indices(graph, operator) if operator.code in (*_WEIGHTED, _LSTM) else ():
            tensor = graph.tensor(index)
            if tensor.sparse:
                continue
            masks.append((operator.index, _centred(tensor, np.asarray(tensor.data)) == 0))
    return masks


TABLE_HEADER = (
    "operator", "output", "parameters", "zeros", "bits", "MACs", "non-zero MACs", "scale", "zero point",
)  # fmt: skip


def inspect_table(summary: ModelSummary) -> list[tuple[str, ...]]:
    """One row an operator, under :data:`TABLE_HEADER`."""
    shares, bits = {}, {}
    for operator in summary.operators:
        found = [weight for weight in summary.weights if weight.operator == operator.index]
        if found:
            share = sum(weight.zeros for weight in found) / sum(weight.elements for weight in found)
            shares[operator.index] = f"{100 * share:.1f} %"
            bits[operator.index] = str(max((weight.bits for weight in found if weight.bits is not None), default=""))
    return [
        (
            f"{operator.index} {operator.code}",
            f"{operator.dtype} {'x'.join(map(str, operator.output_shape))}",
            f"{operator.parameters:,}",
            shares.get(operator.index, ""),
            bits.get(operator.index, ""),
            f"{operator.macs:,}",
            f"{operator.nonzero_macs:,}",
            "" if operator.scale is None else f"{operator.scale:.6g}",
            "" if operator.zero_point is None else str(operator.zero_point),
        )
        for operator in summary.operators
    ]


def _tensor(tensor: Tensor | Variable) -> TensorSummary:
    scale, zero_point = _first(tensor)
    return TensorSummary(tensor.index, tensor.name, list(tensor.shape), tensor.dtype, scale, zero_point)


def _first(tensor: Tensor | Variable) -> tuple[float | None, int | None]:
    quantization = tensor.quantization
    return (quantization.scales[0], quantization.zero_points[0]) if quantization else (None, None)


def _weight_indices(graph: Graph, operator: Operator) -> tuple[int, ...]:
    """Tensors that hold an operator's weights: constant, or decoded by an operator before it."""
    inputs = operator.inputs
    places = _WEIGHT_PLACES.get(operator.code)
    if places is not None:
        found = [_stored(graph, inputs[place]) for place in places if place < len(inputs)]
        return tuple(index for index in found if index is not None)
    if operator.code in _ELEMENTWISE:
        return tuple(index for index in inputs if index >= 0 and graph.tensor(index).data is not None)[:1]
    return ()


def _stored(graph: Graph, index: int) -> int | None:
    """The constant behind a tensor, through DENSIFY and DEQUANTIZE."""
    for operator in graph.operators:
        if index in operator.outputs and operator.inputs and operator.code in ("DENSIFY", "DEQUANTIZE"):
            index = operator.inputs[0]
    return index if index >= 0 and graph.tensor(index).data is not None else None


def _weight(graph: Graph, operator: Operator, index: int) -> WeightSummary:
    tensor = graph.tensor(index)
    data = np.asarray(tensor.data)
    elements = math.prod(tensor.shape)
    zeros = elements - int(np.count_nonzero(_centred(tensor, data)))
    stored = (data.size + 1) // 2 if tensor.dtype == "int4" and not tensor.sparse else data.nbytes
    per_channel = bool(tensor.quantization and tensor.quantization.per_channel)
    return WeightSummary(
        tensor.index,
        tensor.name,
        operator.index,
        list(tensor.shape),
        tensor.dtype,
        elements,
        zeros,
        zeros / elements,
        stored,
        per_channel,
        tensor.sparse,
        _bits(tensor, data),
    )


def _bits(tensor: Tensor, data: np.ndarray) -> int | None:
    if tensor.sparse or not tensor.dtype.startswith(("int", "uint")):
        return None
    return max(1, (len(np.unique(data)) - 1).bit_length())


def _centred(tensor: Tensor, data: np.ndarray) -> np.ndarray:
    """Weights less their zero point."""
    quantization = tensor.quantization
    if quantization is None or not any(quantization.zero_points):
        return data
    points = np.array(quantization.zero_points, np.int64)
    if quantization.per_channel and not tensor.sparse:
        shape = [1] * data.ndim
        shape[quantization.axis] = -1
        points = points.reshape(shape)
    else:
        points = points[0]
    return data.astype(np.int64) - points


def _operator(graph: Graph, operator: Operator, weights: list[WeightSummary]) -> OperatorSummary:
    output = graph.tensor(operator.outputs[0]) if operator.outputs else None
    scale, zero_point = _first(output) if output else (None, None)
    macs = _macs(graph, operator)
    places = [place for place in _BIAS_PLACES.get(operator.code, ()) if place < len(operator.inputs)]
    bias = [
        index for place in places if (index := operator.inputs[place]) >= 0 and graph.tensor(index).data is not None
    ]
    elements = sum(weight.elements for weight in weights)
    kept = 1 - sum(weight.zeros for weight in weights) / elements if elements else 1.0
    return OperatorSummary(
        index=operator.index,
        code=operator.code,
        version=operator.version,
        input_shapes=[list(graph.tensor(index).shape) if index >= 0 else [] for index in operator.inputs],
        output_shape=list(output.shape) if output else [],
        dtype=output.dtype if output else "",
        scale=scale,
        zero_point=zero_point,
        options={key: value.hex() if isinstance(value, bytes) else value for key, value in operator.options.items()},
        parameters=elements + sum(math.prod(graph.tensor(index).shape) for index in bias),
        macs=macs,
        nonzero_macs=round(macs * kept),
    )


def _macs(graph: Graph, operator: Operator) -> int:
    if operator.code in ("SVDF", _LSTM):
        if not operator.inputs or operator.inputs[0] < 0:
            return 0
        steps = math.prod(graph.tensor(operator.inputs[0]).shape[:-1])
        return steps * sum(math.prod(graph.tensor(index).shape) for index in _weight_indices(graph, operator))
    if operator.code not in _WEIGHTED or len(operator.inputs) < 2 or not operator.outputs:
        return 0
    if min(operator.inputs[:2]) < 0:
        return 0
    weights = graph.tensor(operator.inputs[1]).shape
    output = math.prod(graph.tensor(operator.outputs[0]).shape)
    if operator.code == "TRANSPOSE_CONV":
        source = operator.inputs[2] if len(operator.inputs) > 2 else -1
        return math.prod(graph.tensor(source).shape) * math.prod(weights[:3]) if source >= 0 else 0
    if operator.code == "DEPTHWISE_CONV_2D":
        return output * math.prod(weights[1:3])
    return output * math.prod(weights[1:])


def _bytes(data: bytes, graph: Graph) -> dict[str, int]:
    """Bytes of constants, quantisation vectors and metadata; a part that several tensors share counts once."""
    root = unpack(data)
    tensors, everything = tensors_of(root), all_tensors(root)
    stored = {index for operator in graph.operators for index in _weight_indices(graph, operator)}
    sizes = [0 if buffer.data is None else buffer.data.size for buffer in root.buffers or ()]
    weights = {tensor.buffer for index, tensor in enumerate(tensors) if index in stored}
    constants = {tensor.buffer for tensor in everything} - weights
    vectors = {}
    for tensor in everything:
        for vector in vars(tensor.quantization).values() if tensor.quantization else ():
            if isinstance(vector, np.ndarray) and vector.size:
                vectors[vector.__array_interface__["data"][0]] = vector.nbytes
    parts = {
        "weights": sum(sizes[number] for number in weights),
        "biases_and_constants": sum(sizes[number] for number in constants),
        "quantization": sum(vectors.values()),
        "metadata": sum(sizes[number] for number in {entry.buffer for entry in root.metadata or ()}),
    }
    return {**parts, "other": len(data) - sum(parts.values())}
