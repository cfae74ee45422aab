"""Names of a package that are imported when they are first used (PEP 562)."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any


def lazy_names(
    package: str, homes: Mapping[str, str], renamed: Mapping[str, str] | None = None
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` of a package whose names live in other modules.

    Args:
        package: Name of the package.
        homes: Name -> the module that has it.
        renamed: Name -> what it is called there.

    >>> getattr_of, dir_of = lazy_names("kws_tfmot", {"KwsError": "kws_tfmot.errors"})
    >>> getattr_of("KwsError").__name__, dir_of()
    ('KwsError', ['KwsError', '__version__'])
    """

    def get(name: str) -> Any:
        """The name's value, kept for the next time."""
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(homes[name]), (renamed or {}).get(name, name))
        setattr(sys.modules[package], name, value)
        return value

    def names() -> list[str]:
        """All names, those of the module itself that it lists too."""
        return sorted({*homes, "__version__"} if hasattr(sys.modules[package], "__version__") else homes)

    return get, names
