"""Jobs that depend on each other, here or in worker processes; one that fails does not stop the others."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Protocol

from kws_tfmot.errors import KwsError
from kws_tfmot.files import write_text
from kws_tfmot.progress import Reporter, Task
from kws_tfmot.source_changes import changed_source

_LEAST_SECONDS = 0.2  # between two messages about the same task
_LAST_WISH = 10.0  # seconds a worker gets to clean up


@dataclass(frozen=True)
class Job:
    """``work(*arguments, reporter)``, where all of it can be pickled.

    Attributes:
        name: Its name; every job has its own.
        work: A function of a module.
        arguments: What it is called with.
        needs: Jobs that must have succeeded before; if one has not, this one fails.
        after: Jobs that must have ended before, well or not.
    """

    name: str
    work: Callable[..., Any]
    arguments: tuple[Any, ...] = ()
    needs: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


@dataclass(frozen=True)
class JobOutcome:
    """What a job returned, or why it failed; ``trace`` is empty for a :class:`~kws_tfmot.errors.KwsError`."""

    result: Any = None
    error: str = ""
    trace: str = ""
    seconds: float = 0.0


class Watch(Protocol):
    """Who is informed how the jobs go."""

    def began(self, job: str) -> None:
        """A job has begun."""

    def progressed(self, job: str, description: str, done: int, total: int | None, note: str) -> None:
        """A task of a job has come to ``done`` of ``total``."""

    def noted(self, text: str) -> None:
        """Something worth knowing that is not an error."""

    def ended(self, job: str, outcome: JobOutcome) -> None:
        """A job has ended."""


def run_jobs(jobs: Sequence[Job], workers: int, threads: int, watch: Watch) -> dict[str, JobOutcome]:
    """Run every job whose ``needs`` can be met, in the given order as far as they depend on nothing.

    With one worker the jobs run in this process. Otherwise each worker is a process of its own: when it dies, its job
    has failed, and another takes its place.

    Args:
        jobs: In the order in which they should be done; they name earlier ones only.
        workers: Processes at once.
        threads: Threads that TensorFlow may use in each worker process; 0 leaves it the choice.
        watch: Is informed of everything.

    Returns:
        The outcome of every job by its name.
    """
    board = JobQueue(list(jobs), watch)
    if workers == 1:
        while (job := board.take()) is not None:
            board.done(job, attempt(job, lambda kind, *rest, name=job.name: relay(watch, name, kind, rest)))
        return board.outcomes
    pool = [_Worker(threads) for _ in range(min(workers, len(board.waiting)))]
    try:
        while True:
            for worker in pool:
                if worker.job is None and (job := board.take()) is not None:
                    worker.begin(job)
            busy = {worker.connection: worker for worker in pool if worker.job is not None}
            if not busy:
                return board.outcomes
            for connection in wait(list(busy)):
                busy[connection].listen(board, watch)  # type: ignore[index]
    finally:
        for worker in pool:
            worker.process.terminate()
        for worker in pool:
            worker.end()


def keep_traces(outcomes: Mapping[str, JobOutcome], folder: Path) -> str:
    """Write the tracebacks of the jobs that failed with what is no refusal to ``folder``, and remove those of before.

    Returns:
        A sentence that says where they are; nothing where there are none.
    """
    kept = []
    for name, outcome in outcomes.items():
        path = folder / f"{name.replace('/', ' ')}.txt"
        if outcome.trace:
            kept.append(write_text(path, outcome.trace))
        else:
            path.unlink(missing_ok=True)
    return f"This is a fault of the program: its traceback is in {kept[0]}." if kept else ""


class JobQueue:
    """Which jobs wait, and how the others ended."""

    def __init__(self, jobs: list[Job], watch: Watch) -> None:
        self.waiting = jobs
        self.outcomes: dict[str, JobOutcome] = {}
        self._watch = watch

    def take(self) -> Job | None:
        """The next job that can begin."""
        for job in list(self.waiting):
            failed = [name for name in job.needs if self.outcomes.get(name, JobOutcome()).error]
            if failed:
                self.waiting.remove(job)
                self.done(job, JobOutcome(error=f"not done, since {', '.join(failed)} failed"))
            elif all(name in self.outcomes for name in (*job.needs, *job.after)):
                self.waiting.remove(job)
                self._watch.began(job.name)
                return job
        return None

    def done(self, job: Job, outcome: JobOutcome) -> None:
        """Note how a job ended; of a fault, whether the program was changed under it (an update, another commit)."""
        if outcome.trace and (path := changed_source()):
            said = f"{outcome.error} ({path} was changed while the program ran, which may be why: run it again)"
            outcome = replace(outcome, error=said)
        self.outcomes[job.name] = outcome
        self._watch.ended(job.name, outcome)


class _Worker:
    """A worker process as its parent sees it."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self.job: Job | None = None
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")  # TensorFlow does not survive a fork
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, self._threads), daemon=True)
        with starting_processes():
            self.process.start()
        theirs.close()

    def begin(self, job: Job) -> None:
        """Hand a job to the process."""
        self.job = job
        self.connection.send(job)

    def listen(self, board: JobQueue, watch: Watch) -> None:
        """Take one message; a broken connection means that the process has died."""
        job = self.job
        if job is None:
            return
        try:
            kind, *rest = self.connection.recv()
        except (EOFError, OSError):
            self.end()
            board.done(job, JobOutcome(error=f"the process ended with exit code {self.process.exitcode}"))
            self.job = None
            self._start()
            return
        if kind == "outcome":
            self.job = None
            board.done(job, rest[0])
        else:
            relay(watch, job.name, kind, rest)

    def end(self) -> None:
        """Wait a moment for the process to end by itself, then kill it."""
        self.process.join(_LAST_WISH)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.connection.close()


