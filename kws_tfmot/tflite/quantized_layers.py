"""Quantisation and biases of an int8 layer in a ``.tflite`` that is open for editing."""

from __future__ import annotations

import numpy as np

from kws_tfmot.errors import ModelError
from kws_tfmot.tflite.edit import (
    add_buffer,
    add_tensor,
    code_of,
    constant_of,
    inputs_of,
    new_quantization,
    outputs_of,
    readers_of,
    set_constant,
    tensors_of,
    vector,
)
from kws_tfmot.tflite.schema import ModelT, OperatorT, QuantizationParametersT, TensorT, enum_values

WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
INT32 = np.iinfo(np.int32)


def per_tensor(tensor: TensorT, what: str) -> tuple[float, int]:
    """(scale, zero point) of a tensor that has one of each.

    Raises:
        ModelError: If it has none or several; ``what`` names it.
    """
    scales, points = vector(tensor.quantization, "scale"), vector(tensor.quantization, "zeroPoint")
    if len(scales) != 1:
        raise ModelError(f"expected one scale for the {what}. Received: {len(scales)}")
    return float(scales[0]), int(points[0]) if len(points) else 0


def scales_of(tensor: TensorT, what: str) -> np.ndarray:
    """Scales of a tensor, one or one a channel.

    Raises:
        ModelError: If it has none; ``what`` names it.
    """
    scales = np.asarray(vector(tensor.quantization, "scale"), np.float32)
    if not scales.size:
        raise ModelError(f"expected quantised {what}. Received: a tensor without scales")
    return scales


def quantization_of(scale: float, zero_point: int) -> QuantizationParametersT:
    """Quantisation of a tensor with one scale."""
    return new_quantization([scale], [zero_point])


def bias_scales(root: ModelT, layer: OperatorT, input_scale: float) -> np.ndarray:
    """Steps of a layer's bias, one a channel: ``s_input * s_weights[k]``."""
    weights = tensors_of(root)[inputs_of(layer)[1]]
    scales = scales_of(weights, "weights").astype(np.float64)
    channels = int(np.asarray(tensors_of(root)[outputs_of(layer)[0]].shape)[-1])
    return np.broadcast_to(scales * float(np.float32(input_scale)), (channels,))


def bias_of(root: ModelT, layer: OperatorT) -> tuple[int, np.ndarray]:
    """Tensor index (-1 where there is none) and values of a layer's bias."""
    inputs = inputs_of(layer)
    index = inputs[2] if len(inputs) > 2 else -1
    channels = int(np.asarray(tensors_of(root)[outputs_of(layer)[0]].shape)[-1])
    values = constant_of(root, tensors_of(root)[index]) if index >= 0 else np.zeros(channels, np.int32)
    if values is None or values.dtype != np.int32 or values.size != channels:
        raise ModelError(f"expected a constant int32 bias of {channels} values in {code_of(root, layer)}.")
    return index, values.astype(np.int64)


def store_bias(root: ModelT, layer: OperatorT, index: int, values: np.ndarray, scales: np.ndarray) -> None:
    """Give a layer the bias ``values`` in steps of ``scales``; ``index`` as :func:`bias_of` returned it.

    Raises:
        ModelError: If a value leaves 32 bits.
    """
    if not np.all(np.abs(values) <= INT32.max):
        raise ModelError(f"the bias of {code_of(root, layer)} leaves 32 bits: {values.min()} to {values.max()}.")
    data = values.astype("<i4")
    used = scales[:1] if np.all(scales == scales[0]) else scales
    quantization = new_quantization(used, np.zeros(len(used)))
    if index >= 0 and len(readers_of(root, index)) == 1:
        set_constant(root, tensors_of(root)[index], data)
        tensors_of(root)[index].quantization = quantization
        return
    bias = TensorT(
        np.array([len(data)], np.int32), enum_values("TensorType")["INT32"], add_buffer(root, data.tobytes())
    )
    bias.quantization = quantization
    new = add_tensor(root, bias)
    layer.inputs = np.array([*inputs_of(layer)[:2], new], np.int32)
