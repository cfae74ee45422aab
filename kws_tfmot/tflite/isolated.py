"""An opened model in a process of its own: what kills an interpreter there is an error here.

One server is started when the first model is opened, and forks a worker for each (:mod:`kws_tfmot.tflite.worker`).
Opening costs some milliseconds, a batch one message to and fro. A worker may take so much processor time for one
inference and so much memory; beyond that it is ended.
"""

from __future__ import annotations

import atexit
import contextlib
import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kws_tfmot.errors import ModelError, ToolchainError, install_extra
from kws_tfmot.tflite import worker
from kws_tfmot.tflite.runtimes import OpenOptions

WALL_SECONDS = 1800.0  # a worker that is silent for so long hangs without using its processor time
MAX_BATCH_BYTES = 1 << 24
_START = "import json, os, sys; sys.path[:] = json.loads(os.environ.pop('KWS_WORKER_PATH')); "
_START += "from kws_tfmot.tflite.worker import main; main()"
_INSTALL = install_extra("tflite-runtime") + " It has wheels for CPython 3.10 and 3.11 only."
_ANOTHER = "The file is corrupt, or meets a fault of this interpreter: make it again, or try another interpreter."


class IsolatedModel:
    """A model opened in a worker process.

    Args:
        model: Bytes of a ``.tflite``.
        options: How to open it.
        label: What to call the model in errors: its path, or its size and hash.
        cpu_seconds: Processor time for opening it, and for one inference.

    Raises:
        ModelError: If the interpreter refuses the model, or dies of it.
        ToolchainError: If the interpreter's package is not installed, or no process can be started.
    """

    def __init__(self, model: bytes, options: OpenOptions, label: str, cpu_seconds: float = worker.CPU_SECONDS) -> None:
        self._label = label
        self._kind = self.name = options.kind
        self._cpu_seconds = cpu_seconds
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the worker
        self._connection, theirs = socket.socketpair()
        self._connection.settimeout(WALL_SECONDS)
        try:
            self._pid = _server().open(options.kind, theirs, self._log.fileno())
        finally:
            theirs.close()
        self._finalizer = weakref.finalize(self, _close, self._connection, self._log)
        request = {"do": "open", "options": dataclasses.asdict(options), "cpu_seconds": cpu_seconds}
        header, _ = self._ask(request, [np.frombuffer(model, np.uint8)], "opened")
        self.name = str(header["name"])

    def run(self, inputs: Sequence[np.ndarray], *, restart: bool) -> list[np.ndarray]:
        """Every output ``[N, *shape]`` of every input ``[N, *shape]``, one inference each.

        Args:
            inputs: One array for each input of the model, at least one sample; shapes are the tensors' own.
            restart: Reset the model's state before every inference.
        """
        rows = sum(array[:1].nbytes for array in inputs)
        step = max(1, MAX_BATCH_BYTES // max(rows, 1))
        parts = [
            self._ask({"do": "run", "restart": restart}, [array[first : first + step] for array in inputs], "ran")[1]
            for first in range(0, len(inputs[0]), step)
        ]
        return [np.concatenate(column) for column in zip(*parts, strict=True)]

    def time(self, samples: Sequence[np.ndarray], count: int) -> np.ndarray:
        """Seconds of each of ``count`` inferences on one sample of every input, measured beside the interpreter."""
        return self._ask({"do": "time", "count": count}, samples, "ran")[1][0]

    def tensors(self, indices: Sequence[int]) -> list[np.ndarray]:
        """Tensors after the last inference."""
        return self._ask({"do": "tensors", "indices": list(indices)}, [], "was asked for tensors of")[1]

    def reset(self) -> None:
        """Bring all state back to where it was when the model was opened."""
        self._ask({"do": "reset"}, [], "reset")

    def allocations(self) -> str:
        """What the interpreter writes when it is asked for its memory."""
        self._ask({"do": "allocations"}, [], "counted the memory of")
        return self._written()

    def _ask(self, header: dict[str, Any], arrays: Sequence[np.ndarray], verb: str) -> worker.Message:
        if not self._finalizer.alive:
            raise ModelError(f"{self.name}, which ran the model ({self._label}), has ended.", "Open the model again.")
        os.ftruncate(self._log.fileno(), 0)
        os.lseek(self._log.fileno(), 0, os.SEEK_SET)
        try:
            worker.send(self._connection, header, arrays)
            reply, results = worker.receive(self._connection)
        except (OSError, ValueError, KeyError, TypeError, MemoryError) as err:
            raise self._obituary(err, verb) from None
        except BaseException:  # interrupted between question and answer: the two would never fit again
            self._finalizer()
            raise
        if "error" in reply:
            raise self._refusal(str(reply["error"]), str(reply["message"]), verb)
        return reply, results

    def _refusal(self, kind: str, message: str, verb: str) -> ModelError | ToolchainError:
        reason = " ".join(f"{message} {self._written()}".split())[:1000]
        if kind in ("ImportError", "ModuleNotFoundError"):
            return ToolchainError(f"the interpreter {self._kind!r} is not installed: {reason}.", _INSTALL)
        if kind == "MemoryError":
            reason = "it takes more memory than a model of this size may"
        what = "cannot open the model" if verb == "opened" else "failed on the model"
        return ModelError(
            f"{self.name} {what} ({self._label}): {reason or kind}",
            "Another interpreter may take it; for all of them convert it again without what this one names.",
        )

    def _obituary(self, err: BaseException, verb: str) -> ModelError:
        """The error for a worker that is gone, hangs, or talks nonsense."""
        hangs = isinstance(err, TimeoutError)
        status = _server().fate(self._pid, kill=not isinstance(err, ConnectionError))
        words = " ".join(self._written().split())[-300:]
        self._finalizer()
        number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        if hangs or number == signal.SIGPROF:
            reason = f"was stopped: one step took more than {self._cpu_seconds:g} s of processor time"
        else:
            reason = f"died ({signal.Signals(number).name if number else f'exit {os.WEXITSTATUS(status)}'})"
        said = f"; its last words: {words}" if words else ""
        return ModelError(f"{self.name} {reason} as it {verb} the model ({self._label}){said}.", _ANOTHER)

    def _written(self) -> str:
        """What the worker wrote to its standard error since the last question."""
        return os.pread(self._log.fileno(), worker.MAX_LOG_BYTES, 0).decode("utf-8", "replace")


def _close(connection: socket.socket, log: Any) -> None:
    connection.close()
    log.close()


class _Server:
    """The process that forks workers; one for each process that opens models."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._control, theirs = socket.socketpair()
        self._control.settimeout(WALL_SECONDS)
        environment = os.environ | {
            "KWS_WORKER_PATH": json.dumps([str(Path(path).absolute()) for path in sys.path]),
            "OPENBLAS_NUM_THREADS": "1",  # a thread of OpenBLAS would not survive the fork
            "OMP_NUM_THREADS": "1",
        }
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the server
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _START, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._log,
                env=environment,
                start_new_session=True,  # Ctrl-C is this process's own affair
            )
        atexit.register(self.close)

    def open(self, kind: str, connection: socket.socket, log: int) -> int:
        """Process id of a new worker that speaks over ``connection``."""
        reply = self._ask({"do": "open", "kind": kind}, [connection.fileno(), log])
        if "missing" in reply:
            raise ToolchainError(f"the interpreter {kind!r} is not installed: {reply['missing']}.", _INSTALL)
        return int(reply["pid"])

    def fate(self, pid: int, *, kill: bool) -> int:
        """Wait status of a worker."""
        return int(self._ask({"do": "fate", "pid": pid, "kill": kill}, [])["status"])

    def _ask(self, request: dict[str, Any], descriptors: list[int]) -> dict[str, Any]:
        with self._lock:
            try:
                socket.send_fds(self._control, [json.dumps(request).encode()], descriptors)
                answer = b""
                while not answer.endswith(b"\n"):
                    part = self._control.recv(4096)
                    if not part:
                        raise worker.Closed("closed")
                    answer += part
            except OSError:
                words = os.pread(self._log.fileno(), worker.MAX_LOG_BYTES, 0).decode("utf-8", "replace")[-500:]
                self.close()
                raise ToolchainError(
                    f"the process that runs interpreters cannot be started: {words}",
                    "It needs memory and a place for temporary files: free some, or set TMPDIR to another folder.",
                ) from None
        return json.loads(answer)

    @property
    def alive(self) -> bool:
        """Whether it was started by this very process and still runs."""
        return self._process.poll() is None

    def close(self) -> None:
        """End it; workers that are open go on until they are closed."""
        self._control.close()
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            self._process.wait(10)


_servers: dict[int, _Server] = {}  # by process: one that was forked from this must not share its socket
_starting = threading.Lock()


def _server() -> _Server:
    with _starting:
        found = _servers.get(os.getpid())
        if found is None or not found.alive:
            _servers.clear()
            found = _servers[os.getpid()] = _Server()
        return found
