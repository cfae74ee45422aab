"""A network of the user's own: the file that gives it."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from kws_tfmot.files import sha256_file
from kws_tfmot.models.model_settings import ModelSettings


def source_sha256(settings: ModelSettings) -> str:
    """Hash of the file that gives the network: the Keras file, or the module of the builder; empty if it is missing."""
    path = settings.file
    if settings.builder:
        here = str(Path.cwd())
        sys.path[:0] = [] if here in sys.path else [here]
        try:
            found = importlib.util.find_spec(settings.builder.partition(":")[0])
        except (ImportError, ValueError):
            found = None
        path = found.origin if found else None
    return sha256_file(path) if path and Path(path).is_file() else ""
