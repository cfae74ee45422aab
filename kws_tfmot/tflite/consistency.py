"""Do the operators of a model fit their tensors? Native interpreters for small devices take a file's word for it."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from kws_tfmot.errors import ModelError, way_out
from kws_tfmot.tflite.checked_table import REBUILD
from kws_tfmot.tflite.graph import Graph, Operator, Tensor
from kws_tfmot.tflite.moving_checks import MOVING_CHECKS, SPLITTING_CHECKS, Misfit, OpenShape, demand, expect
from kws_tfmot.tflite.operator_specs import spec_fault
from kws_tfmot.tflite.recurrent_checks import RECURRENT_CHECKS
from kws_tfmot.tflite.resource_variables import ASSIGN, CALL_ONCE, HANDLE, READ

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
_STATE = (CALL_ONCE, HANDLE, READ, ASSIGN)
_MAX_RATIO = 1 << 18
_QUANTIZED = ("int8", "int16", "uint8")
_WEIGHTED_AXES = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 0}


@way_out(REBUILD)
def check_operators(graph: Graph) -> None:
    """Compare the output shape of each operator with what its inputs and options give, and biases and scales with it.

    Number and types of the inputs are compared for every operator that TFLM has (:mod:`.operator_specs`), shapes for
    those of keyword spotters.

    Raises:
        ModelError: Naming the first operator that does not fit, the shape found and the one expected.
    """
    for operator in graph.operators:
        where = f"operator {operator.index} ({operator.code})"
        inputs = [graph.tensor(index) for index in operator.inputs if index >= 0]
        if operator.code in _STATE:
            continue  # the reader compares handles, variables and values
        fault = spec_fault(graph, operator)
        if fault:
            raise ModelError(f"{where}: {fault}")
        if not inputs or not operator.outputs:
            raise ModelError(f"{where}: expected inputs and outputs. Received: {operator.inputs}, {operator.outputs}")
        check = _CHECKS.get(operator.code)
        whole = _WHOLE_CHECKS.get(operator.code)
        if check is None and whole is None:
            continue
        try:
            if check is not None:
                check(operator, inputs, graph.tensor(operator.outputs[0]))
            if whole is not None:
                whole(operator, *_all_tensors(graph, operator))
            _check_quantized(operator, inputs, graph.tensor(operator.outputs[0]))
        except IndexError:
            raise ModelError(f"{where}: too few inputs or dimensions. Received: {[t.shape for t in inputs]}") from None
        except Misfit as err:
            raise ModelError(f"{where}: {err}", err.hint) from None
        except (TypeError, ValueError, KeyError, AttributeError, ArithmeticError) as err:
            raise ModelError(f"{where}: its tensors do not fit each other: {err}") from None


def _all_tensors(graph: Graph, operator: Operator) -> tuple[list[Tensor | None], list[Tensor]]:
    """Every input by its place, ``None`` where it is absent, and every output."""
    inputs = [graph.tensor(index) if index >= 0 else None for index in operator.inputs]
    return inputs, [graph.tensor(index) for index in operator.outputs]


def _check_quantized(operator: Operator, inputs: list[Tensor], output: Tensor) -> None:
    """Arithmetic on quantised numbers needs scales, at the channels of the weights where there are several."""
    if operator.code in _SAME_COUNT or operator.code == "TFLM_DECODE":
        return
    pair = operator.code in _WEIGHTED_AXES or operator.code in _ELEMENTWISE
    for tensor in (output, *inputs[: 2 if pair else 1]):
        scaled = tensor.quantization is not None or tensor.dtype not in _QUANTIZED
        demand(scaled, f"tensor {tensor.index} of type {tensor.dtype} has no scale")
    _check_multipliers(operator, inputs, output)
    if operator.code not in _WEIGHTED_AXES:
        return
    quantization, channels = inputs[1].quantization, output.shape[-1]
    if quantization is not None and quantization.per_channel:
        found = (quantization.axis, len(quantization.scales))
        expect(found, (_WEIGHTED_AXES[operator.code], channels), "weight scales along (axis, channels)")
    for bias in inputs[2:3]:
        expect(math.prod(bias.shape), channels, "biases")
        demand(bias.dtype in ("int32", "int64", "float32"), f"the bias has type {bias.dtype}")
    for tensor in (inputs[0], output):
        single = tensor.quantization is None or not tensor.quantization.per_channel
        demand(single, f"the activation {tensor.index} has several scales")


def _check_multipliers(operator: Operator, inputs: list[Tensor], output: Tensor) -> None:
    """Scales must give multipliers that fixed-point kernels can hold; TFLM stops the whole program at others."""
    if output.quantization is None or inputs[0].quantization is None:
        return
    source, target = inputs[0].quantization.scales[0], output.quantization.scales[0]
    ratio = source / target
    if operator.code == "SOFTMAX":
        ratio = source * operator.options["beta"] * 2.0**26
        demand(1.0 < ratio < 2.0**40, f"beta {operator.options['beta']} does not fit the input's scale {source}")
        return
    if len(inputs) > 1 and inputs[1].quantization is not None:
        other = max(inputs[1].quantization.scales)
        multiplies = operator.code in _WEIGHTED_AXES or operator.code == "MUL"
        ratio = ratio * other if multiplies else max(source, other) / target
    demand(0 <= ratio < _MAX_RATIO, f"the scales give a multiplier of {ratio}, expected less than {_MAX_RATIO}")


def _windowed(operator: Operator, image: Tensor, kernel: tuple[int, ...], channels: int) -> tuple[int, ...]:
    """Output shape of a window of ``kernel`` (height, width) moving over an image."""
    options = operator.options
    demand(len(image.shape) == 4, f"expected an input of rank 4. Received: {image.shape}")
    result = [image.shape[0]]
    for size, extent, axis in zip(image.shape[1:3], kernel, "hw", strict=True):
        stride, dilation = options[f"stride_{axis}"], options.get(f"dilation_{axis}_factor", 1)
        covered = 0 if options["padding"] == "SAME" else (extent - 1) * dilation
        result.append(max(-(-(size - covered) // stride), 0))
    return (*result, channels)


def _convolution(operator: Operator, inputs: list[Tensor], output: Tensor) -> None:
    weights = inputs[1].shape
    demand(len(weights) == 4, f"expected weights of rank 4. Received: {weights}")
    groups, rest = divmod(inputs[0].shape[-1], weights[3])
    demand(not rest and not weights[0] % groups, f"weights {weights} do not fit the input {inputs[0].shape}")
    expect(output.shape, _windowed(operator, inputs[0], weights[1:3], weights[0]), "the output shape")


def _depthwise(operator: Operator, inputs: list[Tensor], output: Tensor) -> None:
    weights = inputs[1].shape
    demand(len(weights) == 4 and weights[0] == 1, f"expected weights [1, h, w, c]. Received: {weights}")
    multiplier, rest = divmod(weights[3], inputs[0].shape[-1])
    demand(not rest, f"weights {weights} do not fit the input {inputs[0].shape}")
    stated = operator.options["depth_multiplier"]
    demand(stated in (0, multiplier), f"expected depth_multiplier {multiplier}. Received: {stated}")
    expect(output.shape, _windowed(operator, inputs[0], weights[1:3], weights[3]), "the output shape")


def _fully_connected(operator: Operator, inputs: list[Tensor], output: Tensor) -> None:
    weights = inputs[1].shape
    demand(len(weights) == 2, f"expected weights of rank 2. Received: {weights}")
    batch, rest = divmod(math.prod(inputs[0].shape), weights[1])
    demand(not rest, f"weights {weights} do not fit the input {inputs[0].shape}")
    demand(bool(output.shape), "the output has no dimension")
    expect((math.prod(output.shape), output.shape[-1]), (batch * weights[0], weights[0]), "output (elements, units)")


def _pooling(operator: Operator, inputs: list[Tensor], output: Tensor) -> None:
    kernel = operator.options["filter_height"], operator.options["filter_width"]
    expect(output.shape, _windowed(operator, inputs[0], kernel, inputs[0].shape[-1]), "the output shape")


def _reduction(operator: Operator, inputs: list[Tensor], output: Tensor) -> None:
    axes, rank = inputs[1].data, len(inputs[0].shape)
    demand(axes is not None and inputs[1].dtype == "int32", "expected constant int32 axes")
    removed = {int(axis) + (rank if axis < 0 else 0) for axis in np.ravel(np.asarray(axes))}
    demand(all(0 <= axis < rank for axis in removed), f"the axes {sorted(removed)} do not fit {inputs[0].shape}")
    kept = [size for axis, size in enumerate(inputs[0].shape) if axis not in removed]
    whole = [1 if axis in removed else size for axis, size in enumerate(inputs[0].shape)]
    expect(output.shape, tuple(whole if operator.options.get("keep_dims") else kept), "the output shape")


def _same_shape(_: Operator, inputs: list[Tensor], output: Tensor) -> None:
    expect(output.shape, inputs[0].shape, "the output shape")


def _same_count(operator: Operator, inputs: list[Tensor], output: Tensor) -> None:
    if operator.code == "RESHAPE" and len(inputs) > 1 and inputs[1].data is None:
        elements, said = math.prod(inputs[0].shape), math.prod(output.shape)
        if elements != said:
            raise OpenShape(f"its shape is computed, and the file says {said} elements where {elements} come in")
    expect(math.prod(output.shape), math.prod(inputs[0].shape), "output elements")
    expect(output.dtype, inputs[0].dtype, "the output type")


def _elementwise(_: Operator, inputs: list[Tensor], output: Tensor) -> None:
    try:
        shape = np.broadcast_shapes(inputs[0].shape, inputs[1].shape)
    except ValueError:
        raise Misfit(f"{inputs[0].shape} and {inputs[1].shape} cannot be combined") from None
    expect(output.shape, shape, "the output shape")


def _decode(operator: Operator, inputs: list[Tensor], output: Tensor) -> None:
    """Bitmaps with as many bits as weights, and as many values as bits are set; other encodings pass unseen."""
    bitmap, ancillary = inputs[0].data, inputs[1].data
    demand(bitmap is not None and ancillary is not None, "expected constant inputs")
    raw = np.ravel(np.asarray(ancillary)).view(np.uint8)
    demand(raw.size >= 16, f"the ancillary tensor has {raw.size} bytes, fewer than its header")
    if raw[0] != 2 or len(operator.outputs) != 1:
        return
    bits = np.unpackbits(np.ravel(np.asarray(bitmap)).view(np.uint8))
    elements = math.prod(output.shape)
    demand(bits.size >= elements, f"the bitmap has {bits.size} bits for {elements} weights")
    width = {"int8": 1, "bool": 1, "int16": 2, "int32": 4, "float32": 4, "int64": 8}.get(output.dtype, 8)
    needed = 16 + width * int(bits[:elements].sum())
    demand(raw.size >= needed, f"the ancillary tensor has {raw.size} bytes, {needed} are needed")


_CHECKS: dict[str, Callable[[Operator, list[Tensor], Tensor], None]] = {
    "AVERAGE_POOL_2D": _pooling,
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _depthwise,
    "FULLY_CONNECTED": _fully_connected,
    "MAX_POOL_2D": _pooling,
    "TFLM_DECODE": _decode,
    **MOVING_CHECKS,
    **dict.fromkeys(_SAME_SHAPE, _same_shape),
    **dict.fromkeys(_SAME_COUNT, _same_count),
    **dict.fromkeys(_ELEMENTWISE, _elementwise),
    **dict.fromkeys(_REDUCING, _reduction),
}
_WHOLE_CHECKS = {**SPLITTING_CHECKS, **RECURRENT_CHECKS}
