"""JSON that anyone may have written: read within bounds, and refused in one way."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

MOST_BYTES = 256_000_000


def read_json(path: str | os.PathLike[str]) -> Any:
    """The value in the file at ``path``.

    Raises:
        OSError: It cannot be read.
        ValueError: It is no file, no JSON in UTF-8, too large, nested too deeply, or holds half of a surrogate pair or
            a key twice.
    """
    file = Path(path)
    if file.exists() and not file.is_file():  # a pipe would be waited for, a device may never end
        raise ValueError("it is no file")
    if (size := file.stat().st_size) > MOST_BYTES:
        raise ValueError(f"it has {size} bytes, more than {MOST_BYTES}")
    text = file.read_text(encoding="utf-8")
    try:
        value = json.loads(text, object_pairs_hook=without_duplicates)
        if "\\ud" in text.lower():  # the only way to such a half
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return value


def without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of ``pairs``, for :func:`json.loads`.

    Raises:
        ValueError: A key occurs twice.
    """
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key occurs twice")
    return result
