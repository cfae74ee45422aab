"""Putting given integers into the weights of a converted model, and finding them again.

The converter quantises a kernel by its largest weight, so that levels of few bits would come out at uneven distances
(127/3 rounded, for example). Here each layer gets the very integers, scales and bias of
:class:`~kws_tfmot.quantization.integer_kernels.IntegerKernel` instead; the activations keep the converter's ranges.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from kws_tfmot.errors import ModelError
from kws_tfmot.tflite.edit import (
    code_of,
    constant_of,
    dtype_name,
    inputs_of,
    new_quantization,
    operators_of,
    readers_of,
    set_constant,
    tensors_of,
)
from kws_tfmot.tflite.quantized_layers import WEIGHTED, bias_of, bias_scales, per_tensor, scales_of, store_bias
from kws_tfmot.tflite.reader import read_model
from kws_tfmot.tflite.schema import ModelT, OperatorT, TensorT

if TYPE_CHECKING:
    from kws_tfmot.quantization.integer_kernels import IntegerKernel

_BATCH_NORM = "Layers with weights of few bits need batch norm, if any, directly behind them."
_TOLERANCE = 0.75  # of the converter's step: it rounds to the nearest


def install_kernels(root: ModelT, kernels: Sequence[IntegerKernel]) -> None:
    """Replace weights, scales and biases of a model that was converted from float weights equal to ``kernels``.

    Layers are recognised by their weights, as names do not survive every conversion. The bias becomes
    ``round(bias[c] / (s_input * scales[c]))``.

    Args:
        root: An int8 model, see :func:`kws_tfmot.tflite.edit.open_for_edit`.
        kernels: Every convolution and fully connected layer of the model.

    Raises:
        ModelError: If a layer is not found, the file has others besides, or a bias leaves 32 bits.
    """
    free = list(kernels)
    for operator in operators_of(root):
        if code_of(root, operator) not in WEIGHTED:
            continue
        tensor = tensors_of(root)[inputs_of(operator)[1]]
        kernel = _recognised(root, tensor, free)
        if kernel is None or len(readers_of(root, inputs_of(operator)[1])) > 1:
            left = ", ".join(kernel.layer for kernel in free) or "none"
            raise ModelError(
                f"the converter changed the weights of a {code_of(root, operator)} of shape "
                f"{np.asarray(tensor.shape).tolist()}, which is none of the layers {left}.",
                _BATCH_NORM,
            )
        free = [other for other in free if other is not kernel]
        _install(root, operator, tensor, kernel)
    if free:
        raise ModelError(
            f"the converted model lacks the layers {', '.join(kernel.layer for kernel in free)}.", _BATCH_NORM
        )


def _recognised(root: ModelT, tensor: TensorT, kernels: Sequence[IntegerKernel]) -> IntegerKernel | None:
    """The kernel whose real weights the converter's integers represent, to the rounding of its scales."""
    data = constant_of(root, tensor)
    if data is None or dtype_name(tensor) != "int8":
        return None
    shape = tuple(int(size) for size in tensor.shape)
    best, least = None, np.inf
    for kernel in kernels:
        if kernel.values.shape != shape:
            continue
        scales = scales_of(tensor, "weights").astype(np.float64)
        broadcast = [1] * len(shape)
        broadcast[kernel.axis] = -1
        steps = scales.reshape(broadcast) if len(scales) > 1 else scales
        off = np.abs(data.reshape(shape) * steps - kernel.real)
        if np.all(off <= _TOLERANCE * steps + 1e-7) and off.sum() < least:
            best, least = kernel, float(off.sum())
    return best


def _install(root: ModelT, operator: OperatorT, tensor: TensorT, kernel: IntegerKernel) -> None:
    set_constant(root, tensor, kernel.values)
    tensor.quantization = new_quantization(kernel.scales, np.zeros(len(kernel.scales)), kernel.axis)
    input_scale, _ = per_tensor(tensors_of(root)[inputs_of(operator)[0]], "input of a layer")
    index, _ = bias_of(root, operator)
    steps = bias_scales(root, operator, input_scale)
    values = np.rint(kernel.bias / steps)
    if index >= 0 or values.any():
        store_bias(root, operator, index, values, steps)


def check_kernels(model: bytes, kernels: Sequence[IntegerKernel]) -> None:
    """Find the integers and scales of every layer again in a finished file.

    Raises:
        ModelError: Naming the layers whose weights are not what training made.
    """
    graph = read_model(model)
    tensors = [graph.tensor(operator.inputs[1]) for operator in graph.operators if operator.code in WEIGHTED]
    lost = []
    for kernel in kernels:
        place = next((i for i, tensor in enumerate(tensors) if _holds(tensor, kernel)), None)
        if place is None:
            lost.append(kernel.layer)
        else:
            del tensors[place]
    if lost:
        raise ModelError(
            f"the int8 file does not hold the weights that training made for: {', '.join(lost)}.",
            "Convert the model again with the kernels of the training that it comes from.",
        )


def _holds(tensor: object, kernel: IntegerKernel) -> bool:
    data, quantization = getattr(tensor, "data", None), getattr(tensor, "quantization", None)
    if data is None or quantization is None or data.shape != kernel.values.shape:
        return False
    return np.array_equal(data, kernel.values) and np.array_equal(np.float32(quantization.scales), kernel.scales)
