"""Keras models for keyword spotting, one family a file, behind :func:`build_model`."""

from kws_tfmot.models.families import model_names
from kws_tfmot.models.registry import build_model
from kws_tfmot.models.settings import ModelSettings

__all__ = ["ModelSettings", "build_model", "model_names"]
