"""Packing sparse weights for TFLM's operator TFLM_DECODE, tensor by tensor, where the file gets smaller by it.

Type 2 ("prune"): a bitmap, one bit an element, most significant bit first, 1 = kept; beside it an ancillary tensor of
a 16-byte header followed by the kept values. The operator writes the dense weights into the arena at every inference:
it saves flash, no multiplication, and its code takes some 20 kB itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kws_tfmot.errors import ModelError
from kws_tfmot.tflite.edit import (
    add_buffer,
    add_tensor,
    constant_of,
    dtype_name,
    finish,
    inputs_of,
    new_operator,
    open_for_edit,
    operators_of,
    readers_of,
    tensors_of,
    vector,
)
from kws_tfmot.tflite.interpreter import outputs_equal
from kws_tfmot.tflite.quantized_layers import WEIGHTED
from kws_tfmot.tflite.reader import read_model
from kws_tfmot.tflite.schema import ModelT, TensorT, enum_values
from kws_tfmot.tflite.slim import slim

HEADER = bytes([2, 1, 0, 0, 1, *([0] * 11)])  # type 2, version 1; byte 4 is the bitmap's version
_UINT8 = enum_values("TensorType")["UINT8"]


@dataclass(frozen=True)
class DecodeDecision:
    """What was decided for one weight tensor.

    Attributes:
        operator: The layer's place among the operators of the dense model.
        code: Its operator.
        elements: Weights.
        zeros: Those that are zero.
        dense_bytes: Bytes of the weights as they are.
        packed_bytes: Bytes of bitmap, header and kept values.
        saved_bytes: By how much the slimmed file shrank, or would have shrunk (negative: grown).
        packed: Whether it was packed.
    """

    operator: int
    code: str
    elements: int
    zeros: int
    dense_bytes: int
    packed_bytes: int
    saved_bytes: int
    packed: bool


def encode_prune(weights: np.ndarray) -> tuple[bytes, bytes]:
    """Bitmap and ancillary data of an array of weights.

    >>> bitmap, ancillary = encode_prune(np.array([0, 5, 0, 0, -1, 0, 0, 0, 7], np.int8))
    >>> bitmap.hex(), ancillary[:5].hex(), ancillary[16:].hex()
    ('4880', '0201000001', '05ff07')
    """
    flat = np.ascontiguousarray(weights).reshape(-1)
    kept = flat != 0
    return np.packbits(kept).tobytes(), HEADER + flat[kept].tobytes()


def pack_for_decode(model: bytes) -> tuple[bytes, list[DecodeDecision]]:
    """Pack every int8 weight tensor whose packing makes the slimmed file smaller.

    Args:
        model: A ``.tflite`` with dense weights.

    Returns:
        The model (slimmed for TFLM) and one decision a weight tensor. Without a packed tensor it is the slimmed model.

    Raises:
        ModelError: If the packed model does not compute the same in TFLM.
    """
    best = slim(model, "tflm")
    decisions = []
    shift = 0  # each packed tensor puts one operator in front of its layer
    codes = [operator.code for operator in read_model(best).operators]
    for place, code in enumerate(codes):
        if code not in WEIGHTED:
            continue
        attempt = open_for_edit(best)
        sizes = _pack_layer(attempt, place + shift)
        if sizes is None:
            continue
        smaller = finish(attempt)
        saved = len(best) - len(smaller)
        decisions.append(DecodeDecision(place, code, *sizes, saved_bytes=saved, packed=saved > 0))
        if saved > 0:
            best, shift = smaller, shift + 1
    if shift and not outputs_equal(slim(model, "tflm"), best):
        raise ModelError("the model with packed weights computes other outputs in TFLM.", "Export without --decode.")
    return best, decisions


def _pack_layer(root: ModelT, place: int) -> tuple[int, int, int, int] | None:
    """Pack the weights of one layer in ``root``; elements, zeros, dense and packed bytes, or ``None`` if it cannot."""
    operator = operators_of(root)[place]
    index = inputs_of(operator)[1]
    tensor = tensors_of(root)[index]
    weights = constant_of(root, tensor)
    zero_points = vector(tensor.quantization, "zeroPoint")
    shared = len(readers_of(root, index)) != 1
    if weights is None or dtype_name(tensor) != "int8" or np.any(zero_points) or tensor.sparsity is not None or shared:
        return None
    bitmap, ancillary = encode_prune(weights)
    _restore_zero_points(tensor)
    tensor.buffer = 0
    inputs = [
        add_tensor(root, TensorT(np.array([len(data)], np.int32), _UINT8, add_buffer(root, data)))
        for data in (bitmap, ancillary)
    ]
    operators_of(root).insert(place, new_operator(root, "TFLM_DECODE", inputs, [index], custom=True))
    return weights.size, int(np.sum(weights == 0)), weights.nbytes, len(bitmap) + len(ancillary)


def _restore_zero_points(tensor: TensorT) -> None:
    """The decoder reads a zero point for every scale, where slimming had cut them to one."""
    channels = len(vector(tensor.quantization, "scale"))
    if len(vector(tensor.quantization, "zeroPoint")) < channels:
        tensor.quantization.zeroPoint = np.zeros(channels, np.int64)
