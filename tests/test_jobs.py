"""Jobs, here and in worker processes: order, failures, a worker that dies, an interruption."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from kws_tfmot.errors import DataError
from kws_tfmot.jobs import Job, JobOutcome, keep_traces, run_jobs
from kws_tfmot.source_changes import changed_source

HANGS = 300.0  # seconds after which a test that hangs is given up; nothing is judged by it


class Log:
    """Keeps what the jobs tell."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.over: list[str] = []
        self.progress: list[tuple] = []
        self.notes: list[str] = []

    def began(self, job: str) -> None:
        self.begun.append(job)

    def progressed(self, *message: object) -> None:
        self.progress.append(message)

    def noted(self, text: str) -> None:
        self.notes.append(text)

    def ended(self, job: str, outcome: JobOutcome) -> None:
        self.over.append(job)


def double(value: int, reporter) -> int:
    reporter.note(f"doubling {value}")
    with reporter.task("doubling", 2) as task:
        task.advance(2, "fast")
    return 2 * value


def refuse(reporter) -> None:
    raise DataError("no clips.", "Add some.")


def fail(reporter) -> None:
    raise ValueError("unforeseen")


def die(reporter) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def threads(reporter) -> str | None:
    return os.environ.get("TF_NUM_INTRAOP_THREADS")


def leave_a_file(reporter) -> str:
    return tempfile.mkstemp()[1]


def sleep_for_ever(path: str, reporter) -> None:
    temporary = Path(path)
    temporary.write_text(str(os.getpid()))
    try:
        time.sleep(600)
    finally:
        temporary.unlink()


@pytest.mark.parametrize("workers", [1, 2])
def test_jobs_wait_for_what_they_need_and_failures_stay_alone(workers: int) -> None:
    log = Log()
    jobs = [
        Job("one", double, (1,)),
        Job("refused", refuse),
        Job("failed", fail, after=("refused",)),
        Job("lost", double, (2,), needs=("one", "failed")),
        Job("late", double, (3,), needs=("one",), after=("failed", "lost")),
    ]
    outcomes = run_jobs(jobs, workers, 1, log)
    assert outcomes["one"].result == 2
    assert outcomes["late"].result == 6
    assert outcomes["refused"].error == "no clips.\nAdd some."
    assert outcomes["refused"].trace == ""
    assert outcomes["failed"].error == "ValueError: unforeseen"
    assert "in fail" in outcomes["failed"].trace
    assert outcomes["lost"].error == "not done, since failed failed"
    assert "lost" not in log.begun
    assert set(log.over) == {job.name for job in jobs}
    assert log.over.index("failed") < log.over.index("late")
    assert ("one", "doubling", 2, 2, "fast") in log.progress
    assert "doubling 3" in log.notes


def test_tracebacks_of_faults_are_kept_until_the_job_succeeds(tmp_path: Path) -> None:
    failed = run_jobs([Job("part/1", fail), Job("refused", refuse)], 1, 1, Log())
    assert str(tmp_path / "part 1.txt") in keep_traces(failed, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["part 1.txt"]
    assert "in fail" in (tmp_path / "part 1.txt").read_text()
    assert keep_traces(run_jobs([Job("part/1", double, (1,))], 1, 1, Log()), tmp_path) == ""
    assert not list(tmp_path.iterdir())


def test_a_worker_that_dies_loses_only_its_job() -> None:
    jobs = [Job("dead", die), *(Job(f"job{i}", double, (i,)) for i in range(3)), Job("threads", threads)]
    jobs.append(Job("temporary", leave_a_file))
    outcomes = run_jobs(jobs, 2, 1, Log())
    assert "exit code -9" in outcomes["dead"].error
    assert [outcomes[f"job{i}"].result for i in range(3)] == [0, 2, 4]
    assert outcomes["threads"].result == "1"
    assert not Path(outcomes["temporary"].result).exists()  # it went with its worker


def test_a_fault_of_a_program_that_was_changed_as_it_ran_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kws_tfmot.jobs.changed_source", lambda: "kws_tfmot/data/audio.py")
    outcomes = run_jobs([Job("fault", fail), Job("refusal", refuse)], 1, 1, Log())
    assert outcomes["fault"].error.startswith("ValueError: unforeseen (kws_tfmot/data/audio.py was changed while")
    assert outcomes["refusal"].error == "no clips.\nAdd some."


def test_what_was_written_last_is_found_where_it_is_newer(tmp_path: Path) -> None:
    for package, when in (("kws_tfmot/data", 50), ("pipelines", 70), ("elsewhere", 90)):
        (tmp_path / package).mkdir(parents=True)
        (tmp_path / package / "one.py").write_text("")
        os.utime(tmp_path / package / "one.py", (when, when))
    assert [changed_source(since, tmp_path) for since in (60, 70)] == ["pipelines/one.py", ""]


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGKILL])
def test_no_worker_outlives_an_interruption(tmp_path: Path, kind: signal.Signals) -> None:
    marks = [tmp_path / "a", tmp_path / "b"]
    script = (
        "from kws_tfmot.jobs import Job, run_jobs\nfrom tests.test_jobs import Log, sleep_for_ever\n"
        "if __name__ == '__main__':\n"
        f"    run_jobs([Job(p, sleep_for_ever, (p,)) for p in {[str(mark) for mark in marks]!r}], 2, 1, Log())\n"
    )
    root = Path(__file__).resolve().parent.parent
    (tmp_path / "main.py").write_text(script)
    environment = os.environ | {"PYTHONPATH": str(root)}
    started = subprocess.Popen(
        [sys.executable, tmp_path / "main.py"],
        cwd=root,
        env=environment,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background job ignores it
    )
    _wait(lambda: all(mark.is_file() and mark.read_text() for mark in marks))
    workers = [int(mark.read_text()) for mark in marks]
    started.send_signal(kind)
    started.communicate(timeout=HANGS)
    _wait(lambda: not any(mark.exists() for mark in marks))  # they cleaned up
    _wait(lambda: not any(_is_running(worker) for worker in workers))


def _wait(condition) -> None:
    until = time.monotonic() + HANGS
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def _is_running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().split(") ")[1][0] != "Z"
    except OSError:
        return False


STARTS = """
import sys
from kws_tfmot.jobs import Job, run_jobs
from tests.test_jobs import Log, linger
if __name__ == "__main__":
    print("begun", flush=True)
    try:
        run_jobs([Job(str(number), linger) for number in range(2)], 2, 1, Log())
    except KeyboardInterrupt:
        sys.exit(130)
"""


def linger(reporter) -> None:
    time.sleep(HANGS)


@pytest.mark.parametrize("moment", [0.05, 0.16, 0.25])
def test_workers_that_are_only_starting_end_without_a_word_at_ctrl_c(tmp_path: Path, moment: float) -> None:
    script = tmp_path / "starts.py"
    script.write_text(STARTS)
    paths = os.pathsep.join([str(Path(__file__).parent.parent), *sys.path])
    process = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True, env={**os.environ, "PYTHONPATH": paths},
    )  # fmt: skip
    assert process.stdout is not None and process.stdout.readline() == "begun\n"
    time.sleep(moment)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of them
    assert process.communicate(timeout=HANGS)[1] == "" and process.returncode == 130
