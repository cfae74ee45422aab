"""What reading a damaged or edited file raises: archives of arrays, HDF5 files and the records in them."""

from __future__ import annotations

import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kws_tfmot.errors import ModelError

DAMAGE = (
    OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, EOFError, MemoryError, RuntimeError,
    struct.error, lzma.LZMAError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""A bit that has changed in a zip archive may say that it is encrypted, compressed, or of another method
(:class:`RuntimeError` with :class:`NotImplementedError`, :class:`zlib.error`, :class:`lzma.LZMAError`)."""

ANEW = "Begin the stage that made it anew: the same command with --force."


@contextmanager
def reading(path: Path, what: str, way_out: str) -> Iterator[None]:
    """Turn what reading ``path`` raises into a refusal.

    Args:
        path: The file, or a folder.
        what: What it is, such as "the state of an interrupted training".
        way_out: What to do then.

    Raises:
        ModelError: In place of any of :data:`DAMAGE`.
    """
    try:
        yield
    except DAMAGE as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ModelError(f"{what}, {str(path)!r}, cannot be read: {reason}.", way_out) from None
