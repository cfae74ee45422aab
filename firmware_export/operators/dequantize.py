"""DEQUANTIZE."""

from __future__ import annotations

from firmware_export.operators.registry import Registration
from firmware_export.operators.shared.context import Context, Unsupported
from kws_tfmot.tflite.graph import Operator


def lower(context: Context, operator: Operator) -> None:
    """DEQUANTIZE at the output is left to the caller: the engine gives int8, its header scale and zero point."""
    if operator.outputs[0] != context.graph.outputs[0]:
        raise Unsupported("float values are only possible at the model's output")
    context.value_of[operator.outputs[0]] = context.input_value(operator)


OPERATORS = (Registration("DEQUANTIZE", lower),)
