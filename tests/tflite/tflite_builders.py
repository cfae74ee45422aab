"""A small writer of .tflite files for tests: operators with random weights, no converter."""

from __future__ import annotations

from typing import Any

import numpy as np

from kws_tfmot.tflite.document import pack
from kws_tfmot.tflite.edit import add_buffer, new_operator, new_quantization
from kws_tfmot.tflite.schema import BufferT, ModelT, SubGraphT, TensorT, enum_values


def tensor(
    shape: tuple[int, ...],
    dtype: str,
    scale: Any = None,
    zero_point: Any = 0,
    axis: int = 0,
    data: np.ndarray | None = None,
    name: str = "",
) -> dict[str, Any]:
    """One tensor's description for :func:`build`."""
    return {
        "shape": shape,
        "dtype": dtype,
        "scale": scale,
        "zero_point": zero_point,
        "axis": axis,
        "data": data,
        "name": name,
    }


def operator(
    code: str,
    inputs: list[int],
    outputs: list[int],
    options: tuple[str, dict[str, Any]] | None = None,
    version: int = 1,
) -> dict[str, Any]:
    """One operator's description for :func:`build`."""
    return {"code": code, "inputs": inputs, "outputs": outputs, "options": options, "version": version}


def build(
    tensors: list[dict[str, Any]],
    operators: list[dict[str, Any]],
    inputs: list[int],
    outputs: list[int],
    initialiser: tuple[list[dict[str, Any]], list[dict[str, Any]]] | None = None,
) -> bytes:
    """The bytes of a model; ``initialiser`` holds tensors and operators of a second subgraph."""
    root = ModelT(3, [], [], buffers=[BufferT()])
    root.subgraphs.append(_subgraph(root, tensors, operators))
    root.subgraphs[0].inputs, root.subgraphs[0].outputs = np.array(inputs, np.int32), np.array(outputs, np.int32)
    if initialiser is not None:
        root.subgraphs.append(_subgraph(root, *initialiser))
    return pack(root)


def _subgraph(root: ModelT, tensors: list[dict[str, Any]], operators: list[dict[str, Any]]) -> SubGraphT:
    rows = []
    for each in tensors:
        kind = enum_values("TensorType")[each["dtype"].upper()]
        row = TensorT(np.array(each["shape"], np.int32), kind, name=each["name"].encode())
        if each["data"] is not None:
            row.buffer = add_buffer(root, np.ascontiguousarray(each["data"]).tobytes())
        row.isVariable = bool(each.get("variable"))
        if each["scale"] is not None:
            scales = np.atleast_1d(np.asarray(each["scale"], np.float32))
            points = np.broadcast_to(np.asarray(each["zero_point"], np.int64), scales.shape)
            row.quantization = new_quantization(scales, points, each["axis"])
        rows.append(row)
    nodes = []
    for each in operators:
        name, values = each["options"] or (None, {})
        node = new_operator(
            root, each["code"], each["inputs"], each["outputs"], name, version=each["version"], **values
        )
        if each.get("intermediates"):
            node.intermediates = np.array(each["intermediates"], np.int32)
        nodes.append(node)
    return SubGraphT(rows, operators=nodes)


def dense(
    rng: np.random.Generator,
    inputs: int,
    units: int,
    *,
    per_channel: bool,
    code: str = "FULLY_CONNECTED",
    zero_point: int = -128,
) -> bytes:
    """A model of one fully connected layer, or of the equivalent 1x1 convolution, with random weights."""
    scales = rng.uniform(0.002, 0.006, units if per_channel else 1).astype(np.float32)
    weights = rng.integers(-127, 128, (units, inputs)).astype(np.int8)
    bias = rng.integers(-3000, 3000, units).astype(np.int32)
    spatial = code == "CONV_2D"
    x, y, w = (
        ((1, 1, 1, inputs), (1, 1, 1, units), (units, 1, 1, inputs))
        if spatial
        else ((1, inputs), (1, units), (units, inputs))
    )
    tensors = [
        tensor(x, "int8", 0.02, zero_point),
        tensor(w, "int8", scales, data=weights.reshape(w)),
        tensor((units,), "int32", scales * np.float32(0.02), data=bias),
        tensor(y, "int8", 0.11, 5),
    ]
    options = (
        ("Conv2DOptions", {"padding": 1, "stride_w": 1, "stride_h": 1}) if spatial else ("FullyConnectedOptions", {})
    )
    return build(tensors, [operator(code, [0, 1, 2], [3], options, 3 if spatial else 4)], [0], [3])


