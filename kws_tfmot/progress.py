"""How long work tells what it is doing: the library calls a reporter, and only commands show anything."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Task(Protocol):
    """One piece of long work in progress."""

    def advance(self, count: int = 1, note: str = "") -> None:
        """Count ``count`` units as done and show ``note`` beside them (a loss, an accuracy)."""

    def reach(self, done: int, total: int) -> None:
        """Say that ``done`` of ``total`` units are done, where the total shows only on the way."""


class Reporter(Protocol):
    """Where progress and remarks go."""

    def task(self, description: str, total: int | None) -> AbstractContextManager[Task]:
        """Open a task of ``total`` units (``None``: not known yet) for the length of a ``with`` block."""

    def note(self, text: str) -> None:
        """Tell the person something worth knowing that is not an error."""


class _SilentTask:
    def advance(self, count: int = 1, note: str = "") -> None:
        """Do nothing."""

    def reach(self, done: int, total: int) -> None:
        """Do nothing."""


class Silent:
    """The reporter that shows nothing; the default everywhere."""

    @contextmanager
    def task(self, description: str, total: int | None) -> Iterator[Task]:
        """Yield a task that ignores its progress."""
        yield _SilentTask()

    def note(self, text: str) -> None:
        """Ignore ``text``."""


SILENT = Silent()
