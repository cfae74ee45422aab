"""Reading what an interrupted training left: a file that was damaged or edited is refused with the way out."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kws_tfmot.errors import ModelError

_DAMAGE = (
    OSError, ValueError, LookupError, TypeError, AttributeError, EOFError, RecursionError, zipfile.BadZipFile,
    zlib.error,
)  # fmt: skip


@contextmanager
def reading_state(path: Path) -> Iterator[None]:
    """Turn what reading ``path``, the state of a training or a folder with it, raises into a refusal.

    Raises:
        ModelError: In place of whatever a damaged ``.npz``, record or array makes NumPy and Keras raise.
    """
    try:
        yield
    except _DAMAGE as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelError(f"the state of an interrupted training, {str(path)!r}, cannot be read: {reason}.",
                         "Remove it: the training begins anew.") from None  # fmt: skip
