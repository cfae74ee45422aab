"""A small writer of .tflite files for tests: operators with random weights, no converter."""

from __future__ import annotations

from typing import Any

import numpy as np

from kws_tfmot.tflite.document import Table, pack
from kws_tfmot.tflite.schema import enum_values


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
    buffers: list[Table] = [{}]
    codes: list[Table] = []
    subgraphs = [_subgraph(tensors, operators, buffers, codes)]
    subgraphs[0] |= {"inputs": np.array(inputs, np.int32), "outputs": np.array(outputs, np.int32)}
    if initialiser is not None:
        subgraphs.append(_subgraph(*initialiser, buffers, codes))
    return pack({"version": 3, "operator_codes": codes, "subgraphs": subgraphs, "buffers": buffers})


def _subgraph(
    tensors: list[dict[str, Any]], operators: list[dict[str, Any]], buffers: list[Table], codes: list[Table]
) -> Table:
    rows: list[Table] = []
    for each in tensors:
        row: Table = {
            "shape": np.array(each["shape"], np.int32),
            "type": enum_values("TensorType")[each["dtype"].upper()],
            "name": each["name"].encode(),
        }
        if each["data"] is not None:
            row["buffer"] = len(buffers)
            buffers.append({"data": np.frombuffer(np.ascontiguousarray(each["data"]).tobytes(), np.uint8)})
        if each.get("variable"):
            row["is_variable"] = True
        if each["scale"] is not None:
            scales = np.atleast_1d(np.asarray(each["scale"], np.float32))
            row["quantization"] = {
                "scale": scales,
                "zero_point": np.broadcast_to(np.asarray(each["zero_point"], np.int64), scales.shape),
                "quantized_dimension": each["axis"],
            }
        rows.append(row)
    nodes: list[Table] = []
    for each in operators:
        number = enum_values("BuiltinOperator")[each["code"]]
        code = {"deprecated_builtin_code": min(number, 127), "builtin_code": number, "version": each["version"]}
        if code not in codes:
            codes.append(code)
        node: Table = {
            "opcode_index": codes.index(code),
            "inputs": np.array(each["inputs"], np.int32),
            "outputs": np.array(each["outputs"], np.int32),
        }
        if each.get("intermediates"):
            node["intermediates"] = np.array(each["intermediates"], np.int32)
        if each["options"] is not None:
            node["builtin_options"] = each["options"]
        nodes.append(node)
    return {"tensors": rows, "operators": nodes}


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
