"""Catching what native libraries write to standard error."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def captured_stderr() -> Iterator[Callable[[], str]]:
    """Keep what C and C++ write to file descriptor 2 inside the block; call the yielded function to read it."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as sink:
        saved = os.dup(2)
        os.dup2(sink.fileno(), 2)

        def written() -> str:
            """What native code has written to stderr so far."""
            sink.seek(0)
            return sink.read().decode("utf-8", "replace")

        try:
            yield written
        finally:
            os.dup2(saved, 2)
            os.close(saved)
