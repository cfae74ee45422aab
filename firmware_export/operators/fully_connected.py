"""FULLY_CONNECTED."""

from __future__ import annotations

import numpy as np

from firmware_export.ir import Layout, Window
from firmware_export.operators.kernels.convolution import Convolution
from firmware_export.operators.kernels.reshape_tensor import Reshape
from firmware_export.operators.registry import Registration
from firmware_export.operators.shared.constant_weights import (
    bias_of,
    convolution_ratios,
    requantised,
    weight_scales,
    weights_of,
)
from firmware_export.operators.shared.context import MAX_SIDE, Context, Unsupported
from firmware_export.operators.shared.random_model import RandomModel
from kws_tfmot.tflite.graph import Operator, Tensor

MAX_PADDED_MATRIX = 1.25  # a matrix may grow by this factor to read a padded plane as it is


def lower(context: Context, operator: Operator) -> None:
    """FULLY_CONNECTED; weights are [out, in]. Several input rows become the pixels of a pointwise convolution."""
    if operator.options.get("weights_format", "DEFAULT") != "DEFAULT":
        raise Unsupported(f"weights format {operator.options['weights_format']} is not supported")
    source = context.input_value(operator)
    tensor, weights = weights_of(context, operator, 2)
    target = context.output_value(operator)
    value, out = context.program.values[source], context.program.values[target]
    channels, depth = weights.shape
    rows = value.layout.elements // depth
    if rows * depth != value.layout.elements or out.layout.channels != channels or out.layout.pixels != rows:
        raise Unsupported(f"weights {weights.shape} do not fit {value.layout} and {out.layout}")
    if depth > MAX_SIDE:
        raise Unsupported(f"{depth} weights an output are too many; at most {MAX_SIDE}")
    ratios = _fully_connected_ratios(context, operator, tensor, channels, value.scale, out.scale)
    bias = bias_of(context, operator, channels)
    weights, requant = requantised(context, operator, weights, ratios, bias, value.zero_point, target)
    matrix, entry = weights, Layout(1, rows, depth)
    if rows == 1 and value.layout.plane * value.layout.channels <= min(depth * MAX_PADDED_MATRIX, MAX_SIDE):
        matrix, entry = _planar_columns(weights, value.layout), Layout(1, 1, value.layout.bytes)
    elif (value.layout.pixels, value.layout.channels) != (rows, depth):
        flat = context.new_like(source, entry, f"{value.name} as rows")
        context.add(f"{operator.index} RESHAPE for FULLY_CONNECTED", Reshape(), (source,), flat)
        source = flat
    window = Window(entry, out.layout, zero_point=value.zero_point)
    context.add(context.label(operator), Convolution(window, matrix, requant, rows == 1), (source,), target)


def _planar_columns(weights: np.ndarray, layout: Layout) -> np.ndarray:
    """Reorder a matrix's columns so that it can read a CHW activation; padding is multiplied by zero."""
    if layout.flat and layout.plane == layout.pixels:
        return weights
    planes = np.zeros((weights.shape[0], layout.channels, layout.plane), np.int8)
    planes[:, :, : layout.pixels] = weights.reshape(-1, layout.pixels, layout.channels).transpose(0, 2, 1)
    return planes.reshape(weights.shape[0], -1)


def _fully_connected_ratios(
    context: Context, operator: Operator, tensor: Tensor, channels: int, in_scale: float, out_scale: float
) -> list[float]:
    """As for convolutions, in double precision: the pinned tflite-micro computes one scale's product so too.

    (LiteRT's builtin kernels and older sources of TFLM round the product of one scale to single precision first.) The
    reference refuses a bias whose scale is off: |input * weight - bias scale| > 0.02 output scales.
    """
    scales = weight_scales(tensor, 0, channels)
    single = tensor.quantization is None or not tensor.quantization.per_channel
    if single and len(operator.inputs) > 2 and operator.inputs[2] >= 0:
        bias = context.graph.tensor(operator.inputs[2])
        bias_scale = float(bias.quantization.scales[0]) if bias.quantization and bias.quantization.scales else 0.0
        if abs(in_scale * scales[0] - bias_scale) / out_scale > 0.02:
            raise Unsupported(f"the bias has scale {bias_scale:g}; expected {in_scale * scales[0]:g}")
    return convolution_ratios(in_scale, scales, out_scale)


def sample(m: RandomModel) -> None:
    """A matrix after everything has become one row."""
    channels = m.choose.integer(1, 20)
    m.weighted("FULLY_CONNECTED", m.weights((channels, m.shape[1])), 0, (1, channels))


OPERATORS = (Registration("FULLY_CONNECTED", lower, "FullyConnectedOptions"),)
