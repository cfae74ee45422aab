"""Rewriting a converted int8 model so that the desktop's builtin kernels and TFLM agree on every byte.

Both compute a layer's result as ``q = zp + round(acc * m)`` with ``m = M * 2**(e - 31)`` in two roundings, the first
by the high half of a doubled product, the second by a right shift. TFLM rounds ties of the shift away from zero, the
GEMM library behind LiteRT's builtin kernels upwards. They differ on negative ``acc`` alone, on about one of
``2**(1 - e)`` results. A layer that clamps at its zero point (a fused ReLU, or zero point -128) never shows it; the
last fully connected layer does. (Since TensorFlow 2.20 the *reference* kernel rounds a fully connected layer in float,
a third way.) :func:`lift_logits` moves the logits by a constant, to which softmax and argmax are blind, so that the
lowest representable one is zero; :func:`clamp_linear_layers` does the like for layers inside.

The functions here take a model as :func:`kws_tfmot.tflite.edit.open_for_edit` opens it and whose operators fit their
tensors (:func:`kws_tfmot.tflite.consistency.check_operators`), as a converter writes it.

Softmax itself is a float table in the builtin kernels and fixed point in TFLM: :func:`drop_softmax` leaves it to
whoever needs probabilities.
"""

from __future__ import annotations

import numpy as np

from kws_tfmot.errors import ModelError
from kws_tfmot.tflite.edit import (
    add_tensor,
    code_of,
    constant_of,
    dtype_name,
    inputs_of,
    new_operator,
    operators_of,
    outputs_of,
    readers_of,
    tensors_of,
    vector,
    writer_of,
)
from kws_tfmot.tflite.quantized_layers import (
    INT32,
    WEIGHTED,
    bias_of,
    bias_scales,
    per_tensor,
    quantization_of,
    scales_of,
    store_bias,
)
from kws_tfmot.tflite.schema import ModelT, OperatorT, QuantizationParametersT, TensorT

# They move numbers about; PAD fills with the zero point, which represents 0 whatever the scale.
_MOVING = ("RESHAPE", "SQUEEZE", "EXPAND_DIMS", "TRANSPOSE", "PAD", "STRIDED_SLICE")


def drop_softmax(root: ModelT) -> bool:
    """Let the graph end at the logits where it ends with SOFTMAX; return whether it did.

    A DEQUANTIZE or QUANTIZE behind the softmax is not looked through.
    """
    subgraph = root.subgraphs[0]
    outputs = [int(index) for index in subgraph.outputs]
    last = writer_of(root, outputs[0]) if len(outputs) == 1 else None
    if last is None or code_of(root, last) != "SOFTMAX" or readers_of(root, outputs[0]):
        return False
    logits = inputs_of(last)[0]
    subgraph.operators = [operator for operator in operators_of(root) if operator is not last]
    subgraph.outputs = np.array([logits], np.int32)
    for signature in root.signatureDefs or ():
        for entry in signature.outputs or ():
            entry.tensorIndex = logits
    return True


def lift_logits(root: ModelT) -> bool:
    """Move the int8 logits by a constant so that their zero point is -128; return whether anything changed.

    With output scale ``s`` and zero point ``zp`` the constant is ``s * (zp + 128)``, added to the bias:
    ``bias[k] += round(s * (zp + 128) / (s_input * s_weights[k]))``. Softmax and argmax are unchanged, the logits'
    bytes too but for ties. Applies to a CONV_2D or FULLY_CONNECTED without activation that feeds only the last
    softmax, or is itself the output, unless a bias would leave 32 bits. Channels whose weights are all zero, which the
    converter gives a minute scale, get that of the largest channel.
    """
    index = int(root.subgraphs[0].outputs[0])
    last = writer_of(root, index)
    if last is not None and code_of(root, last) == "SOFTMAX":
        index = inputs_of(last)[0]
    layer = writer_of(root, index)
    tensor = tensors_of(root)[index]
    if layer is None or dtype_name(tensor) != "int8" or len(readers_of(root, index)) > 1:
        return False
    if code_of(root, layer) not in ("CONV_2D", "FULLY_CONNECTED"):
        return False
    if _activation(layer):
        return False
    scale, zero_point = per_tensor(tensor, "logits")
    if zero_point == -128:
        return False
    if not _add_to_bias(root, layer, scale * (zero_point + 128)):
        return False
    tensor.quantization = quantization_of(scale, -128)
    return True


def clamp_linear_layers(root: ModelT) -> int:
    """Let every int8 layer without activation write numbers that cannot be negative; return how many were changed.

    As in :func:`lift_logits` the layer's bias is raised by ``s * (zp + 128)`` and its result has zero point -128. The
    bytes are what they were, and a RESHAPE to the same shape hands them on under the old zero point, at the price of
    copying them. Whatever runs the model must take RESHAPE as a copy of bytes, as TFLM and LiteRT do.
    """
    changed = 0
    for layer in list(operators_of(root)):
        if code_of(root, layer) not in WEIGHTED or _activation(layer):
            continue
        index = outputs_of(layer)[0]
        tensor = tensors_of(root)[index]
        if dtype_name(tensor) != "int8" or index in root.subgraphs[0].outputs:
            continue
        scale, zero_point = per_tensor(tensor, "layer's output")
        if zero_point == -128 or not _add_to_bias(root, layer, scale * (zero_point + 128)):
            continue
        source = add_tensor(root, TensorT(tensor.shape, tensor.type, quantization=quantization_of(scale, -128)))
        layer.outputs = np.array([source], np.int32)
        shape = np.asarray(tensor.shape, np.int32)
        copy = new_operator(root, "RESHAPE", [source], [index], "ReshapeOptions", new_shape=shape)
        place = next(number for number, each in enumerate(operators_of(root)) if each is layer)
        operators_of(root).insert(place + 1, copy)
        changed += 1
    return changed


