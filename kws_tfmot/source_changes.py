"""Source files that were changed under a running program: new processes read them as they are now, old ones did not."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
_PACKAGES = ("kws_tfmot", "firmware_export", "pipelines")
_LOADED = time.time()


def changed_source(since: float = _LOADED, root: Path = _ROOT) -> str:
    """The Python file of this project that was written last, where that is after ``since``; else nothing.

    Args:
        since: Seconds since the epoch; when this program was started, if not given.
        root: Where the packages lie.
    """
    when, path = max(_written(root), default=(0.0, root))
    return path.relative_to(root).as_posix() if when > since else ""


def _written(root: Path) -> Iterable[tuple[float, Path]]:
    return ((path.stat().st_mtime, path) for package in _PACKAGES for path in (root / package).rglob("*.py"))
