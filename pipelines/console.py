"""What a person sees: progress bars, notes, tables, and errors without a traceback."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from kws_tfmot.errors import KwsError
from kws_tfmot.jobs import Outcome

# Tables are made for terminals of 100 columns or more; a pipe or a log has no width of its own.
_PIPE_WIDTH = 120
out = Console(highlight=False, width=None if sys.stdout.isatty() else _PIPE_WIDTH)
for _stream in (sys.stdout, sys.stderr):  # a file name may be no valid text
    if isinstance(_stream, io.TextIOWrapper):
        _stream.reconfigure(errors="backslashreplace")
err = Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else _PIPE_WIDTH)


class _RichTask:
    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def advance(self, count: int = 1, note: str = "") -> None:
        self._progress.update(self._task, advance=count, note=note)

    def reach(self, done: int, total: int) -> None:
        self._progress.update(self._task, completed=done, total=total, visible=True)


class RichReporter:
    """Progress bars on standard error, so that standard output stays clean for ``--json``."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    @contextmanager
    def task(self, description: str, total: int | None) -> Iterator[_RichTask]:
        """A progress bar for the length of a ``with`` block."""
        columns = (
            TextColumn("{task.description:<15}"),
            BarColumn(30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
        )
        with Progress(*columns, console=err) as progress:
            yield _RichTask(progress, progress.add_task(description, total=total, note="", visible=total is not None))

    def note(self, text: str) -> None:
        """One line, each text once."""
        if text not in self._told:
            self._told.add(text)
            err.print(f"[yellow]note[/] {_escape(text)}", soft_wrap=True)


@contextmanager
def friendly_errors() -> Iterator[None]:
    """Turn a :class:`KwsError` into a message and exit code 2, and an interrupt into exit code 130."""
    try:
        yield
    except KwsError as error:
        err.print(f"[bold red]error[/] {_escape(error.message)}", soft_wrap=True)
        if error.hint:
            err.print(f"      {_escape(error.hint)}", soft_wrap=True)
        sys.exit(2)
    except BrokenPipeError:  # whoever read our output has gone
        sys.exit(141)
    except (OSError, MemoryError) as error:
        err.print(f"[bold red]error[/] {_escape(_told_by_the_system(error))}", soft_wrap=True)
        sys.exit(2)
    except KeyboardInterrupt:
        interrupted()


def interrupted() -> NoReturn:
    """Say that nothing is lost, and leave as a command does that was stopped by Ctrl-C."""
    err.print("[yellow]interrupted[/] run the same command again to go on from here")
    sys.exit(130)


def _told_by_the_system(error: OSError | MemoryError) -> str:
    if isinstance(error, MemoryError):
        return "there is not enough memory for this; give a smaller file, or fewer of them at a time"
    names = " -> ".join(repr(str(name)) for name in (error.filename, error.filename2) if name is not None)
    reason = error.strerror or error
    return f"{names or 'a file'} cannot be used: {reason}. Check that it exists, its permissions and the room there"


class JobsView:
    """One bar for all jobs and one for each that runs; a line for each that has ended."""

    def __init__(self, title: str, total: int) -> None:
        columns = (
            TextColumn("{task.description:<36}"),
            BarColumn(24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}"),
        )
        self._progress = Progress(*columns, console=err)
        self._all = self._progress.add_task(title, total=total, note="")
        self._tasks: dict[str, TaskID] = {}
        self._told: set[str] = set()

    def __enter__(self) -> JobsView:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def began(self, job: str) -> None:
        """Open a bar."""
        self._tasks[job] = self._progress.add_task(job, total=None, note="")

    def progressed(self, job: str, description: str, done: int, total: int | None, note: str) -> None:
        """Move it."""
        shown = f"{description}  {note}"
        self._progress.update(self._tasks[job], completed=done, total=total, note=shown)

    def noted(self, text: str) -> None:
        """One line, each text once."""
        if text not in self._told:
            self._told.add(text)
            err.print(f"[yellow]note[/] {_escape(text)}", soft_wrap=True)

    def ended(self, job: str, outcome: Outcome) -> None:
        """Close it and say how it went."""
        if job in self._tasks:
            self._progress.remove_task(self._tasks.pop(job))
        self._progress.advance(self._all)
        told = _escape(outcome.result) if isinstance(outcome.result, str) else "done"
        verdict = f"[bold red]{_escape(outcome.error)}[/]" if outcome.error else told
        accuracy = outcome.result["accuracy"]["int8"] if isinstance(outcome.result, dict) else None
        shown = "" if accuracy is None else f", int8 {100 * accuracy:.2f} %"
        err.print(f"{_escape(job)}: {verdict} in {outcome.seconds:.0f} s{shown}", soft_wrap=True)


class BarView:
    """One bar for many alike jobs; who runs them tells which have failed."""

    def __init__(self, title: str, total: int) -> None:
        columns = (TextColumn("{task.description:<15}"), BarColumn(30), MofNCompleteColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=err)
        self._all = self._progress.add_task(title, total=total)

    def __enter__(self) -> BarView:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def began(self, job: str) -> None:
        """Nothing to show yet."""

    def progressed(self, job: str, description: str, done: int, total: int | None, note: str) -> None:
        """Too small to show."""

    def noted(self, text: str) -> None:
        """Told again by whoever reads the data next."""

    def ended(self, job: str, outcome: Outcome) -> None:
        """Move the bar."""
        self._progress.advance(self._all)


def line(text: str, style: str | None = None, markup: bool = True, stderr: bool = False) -> None:
    """Print one line as it is: a path must not be broken where the terminal ends."""
    (err if stderr else out).print(text, style=style, markup=markup, soft_wrap=True)


def table(title: str, columns: list[str], rows: list[list[str]]) -> None:
    """Print a table; all columns but the first are right-aligned."""
    grid = Table(title=title, title_justify="left", title_style="bold")
    for i, column in enumerate(columns):
        grid.add_column(column, justify="left" if i == 0 else "right", overflow="fold")
    for row in rows:
        grid.add_row(*(_escape(cell) for cell in row))
    out.print(grid)


def _escape(text: str) -> str:
    return text.replace("[", r"\[")
