"""Settings that travel inside a model: one metadata entry of UTF-8 JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kws_tfmot.errors import ModelError
from kws_tfmot.tflite.document import read_source
from kws_tfmot.tflite.edit import add_buffer, finish, open_for_edit
from kws_tfmot.tflite.reader import read_model

SETTINGS_NAME = "kws_tfmot"
_MAX_BYTES = 1 << 20


def read_settings(source: str | Path | bytes) -> dict[str, Any] | None:
    """The settings a model carries (labels, front end, versions, ...), or ``None`` where it carries none.

    Raises:
        ModelError: If the model is corrupt, or its entry is not a JSON object.
    """
    return settings_from(read_model(source).metadata)


def settings_from(metadata: dict[str, bytes]) -> dict[str, Any] | None:
    """The same from the metadata of a :class:`~kws_tfmot.tflite.graph.Graph`.

    >>> settings_from({"kws_tfmot": b'{"labels": ["yes"]}'})
    {'labels': ['yes']}
    """
    entry = metadata.get(SETTINGS_NAME)
    if entry is None:
        return None
    try:
        if len(entry) > _MAX_BYTES:
            raise ValueError(f"it has {len(entry)} bytes, more than {_MAX_BYTES}")
        settings = json.loads(entry.decode("utf-8"))
    except (ValueError, RecursionError) as err:
        raise ModelError(f"the metadata {SETTINGS_NAME!r} of the model is not JSON: {err}.") from None
    if not isinstance(settings, dict):
        raise ModelError(f"the metadata {SETTINGS_NAME!r}: expected a JSON object. Received: {type(settings).__name__}")
    return settings


def write_settings(model: bytes, settings: dict[str, Any]) -> bytes:
    """The model with ``settings`` as its only entry of that name; equal inputs give equal bytes.

    The JSON is sorted and compact; its buffer is 16-byte aligned like every other.

    Raises:
        ModelError: If the model is corrupt, or the settings are not JSON values.
    """
    root = open_for_edit(read_source(model))
    try:
        text = json.dumps(settings, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as err:
        raise ModelError(f"the settings cannot be written as JSON: {err}.") from err
    if len(text.encode("utf-8")) > _MAX_BYTES:
        raise ModelError(f"expected at most {_MAX_BYTES} bytes of settings. Received: {len(text.encode('utf-8'))}")
    others = [entry for entry in root.get("metadata", []) if entry.get("name") != SETTINGS_NAME.encode()]
    number = add_buffer(root, text.encode("utf-8"))
    root["metadata"] = [*others, {"name": SETTINGS_NAME.encode(), "buffer": number}]
    return finish(root)
