"""SUB."""

from __future__ import annotations

from firmware_export.operators.registry import Registration
from firmware_export.operators.shared.context import Context
from firmware_export.operators.shared.random_model import RandomModel
from firmware_export.operators.shared.random_operands import sample_sum
from firmware_export.operators.shared.sums import lower_sum
from kws_tfmot.tflite.graph import Operator


def lower(context: Context, operator: Operator) -> None:
    """SUB with broadcasting."""
    lower_sum(context, operator, "kws_subtract")


def sample(m: RandomModel) -> None:
    """The activation and itself, a constant, or one value a channel."""
    sample_sum(m, "SUB")


OPERATORS = (Registration("SUB", lower, "SubOptions", (sample,)),)
