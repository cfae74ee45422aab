"""Do the operators of a model fit their tensors? Native interpreters for small devices take a file's word for it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from kws_tfmot.errors import ModelError
from kws_tfmot.tflite.graph import Graph, Operator, Tensor

_SAME_SHAPE: tuple[str, ...] = (
    "SOFTMAX",
    "LOG_SOFTMAX",
    "LOGISTIC",
    "TANH",
    "RELU",
    "RELU6",
    "RELU_N1_TO_1",
    "LEAKY_RELU",
    "ELU",
)
_SAME_SHAPE += ("HARD_SWISH", "QUANTIZE", "DEQUANTIZE", "ABS", "NEG", "EXP", "SQRT", "RSQRT", "SQUARE")
_SAME_COUNT = ("RESHAPE", "SQUEEZE", "EXPAND_DIMS")
_ELEMENTWISE = ("ADD", "SUB", "MUL", "DIV", "MINIMUM", "MAXIMUM", "SQUARED_DIFFERENCE")
_REDUCING = ("MEAN", "SUM", "REDUCE_MAX")
_MAX_RATIO = 1 << 18
_QUANTIZED = ("int8", "int16", "uint8")
_WEIGHTED_AXES = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 0}


def check_operators(graph: Graph) -> None:
    """Compare the output shape of each operator with what its inputs and options give, and biases and scales with it.

    Covers the operators of keyword spotters; others pass unseen.

    Raises:
        ModelError: Naming the first operator that does not fit, the shape found and the one expected.
    """
    for operator in graph.operators:
        where = f"operator {operator.index} ({operator.code})"
        inputs = [graph.tensor(index) for index in operator.inputs if index >= 0]
        if not inputs or not operator.outputs:
            raise ModelError(f"{where}: expected inputs and outputs. Received: {operator.inputs}, {operator.outputs}")
        check = _CHECKS.get(operator.code)
        if check is None:
            continue
        try:
            check(operator, inputs, graph.tensor(operator.outputs[0]))
            _check_quantized(operator, inputs, graph.tensor(operator.outputs[0]))
        except IndexError:
            raise ModelError(f"{where}: too few inputs or dimensions. Received: {[t.shape for t in inputs]}") from None
        except _Misfit as err:
            raise ModelError(f"{where}: {err}") from None


class _Misfit(Exception):
    """One operator does not fit its tensors; the message says how."""


def _demand(condition: bool, message: str) -> None:
    if not condition:
        raise _Misfit(message)


def _expect(found: Any, expected: Any, what: str) -> None:
    _demand(found == expected, f"expected {what} {expected}. Received: {found}")


def _check_quantized(operator: Operator, inputs: list[Tensor], output: Tensor) -> None:
    """Arithmetic on quantised numbers needs scales, at the channels of the weights where there are several."""
    if operator.code in _SAME_COUNT or operator.code == "TFLM_DECODE":
        return
    pair = operator.code in _WEIGHTED_AXES or operator.code in _ELEMENTWISE
    for tensor in (output, *inputs[: 2 if pair else 1]):
        scaled = tensor.quantization is not None or tensor.dtype not in _QUANTIZED
        _demand(scaled, f"tensor {tensor.index} of type {tensor.dtype} has no scale")
    _check_multipliers(operator, inputs, output)
    if operator.code not in _WEIGHTED_AXES:
        return
    quantization, channels = inputs[1].quantization, output.shape[-1]
    if quantization is not None and quantization.per_channel:
        found = (quantization.axis, len(quantization.scales))
        _expect(found, (_WEIGHTED_AXES[operator.code], channels), "weight scales along (axis, channels)")
    for bias in inputs[2:3]:
        _expect(math.prod(bias.shape), channels, "biases")
        _demand(bias.dtype in ("int32", "int64", "float32"), f"the bias has type {bias.dtype}")
    for tensor in (inputs[0], output):
        single = tensor.quantization is None or not tensor.quantization.per_channel
        _demand(single, f"the activation {tensor.index} has several scales")


def _check_multipliers(operator: Operator, inputs: list[Tensor], output: Tensor) -> None:
    """Scales must give multipliers that fixed-point kernels can hold; TFLM stops the whole program at others."""
    if output.quantization is None or inputs[0].quantization is None:
        return
    source, target = inputs[0].quantization.scales[0], output.quantization.scales[0]
    ratio = source / target
    if operator.code == "SOFTMAX":
        ratio = source * operator.options["beta"] * 2.0**26
        _demand(1.0 < ratio < 2.0**40, f"beta {operator.options['beta']} does not fit the input's scale {source}")
        return
    if len(inputs) > 1 and inputs[1].quantization is not None:
        other = max(inputs[1].quantization.scales)
        multiplies = operator.code in _WEIGHTED_AXES or operator.code == "MUL"
        ratio = ratio * other if multiplies else max(source, other) / target
    _demand(0 <= ratio < _MAX_RATIO, f"the scales give a multiplier of {ratio}, expected less than {_MAX_RATIO}")


def _windowed(operator: Operator, image: Tensor, kernel: tuple[int, ...], channels: int) -> tuple[int, ...]:
    """Output shape of a window of ``kernel`` (height, width) moving over an image."""
    options = operator.options
    _demand(len(image.shape) == 4, f"expected an input of rank 4. Received: {image.shape}")
    result = [image.shape[0]]
    for size, extent, axis in zip(image.shape[1:3], kernel, "hw", strict=True):
        stride, dilation = options[f"stride_{axis}"], options.get(f"dilation_{axis}_factor", 1)
        covered = 0 if options["padding"] == "SAME" else (extent - 1) * dilation
        result.append(max(-(-(size - covered) // stride), 0))
    return (*result, channels)


def _convolution(operator: Operator, inputs: list[Tensor], output: Tensor) -> None:
    weights = inputs[1].shape
    _demand(len(weights) == 4, f"expected weights of rank 4. Received: {weights}")
    groups, rest = divmod(inputs[0].shape[-1], weights[3])
    _demand(not rest and not weights[0] % groups, f"weights {weights} do not fit the input {inputs[0].shape}")
    _expect(output.shape, _windowed(operator, inputs[0], weights[1:3], weights[0]), "the output shape")


def _depthwise(operator: Operator, inputs: list[Tensor], output: Tensor) -> None:
    weights = inputs[1].shape
    _demand(len(weights) == 4 and weights[0] == 1, f"expected weights [1, h, w, c]. Received: {weights}")
    multiplier, rest = divmod(weights[3], inputs[0].shape[-1])
    _demand(not rest, f"weights {weights} do not fit the input {inputs[0].shape}")
    stated = operator.options["depth_multiplier"]
    _demand(stated in (0, multiplier), f"expected depth_multiplier {multiplier}. Received: {stated}")
    _expect(output.shape, _windowed(operator, inputs[0], weights[1:3], weights[3]), "the output shape")


def _fully_connected(operator: Operator, inputs: list[Tensor], output: Tensor) -> None:
    weights = inputs[1].shape
    _demand(len(weights) == 2, f"expected weights of rank 2. Received: {weights}")
    batch, rest = divmod(math.prod(inputs[0].shape), weights[1])
    _demand(not rest, f"weights {weights} do not fit the input {inputs[0].shape}")
    _demand(bool(output.shape), "the output has no dimension")
    _expect((math.prod(output.shape), output.shape[-1]), (batch * weights[0], weights[0]), "output (elements, units)")


def _pooling(operator: Operator, inputs: list[Tensor], output: Tensor) -> None:
    kernel = operator.options["filter_height"], operator.options["filter_width"]
    _expect(output.shape, _windowed(operator, inputs[0], kernel, inputs[0].shape[-1]), "the output shape")


def _reduction(operator: Operator, inputs: list[Tensor], output: Tensor) -> None:
    axes, rank = inputs[1].data, len(inputs[0].shape)
    _demand(axes is not None and inputs[1].dtype == "int32", "expected constant int32 axes")
    removed = {int(axis) + (rank if axis < 0 else 0) for axis in np.ravel(np.asarray(axes))}
    _demand(all(0 <= axis < rank for axis in removed), f"the axes {sorted(removed)} do not fit {inputs[0].shape}")
    kept = [size for axis, size in enumerate(inputs[0].shape) if axis not in removed]
    whole = [1 if axis in removed else size for axis, size in enumerate(inputs[0].shape)]
    _expect(output.shape, tuple(whole if operator.options.get("keep_dims") else kept), "the output shape")


def _same_shape(_: Operator, inputs: list[Tensor], output: Tensor) -> None:
    _expect(output.shape, inputs[0].shape, "the output shape")


def _same_count(_: Operator, inputs: list[Tensor], output: Tensor) -> None:
    _expect(math.prod(output.shape), math.prod(inputs[0].shape), "output elements")
    _expect(output.dtype, inputs[0].dtype, "the output type")


def _elementwise(_: Operator, inputs: list[Tensor], output: Tensor) -> None:
    try:
        shape = np.broadcast_shapes(inputs[0].shape, inputs[1].shape)
    except ValueError:
        raise _Misfit(f"{inputs[0].shape} and {inputs[1].shape} cannot be combined") from None
    _expect(output.shape, shape, "the output shape")


def _concatenation(operator: Operator, inputs: list[Tensor], output: Tensor) -> None:
    rank = len(inputs[0].shape)
    axis = operator.options["axis"] + (rank if operator.options["axis"] < 0 else 0)
    _demand(0 <= axis < rank and all(len(each.shape) == rank for each in inputs), "the inputs differ in rank")
    shapes = [list(each.shape) for each in inputs]
    joined = [*shapes[0][:axis], sum(shape[axis] for shape in shapes), *shapes[0][axis + 1 :]]
    same = all(shape[:axis] + shape[axis + 1 :] == shapes[0][:axis] + shapes[0][axis + 1 :] for shape in shapes)
    _demand(same, f"the shapes {shapes} cannot be joined along axis {axis}")
    _expect(output.shape, tuple(joined), "the output shape")


def _padding(_: Operator, inputs: list[Tensor], output: Tensor) -> None:
    amounts = inputs[1].data
    _demand(
        amounts is not None and inputs[1].shape == (len(inputs[0].shape), 2), "expected constant paddings [rank, 2]"
    )
    grown = [size + int(sum(pair)) for size, pair in zip(inputs[0].shape, np.asarray(amounts).tolist(), strict=True)]
    _demand(bool(np.all(np.asarray(amounts) >= 0)), "paddings are negative")
    _expect(output.shape, tuple(grown), "the output shape")


def _decode(operator: Operator, inputs: list[Tensor], output: Tensor) -> None:
    """Bitmaps with as many bits as weights, and as many values as bits are set; other encodings pass unseen."""
    bitmap, ancillary = inputs[0].data, inputs[1].data
    _demand(bitmap is not None and ancillary is not None, "expected constant inputs")
    raw = np.ravel(np.asarray(ancillary)).view(np.uint8)
    _demand(raw.size >= 16, f"the ancillary tensor has {raw.size} bytes, fewer than its header")
    if raw[0] != 2 or len(operator.outputs) != 1:
        return
    bits = np.unpackbits(np.ravel(np.asarray(bitmap)).view(np.uint8))
    elements = math.prod(output.shape)
    _demand(bits.size >= elements, f"the bitmap has {bits.size} bits for {elements} weights")
    width = {"int8": 1, "bool": 1, "int16": 2, "int32": 4, "float32": 4, "int64": 8}.get(output.dtype, 8)
    needed = 16 + width * int(bits[:elements].sum())
    _demand(raw.size >= needed, f"the ancillary tensor has {raw.size} bytes, {needed} are needed")


_Check = Callable[[Operator, list[Tensor], Tensor], None]
_CHECKS: dict[str, _Check] = {
    "AVERAGE_POOL_2D": _pooling,
    "CONCATENATION": _concatenation,
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _depthwise,
    "FULLY_CONNECTED": _fully_connected,
    "MAX_POOL_2D": _pooling,
    "PAD": _padding,
    "TFLM_DECODE": _decode,
    **dict.fromkeys(_SAME_SHAPE, _same_shape),
    **dict.fromkeys(_SAME_COUNT, _same_count),
    **dict.fromkeys(_ELEMENTWISE, _elementwise),
    **dict.fromkeys(_REDUCING, _reduction),
}
