"""Settings that travel inside a model: one metadata entry of UTF-8 JSON, checked by :mod:`.carried_settings`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kws_tfmot.errors import ModelError
from kws_tfmot.tflite.carried_settings import MAX_BYTES, check_settings, parse_settings
from kws_tfmot.tflite.document import read_source
from kws_tfmot.tflite.edit import add_buffer, finish, open_for_edit
from kws_tfmot.tflite.reader import read_model
from kws_tfmot.tflite.schema import MetadataT

SETTINGS_NAME = "kws_tfmot"


def read_settings(source: str | Path | bytes) -> dict[str, Any] | None:
    """The settings a model carries (labels, front end, versions, ...), or ``None`` where it carries none.

    Raises:
        ModelError: If the model is corrupt, or its entry is no such settings.
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
    return parse_settings(entry)


def write_settings(model: bytes, settings: dict[str, Any]) -> bytes:
    """The model with ``settings`` as its only entry of that name; equal inputs give equal bytes.

    The JSON is sorted and compact; its buffer is 16-byte aligned like every other.

    Raises:
        ModelError: If the model is corrupt, or the settings are not JSON values.
    """
    check_settings(settings)
    root = open_for_edit(read_source(model))
    try:
        text = json.dumps(settings, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as err:
        raise ModelError(
            f"the settings cannot be written as JSON: {err}.",
            "They may hold text, finite numbers, true, false, null, and lists and mappings of these.",
        ) from err
    if len(text.encode("utf-8")) > MAX_BYTES:
        raise ModelError(f"expected at most {MAX_BYTES} bytes of settings. Received: {len(text.encode('utf-8'))}")
    others = [entry for entry in root.metadata or () if entry.name != SETTINGS_NAME.encode()]
    number = add_buffer(root, text.encode("utf-8"))
    root.metadata = [*others, MetadataT(SETTINGS_NAME.encode(), number)]
    return finish(root)