def relay(watch: Watch, job: str, kind: str, rest: Sequence[Any]) -> None:
    """Hand a message of :func:`attempt` to ``watch``."""
    if kind == "progress":
        watch.progressed(job, *rest)
    else:
        watch.noted(*rest)


@contextmanager
def starting_processes() -> Iterator[None]:
    """Processes started in it never see Ctrl-C, which is their parent's to handle, and it not before all are started.

    Else an interrupt would end one with a traceback where it still imports modules, or reads what its parent, itself
    interrupted, has written half of.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # which lets signals in again where it starts here
    came: list[int] = []
    main = threading.current_thread() is threading.main_thread()
    # The mask is what processes inherit; the parent's other threads, which have another, would still wake its handler.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    handler = signal.signal(signal.SIGINT, lambda number, _: came.append(number)) if main else None
    try:
        yield
    finally:
        if main:
            signal.signal(signal.SIGINT, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if came:
            signal.raise_signal(signal.SIGINT)


def _serve(connection: Connection, threads: int) -> None:
    """The life of a worker process: jobs come in, messages and outcomes go out."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # where no signal could be blocked
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that temporary files are removed
    limit_threads(threads)
    threading.Thread(target=follow_parent, daemon=True).start()
    # Such a process ends without the functions that TensorFlow and others leave to delete their temporary files.
    with tempfile.TemporaryDirectory(prefix="kws-worker-", ignore_cleanup_errors=True) as folder:
        tempfile.tempdir = os.environ["TMPDIR"] = folder
        with suppress(EOFError, OSError):
            while True:
                job = connection.recv()
                connection.send(("outcome", attempt(job, lambda *message: connection.send(message))))


def follow_parent() -> None:
    """End this worker process when its parent has ended, however that came; to be run by a daemon thread."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


def limit_threads(threads: int) -> None:
    """Let TensorFlow, which must not be imported yet, use so many threads in this process; 0 leaves it the choice."""
    if threads:
        for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"):
            os.environ[name] = str(threads)


def attempt(job: Job, tell: Callable[..., None]) -> JobOutcome:
    """Do ``job`` here; what it reports goes to ``tell(kind, *rest)``, and an exception becomes its outcome."""
    began = time.monotonic()
    try:
        result = job.work(*job.arguments, _Telling(tell))
    except KwsError as error:
        return JobOutcome(error=str(error), seconds=time.monotonic() - began)
    except Exception as error:
        trace = traceback.format_exc()
        return JobOutcome(error=f"{type(error).__name__}: {error}", trace=trace, seconds=time.monotonic() - began)
    return JobOutcome(result, seconds=time.monotonic() - began)


class _Telling(Reporter):
    """A reporter that passes everything on as messages."""

    def __init__(self, tell: Callable[..., None]) -> None:
        self._tell = tell

    @contextmanager
    def task(self, description: str, total: int | None) -> Iterator[Task]:
        """A task whose steps are sent to the parent process."""
        yield _TellingTask(self._tell, description, total)

    def note(self, text: str) -> None:
        """Send a note to the parent process."""
        self._tell("note", text)


class _TellingTask:
    def __init__(self, tell: Callable[..., None], description: str, total: int | None) -> None:
        self._tell, self._description, self._total = tell, description, total
        self._done, self._reported_at, self._note = 0, 0.0, ""
        self._say()

    def advance(self, count: int = 1, note: str = "") -> None:
        """Count steps as done and send how far the task is."""
        self._done += count
        self._note = note
        self._say()

    def reach(self, done: int, total: int) -> None:
        """Send that so many of all steps are done."""
        self._done, self._total = done, total
        self._say()

    def _say(self) -> None:
        now = time.monotonic()
        if now - self._reported_at >= _LEAST_SECONDS or self._done == self._total:
            self._reported_at = now
            self._tell("progress", self._description, self._done, self._total, self._note)
