"""What a person sees: progress bars, notes, tables, and errors without a traceback."""

from __future__ import annotations

import io
import sys
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import NoReturn

from rich.box import SIMPLE_HEAD
from rich.console import Console, JustifyMethod
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column, Table

from kws_tfmot.errors import KwsError
from kws_tfmot.jobs import JobOutcome
from kws_tfmot.progress import Reporter
from pipelines.console_tables import WIDTH, broken, layout

out = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)  # a pipe has no width of its own
for _stream in (sys.stdout, sys.stderr):  # a file name may be no valid text
    if isinstance(_stream, io.TextIOWrapper):
        _stream.reconfigure(errors="backslashreplace")
err = Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else WIDTH)


class _RichTask:
    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def advance(self, count: int = 1, note: str = "") -> None:
        """Move the bar on."""
        self._progress.update(self._task, advance=count, note=note)

    def reach(self, done: int, total: int) -> None:
        """Set the bar to so many of all steps."""
        self._progress.update(self._task, completed=done, total=total, visible=True)


class _StageTask(_RichTask):
    """A piece of a stage's work: its note is behind its name, on the stage's one bar."""

    def __init__(self, progress: Progress, task: TaskID, name: str) -> None:
        super().__init__(progress, task)
        self._name = name

    def advance(self, count: int = 1, note: str = "") -> None:
        """Move the stage's bar on and name the work beside it."""
        super().advance(count, f"{self._name}  {note}")


class RichReporter:
    """Progress bars on standard error, so that standard output stays clean for ``--json``."""

    def __init__(self) -> None:
        self._reported: set[str] = set()
        self._stage: tuple[Progress, TaskID] | None = None

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """One bar for the length of a ``with`` block, whatever tasks are in it; none is left of a block without any."""
        with _progress() as progress:
            row = progress.add_task(name, total=None, note="", visible=False)
            self._stage = progress, row
            try:
                yield
            finally:
                self._stage = None

    @contextmanager
    def task(self, description: str, total: int | None) -> Iterator[_RichTask]:
        """A progress bar for the length of a ``with`` block; within a stage, its turn on the stage's bar."""
        if self._stage is None:
            with _progress() as progress:
                row = progress.add_task(description, total=total, note="", visible=total is not None)
                yield _RichTask(progress, row)
            return
        progress, row = self._stage
        progress.update(row, total=total, completed=0, note=description, visible=True if total is not None else None)
        yield _StageTask(progress, row, description)

    def note(self, text: str) -> None:
        """One line, each text once."""
        if text not in self._reported:
            self._reported.add(text)
            err.print(f"[yellow]note[/] {_escape(text)}", soft_wrap=True)


def one_bar(reporter: Reporter, name: str) -> AbstractContextManager[None]:
    """What shows one bar for a stage called ``name``; nothing where the reporter shows none."""
    return reporter.stage(name) if isinstance(reporter, RichReporter) else nullcontext()


@contextmanager
def friendly_errors() -> Iterator[None]:
    """Turn a :class:`KwsError` into a message and exit code 2, and an interrupt into exit code 130."""
    warnings.showwarning = _as_note
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
        err.print(f"[bold red]error[/] {_escape(_reported_by_the_system(error))}", soft_wrap=True)
        sys.exit(2)
    except KeyboardInterrupt:
        interrupted()


def _as_note(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
    """Warnings of this package are notes, without the line of code; others are for whoever develops with them."""
    if issubclass(category, RuntimeWarning):
        err.print(f"[yellow]note[/] {_escape(' '.join(str(message).split()))}", soft_wrap=True)


def interrupted() -> NoReturn:
    """Say that nothing is lost, and leave as a command does that was stopped by Ctrl-C."""
    err.print("[yellow]interrupted[/] run the same command again to go on from here")
    sys.exit(130)


def _reported_by_the_system(error: OSError | MemoryError) -> str:
    if isinstance(error, MemoryError):
        return "there is not enough memory for this; give a smaller file, or fewer of them at a time"
    names = " -> ".join(repr(str(name)) for name in (error.filename, error.filename2) if name is not None)
    reason = error.strerror or error
    return (
        f"{names or 'a file'} cannot be used: {reason}. Check that it exists, its permissions and the free space there"
    )


def _progress() -> Progress:
    """A line of at most 80 columns: name, bar, counts, times, and a note that is cut where there is no room for it."""
    return Progress(
        TextColumn("{task.description:<13}"),
        BarColumn(12),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", table_column=Column(no_wrap=True, overflow="ellipsis")),
        console=err,
    )


class JobsView:
    """One bar for all jobs and one for each that runs; a line for each that has ended."""

    def __init__(self, title: str, total: int) -> None:
        columns = (
            TextColumn("{task.description:<30}"),
            BarColumn(10),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}", table_column=Column(no_wrap=True, overflow="ellipsis")),
        )
        self._progress = Progress(*columns, console=err)
        self._all = self._progress.add_task(title, total=total, note="")
        self._tasks: dict[str, TaskID] = {}
        self._reported: set[str] = set()

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
        if text not in self._reported:
            self._reported.add(text)
            err.print(f"[yellow]note[/] {_escape(text)}", soft_wrap=True)

    def ended(self, job: str, outcome: JobOutcome) -> None:
        """Close it and say how it went."""
        if job in self._tasks:
            self._progress.remove_task(self._tasks.pop(job))
        self._progress.advance(self._all)
        reported = _escape(outcome.result) if isinstance(outcome.result, str) else "done"
        verdict = f"[bold red]{_escape(outcome.error)}[/]" if outcome.error else reported
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
        """Reported again by whoever reads the data next."""

    def ended(self, job: str, outcome: JobOutcome) -> None:
        """Move the bar."""
        self._progress.advance(self._all)


def line(text: str, style: str | None = None, markup: bool = True, stderr: bool = False) -> None:
    """Print one line as it is: a path must not be broken where the terminal ends."""
    (err if stderr else out).print(text, style=style, markup=markup, soft_wrap=True)


def table(title: str, columns: list[str], rows: list[list[str]]) -> None:
    """Print a table; all columns but the first are right-aligned. What is too wide goes on in a second block below."""
    line(title, style="bold", markup=False)
    for block in layout(columns, rows, out.width):
        grid = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
        for i, width in zip(block.columns, block.widths, strict=True):
            justify: JustifyMethod = "left" if i == 0 or _is_text(rows, i) else "right"
            grid.add_column(_escape(broken(columns[i], width)), justify=justify, overflow="fold", width=width)
        for row in rows:
            grid.add_row(*(_escape(row[i]) for i in block.columns))
        out.print(grid)


def _is_text(rows: list[list[str]], column: int) -> bool:
    """Whether a column holds sentences."""
    return any(len(row[column].split()) > 3 for row in rows)


def _escape(text: str) -> str:
    return text.replace("[", r"\[")
