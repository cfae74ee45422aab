"""Taking the fat off a flatbuffer: what no interpreter reads, then what TFLM does not read."""

from __future__ import annotations

import numpy as np

from kws_tfmot.errors import ModelError, did_you_mean
from kws_tfmot.tflite.edit import (
    all_operators,
    all_tensors,
    code_of,
    dtype_name,
    finish,
    inputs_of,
    open_for_edit,
    operators_of,
    tensors_of,
    vector,
)
from kws_tfmot.tflite.metadata import SETTINGS_NAME
from kws_tfmot.tflite.quantized_layers import WEIGHTED
from kws_tfmot.tflite.schema import ModelT, OperatorT, SubGraphT, TensorT

LEVELS = ("portable", "tflm")


def slim(model: bytes, level: str = "portable", *, keep_settings: bool = True, keep_signatures: bool = False) -> bytes:
    """A smaller flatbuffer that computes the same.

    ``"portable"`` drops names, descriptions, foreign metadata, calibration ranges (min and max), signatures and
    tensors nobody uses, and writes equal vectors and tables once (above all the channels' zero points, all zero): every
    interpreter still loads it. ``"tflm"`` also cuts zero points that are all 0 to one entry and drops the biases'
    quantisation; TFLM computes the same from it, LiteRT refuses it.

    Args:
        model: Bytes of a ``.tflite``.
        level: One of :data:`LEVELS`.
        keep_settings: Keep this package's own metadata (labels, front-end settings).
        keep_signatures: Keep signature definitions, which name inputs and outputs.

    Raises:
        ModelError: If the level is unknown or the file is corrupt.
    """
    if level not in LEVELS:
        raise ModelError(f"unknown level {level!r}.{did_you_mean(level, LEVELS)} Allowed: {', '.join(LEVELS)}.")
    root = open_for_edit(model)
    _drop_texts(root, keep_settings, keep_signatures)
    for tensor in all_tensors(root):
        _slim_quantization(tensor)
    if level == "tflm":
        _slim_for_tflm(root)
    return finish(root)


def _drop_texts(root: ModelT, keep_settings: bool, keep_signatures: bool) -> None:
    root.description = None
    kept = [entry for entry in root.metadata or () if keep_settings and entry.name == SETTINGS_NAME.encode()]
    root.metadata = kept or None
    if not keep_signatures:
        root.signatureDefs = None
    for subgraph in root.subgraphs:
        subgraph.name = None
        subgraph.debugMetadataIndex = SubGraphT().debugMetadataIndex
    for operator in all_operators(root):
        operator.debugMetadataIndex = OperatorT().debugMetadataIndex
    for tensor in all_tensors(root):
        tensor.name = None


def _slim_quantization(tensor: TensorT) -> None:
    quantization = tensor.quantization
    if quantization is None:
        return
    quantization.min = quantization.max = None
    if not len(vector(quantization, "scale")):
        tensor.quantization = None


def _slim_for_tflm(root: ModelT) -> None:
    for tensor in all_tensors(root):
        points = vector(tensor.quantization, "zeroPoint")
        if len(points) > 1 and not np.any(points):
            tensor.quantization.zeroPoint = points[:1]
        tensor.shapeSignature = None
    for index in _biases(root):
        tensors_of(root)[index].quantization = None


def _biases(root: ModelT) -> set[int]:
    """Int32 or int64 third inputs of the layers that have weights, where TFLM derives their scale from the others.

    For a FULLY_CONNECTED whose weights have one scale it compares the bias's scale with the product, and must have it.
    """
    found, kept = set(), set()
    for operator in operators_of(root):
        inputs = inputs_of(operator)
        if code_of(root, operator) in WEIGHTED and len(inputs) > 2:
            scales = vector(tensors_of(root)[inputs[1]].quantization, "scale")
            if code_of(root, operator) == "FULLY_CONNECTED" and len(scales) < 2:
                kept.add(inputs[2])
            found.add(inputs[2])
    return {index for index in found - kept if index >= 0 and dtype_name(tensors_of(root)[index]) in ("int32", "int64")}
