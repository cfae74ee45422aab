"""Which operators the engine has: every module of this package that holds a tuple ``OPERATORS``.

Adding an operator is adding its file here (and a kernel where none of ``kernels`` serves): nothing else names it.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import firmware_export.operators as package
from kws_tfmot.tflite.graph import Operator

if TYPE_CHECKING:
    from firmware_export.operators.shared.context import Context
    from firmware_export.operators.shared.random_model import RandomModel


@dataclass(frozen=True)
class Registration:
    """One TFLite operator."""

    code: str
    """Its name in the schema, as ``CONV_2D``."""
    lower: Callable[[Context, Operator], None]
    """Checks the operator and appends the layers that compute it; raises ``Unsupported`` with the reason."""
    options: str = ""
    """The table of its builtin options, as ``Conv2DOptions``; empty where it has none."""
    samples: tuple[Callable[[RandomModel], None], ...] = ()
    """Append this operator with random shapes and settings to a random model; named twice, drawn twice as often."""


@functools.cache
def operators() -> dict[str, Registration]:
    """Every operator by its code, in the order of the codes.

    >>> "STRIDED_SLICE" in operators()
    True
    """
    found: dict[str, Registration] = {}
    for name in sorted(info.name for info in pkgutil.iter_modules(package.__path__) if not info.ispkg):
        module = importlib.import_module(f"{package.__name__}.{name}")
        for registration in getattr(module, "OPERATORS", ()):
            if registration.code in found:
                raise ValueError(f"operator {registration.code} is registered twice, the second time in {name}.py")
            found[registration.code] = registration
    return dict(sorted(found.items()))
