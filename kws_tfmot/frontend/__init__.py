"""The integer audio front end: 16-bit samples to int8 log-mel or MFCC features, the same bytes everywhere."""

from kws_tfmot.frontend.frontend import Frontend, Stream
from kws_tfmot.frontend.frontend_export import c_source, export_tables
from kws_tfmot.frontend.frontend_settings import FrontendSettings

__all__ = ["Frontend", "FrontendSettings", "Stream", "c_source", "export_tables"]
