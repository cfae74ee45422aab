"""How long work tells what it is doing: the library calls a reporter, and only commands show anything."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Task(Protocol):
    """One piece of long work in progress."""

    def advance(self, count: int = 1, note: str = "") -> None:
        """Count ``count`` units as done and show ``note`` beside them (a loss, an accuracy)."""


class Reporter(Protocol):
    """Where progress and remarks go."""

    def task(self, description: str, total: int) -> contextmanager[Task]:
        """Open a task of ``total`` units for the length of a ``with`` block."""

    def note(self, text: str) -> None:
        """Tell the person something worth knowing that is not an error."""


class _SilentTask:
    def advance(self, count: int = 1, note: str = "") -> None:
        """Do nothing."""


class Silent:
    """The reporter that shows nothing; the default everywhere."""

    @contextmanager
    def task(self, description: str, total: int) -> Iterator[Task]:
        """Yield a task that ignores its progress."""
        yield _SilentTask()

    def note(self, text: str) -> None:
        """Ignore ``text``."""


SILENT = Silent()
