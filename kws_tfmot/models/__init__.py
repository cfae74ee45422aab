"""Keras models for keyword spotting, one family a file, behind :func:`build_model`."""

from kws_tfmot.models.families import model_names
from kws_tfmot.models.model_settings import ModelSettings
from kws_tfmot.models.network_builder import build_model

__all__ = ["ModelSettings", "build_model", "model_names"]
