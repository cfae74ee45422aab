"""The one family of errors a user of kws-tfmot can see.

Every refusal names the value received, the values allowed and the way out, so that the command line can
print it as it is (exit code 2, no traceback).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


class KwsError(Exception):
    """A refusal a person can act on.

    Args:
        message: What is wrong, with the value received and the values allowed.
        hint: The way out, one sentence; empty where the message already says it.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class RecipeError(KwsError):
    """A recipe or a command-line value that cannot be built."""


class DataError(KwsError):
    """Clips, folders or splits that cannot be used."""


class CacheError(DataError):
    """What is kept between commands cannot be written: a full disk, no permission."""


class ModelError(KwsError):
    """A Keras or TFLite model that is corrupt, unsupported or does not fit what it is used for."""


class ToolchainError(KwsError):
    """A compiler, an emulator or an optional package is missing or failed."""


class BudgetError(KwsError):
    """A budget in bytes, RAM or instructions that cannot be met."""


@contextmanager
def way_out(hint: str) -> Iterator[None]:
    """Refusals inside that name no way out get this one; also as a decorator.

    >>> with way_out("Convert it again."):
    ...     raise ModelError("the model is corrupt.")
    Traceback (most recent call last):
    ...
    kws_tfmot.errors.ModelError: the model is corrupt.
    Convert it again.
    """
    try:
        yield
    except KwsError as err:
        err.hint = err.hint or hint
        raise


OUR_FAULT = "This is a fault of kws-tfmot: please report it, with the model and the command."
"""The way out of what should never be: two parts of the project that disagree."""


def install_extra(name: str) -> str:
    """The way out where a package of an extra of ``setup.cfg`` is missing.

    >>> install_extra("sweep")
    "In a clone of the project run pip install '.[sweep]' (`make setup` has done it)."
    """
    return f"In a clone of the project run pip install '.[{name}]' (`make setup` has done it)."


def did_you_mean(received: str, allowed: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the closest allowed name, or an empty string.

    >>> did_you_mean("modle", ["model", "train"])
    " Did you mean 'model'?"
    >>> did_you_mean("zzz", ["model", "train"])
    ''
    """
    close = difflib.get_close_matches(received, list(allowed), n=1)
    return f" Did you mean {close[0]!r}?" if close else ""
