"""MINIMUM of two tensors."""

from __future__ import annotations

from firmware_export.operators.registry import Registration
from firmware_export.operators.shared.context import Context
from firmware_export.operators.shared.extremes import lower_extreme, sample_extreme
from firmware_export.operators.shared.random_model import RandomModel
from kws_tfmot.tflite.graph import Operator


def lower(context: Context, operator: Operator) -> None:
    """The smaller of two numbers, with broadcasting."""
    lower_extreme(context, operator, "kws_minimum")


def sample(m: RandomModel) -> None:
    """The activation and itself, a constant, or one value a channel."""
    sample_extreme(m, "MINIMUM")


OPERATORS = (Registration("MINIMUM", lower, "MaximumMinimumOptions", (sample,)),)