def revive_dead_channels(root: ModelT) -> int:
    """Give channels whose weights are all zero the scale of their layer's largest; return how many layers had some.

    The converter gives such a channel a minute scale, and so a bias of up to 31 bits in steps as minute: the engine can
    then prove nothing about its sums, and falls back to its long arithmetic, five times as slow. The channel's constant
    output stays the same to half a step of the bias.
    """
    changed = 0
    for layer in operators_of(root):
        if code_of(root, layer) not in ("CONV_2D", "FULLY_CONNECTED"):
            continue
        weights = tensors_of(root)[inputs_of(layer)[1]]
        if dtype_name(weights) != "int8" or dtype_name(tensors_of(root)[inputs_of(layer)[0]]) != "int8":
            continue
        scales = scales_of(weights, "weights")
        if not np.array_equal(_revived(constant_of(root, weights), scales), scales):
            changed += _add_to_bias(root, layer, 0.0)
    return changed


def set_input_quantization(root: ModelT, scale: float, zero_point: int) -> None:
    """Give the int8 input of a model another quantisation, and the first layers biases that fit it.

    Weights keep their bytes; a bias represents the same real number, in steps of the new ``s_input * s_weights``.
    What else reads the input (an LSTM, an addition) goes on reading the old quantisation, through a QUANTIZE.

    Raises:
        ModelError: If the input is not int8.
    """
    index = int(root.subgraphs[0].inputs[0])
    if dtype_name(tensors_of(root)[index]) != "int8":
        raise ModelError(f"expected an int8 input. Received: {dtype_name(tensors_of(root)[index])}")
    pending = [index]
    while pending:
        index = pending.pop()
        old = _quantization(tensors_of(root)[index])
        tensors_of(root)[index].quantization = quantization_of(scale, zero_point)
        for operator in readers_of(root, index):
            code = code_of(root, operator)
            if code in _MOVING:
                pending += outputs_of(operator)
            elif code in WEIGHTED:
                _rescale_bias(root, operator, scale)
            else:
                _requantize(root, operator, index, old)


def _quantization(tensor: TensorT) -> QuantizationParametersT:
    """Scale and zero point of a tensor.

    Raises:
        ModelError: If it has none.
    """
    scales, points = vector(tensor.quantization, "scale"), vector(tensor.quantization, "zeroPoint")
    if tensor.quantization is None or not len(scales):
        raise ModelError(f"expected int8 tensors with a scale. Received one without: {tensor.name or b''!r}.")
    if not len(points):
        tensor.quantization.zeroPoint = np.zeros(1, np.int64)
    return tensor.quantization


def _requantize(root: ModelT, reader: OperatorT, index: int, quantization: QuantizationParametersT) -> None:
    """Let ``reader`` read the tensor ``index`` in another quantisation."""
    tensor = tensors_of(root)[index]
    keys = ("scale", "zeroPoint")
    if all(np.array_equal(vector(quantization, key), vector(tensor.quantization, key)) for key in keys):
        return
    read = TensorT(tensor.shape, tensor.type, name=b"features_requantized", quantization=quantization)
    read.shapeSignature, read.hasRank = tensor.shapeSignature, tensor.hasRank
    copy = add_tensor(root, read)
    reader.inputs = np.array([copy if each == index else each for each in inputs_of(reader)], np.int32)
    quantize = new_operator(root, "QUANTIZE", [index], [copy])
    place = next(number for number, each in enumerate(operators_of(root)) if each is reader)
    operators_of(root).insert(place, quantize)


def _activation(layer: OperatorT) -> int:
    """Number of the fused activation, 0 for none."""
    return int(getattr(layer.builtinOptions, "fusedActivationFunction", 0))


def _add_to_bias(root: ModelT, layer: OperatorT, real: float) -> bool:
    """Add a real number to every bias; ``False``, and nothing changed, where that would overflow."""
    input_scale = per_tensor(tensors_of(root)[inputs_of(layer)[0]], "input of the last layer")[0]
    index, values = bias_of(root, layer)
    old = bias_scales(root, layer, input_scale)
    weights = tensors_of(root)[inputs_of(layer)[1]]
    scales = _revived(constant_of(root, weights), scales_of(weights, "weights"))
    new = np.broadcast_to(scales.astype(np.float64) * float(np.float32(input_scale)), old.shape)
    moved = np.rint((values * old + real) / new) if new.all() else np.array([np.inf])
    if not np.all(np.abs(moved) <= INT32.max):
        return False
    weights.quantization.scale = scales
    store_bias(root, layer, index, moved, new)
    return True


def _revived(weights: np.ndarray | None, scales: np.ndarray) -> np.ndarray:
    """The scales ``[K]`` of ``weights[K, ...]``, that of channels without a non-zero weight set to the largest."""
    if weights is None or len(scales) == 1 or weights.size % len(scales):
        return scales
    dead = ~weights.reshape(len(scales), -1).any(axis=1)
    return np.where(dead, scales.max(), scales)


def _rescale_bias(root: ModelT, layer: OperatorT, input_scale: float) -> None:
    index, values = bias_of(root, layer)
    if index < 0:
        return
    old = scales_of(tensors_of(root)[index], "bias").astype(np.float64)
    new = bias_scales(root, layer, input_scale)
    if not new.all():
        raise ModelError(
            f"expected weight scales above 0. Received: 0 in {code_of(root, layer)}.",
            "Convert it again: channels without a weight that is not 0 take any scale above 0.",
        )
    store_bias(root, layer, index, np.rint(values * old / new), new)