def softmax(classes: int, scale: float, zero_point: int = 0, beta: float = 1.0) -> bytes:
    """A model of one int8 softmax."""
    tensors = [tensor((1, classes), "int8", scale, zero_point), tensor((1, classes), "int8", 1 / 256, -128)]
    return build(tensors, [operator("SOFTMAX", [0], [1], ("SoftmaxOptions", {"beta": beta}), 2)], [0], [1])


def ds_cnn(
    rng: np.random.Generator,
    *,
    width: int = 16,
    blocks: int = 2,
    classes: int = 5,
    sparsity: float = 0.0,
    with_softmax: bool = True,
) -> bytes:
    """A small int8 DS-CNN with random weights, in the form TensorFlow's converter gives it."""
    tensors = [tensor((1, 20, 10, 1), "int8", 1 / 16, 0, name="features")]
    operators: list[dict[str, Any]] = []

    def layer(
        code: str,
        weights: tuple[int, ...],
        axis: int,
        shape: tuple[int, ...],
        options: tuple[str, dict[str, Any]],
        zero_point: int = -128,
    ) -> None:
        source = len(tensors) - 1
        channels = weights[axis]
        fan_in = int(np.prod(weights)) // channels
        scales = (rng.uniform(0.5, 1.5, channels) / (70 * np.sqrt(fan_in * (1 - sparsity)))).astype(np.float32)
        values = rng.integers(-127, 128, weights).astype(np.int8)
        if code != "DEPTHWISE_CONV_2D":
            values[rng.random(weights) < sparsity] = 0
        step = np.float32(tensors[source]["scale"])
        tensors.append(tensor(weights, "int8", scales, 0, axis, values, f"weights{source}"))
        bias = rng.integers(-2000, 2000, channels).astype(np.int32)
        tensors.append(tensor((channels,), "int32", scales * step, 0, 0, bias, f"bias{source}"))
        scale = float(step) * 0.8
        tensors.append(tensor(shape, "int8", scale, zero_point, name=f"activations{source}"))
        operators.append(operator(code, [source, source + 1, source + 2], [source + 3], options, 3))

    same = {"padding": 0, "stride_w": 1, "stride_h": 1, "fused_activation_function": 1}
    layer("CONV_2D", (width, 5, 4, 1), 0, (1, 10, 5, width), ("Conv2DOptions", same | {"stride_w": 2, "stride_h": 2}))
    for _ in range(blocks):
        plane = (1, 10, 5, width)
        layer(
            "DEPTHWISE_CONV_2D", (1, 3, 3, width), 3, plane, ("DepthwiseConv2DOptions", same | {"depth_multiplier": 1})
        )
        layer("CONV_2D", (width, 1, 1, width), 0, plane, ("Conv2DOptions", same))
    source = len(tensors) - 1
    tensors.append(tensor((2,), "int32", data=np.array([1, 2], np.int32), name="axes"))
    tensors.append(tensor((1, width), "int8", tensors[source]["scale"] / 2, -128, name="pooled"))
    operators.append(operator("MEAN", [source, source + 1], [source + 2], ("ReducerOptions", {}), 2))
    layer("FULLY_CONNECTED", (classes, width), 0, (1, classes), ("FullyConnectedOptions", {}), 7)
    if with_softmax:
        tensors.append(tensor((1, classes), "int8", 1 / 256, -128, name="scores"))
        operators.append(
            operator("SOFTMAX", [len(tensors) - 2], [len(tensors) - 1], ("SoftmaxOptions", {"beta": 1.0}), 2)
        )
    return build(tensors, operators, [0], [len(tensors) - 1])
