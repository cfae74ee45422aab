"""The processes in which other people's interpreters run: a server that forks one worker for each opened model.

The server is started once by :mod:`kws_tfmot.tflite.isolated`; it has one thread, so that forking it is safe and fast.
A worker answers requests over its socket until it is closed. Messages are a JSON header and raw arrays: nothing that
comes from a worker is ever unpickled.
"""

from __future__ import annotations

import json
import math
import os
import resource
import signal
import socket
import struct
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kws_tfmot.tflite.runtimes import OpenOptions, Runtime, open_runtime, preload

CPU_SECONDS = 30.0  # of one inference, or of opening a model; SIGPROF ends the worker then
MAX_LOG_BYTES = 1 << 20
_MAX_HEADER = 1 << 24
_MAX_ENDED = 1000
_THREAD_BYTES = 256 << 20  # of address space: a stack, and the heap that glibc reserves for a thread

Message = tuple[dict[str, Any], list[np.ndarray]]


class Closed(ConnectionError):
    """The other end has closed the socket."""


def send(connection: socket.socket, header: dict[str, Any], arrays: Sequence[np.ndarray] = ()) -> None:
    """Send a header and arrays; types and shapes travel in the header."""
    described = [[array.dtype.str, list(array.shape)] for array in arrays]
    text = json.dumps({**header, "arrays": described}).encode()
    connection.sendall(struct.pack("<I", len(text)) + text)
    for array in arrays:
        if array.size:
            connection.sendall(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)


def receive(connection: socket.socket) -> Message:
    """What :func:`send` sent.

    Raises:
        Closed: If the other end is gone.
        ValueError: If what came is no such message.
    """
    (length,) = struct.unpack("<I", _exactly(connection, 4))
    if length > _MAX_HEADER:
        raise ValueError(f"a header of {length} bytes")
    header = json.loads(_exactly(connection, length))
    arrays = []
    for dtype, shape in header.pop("arrays"):
        kind = np.dtype(dtype)
        if kind.hasobject:
            raise ValueError(f"an array of {dtype}")
        raw = np.empty(math.prod(shape) * kind.itemsize, np.uint8)
        _into(connection, raw.data)
        arrays.append(raw.view(kind).reshape(shape))
    return header, arrays


def _exactly(connection: socket.socket, count: int) -> bytearray:
    data = bytearray(count)
    _into(connection, memoryview(data))
    return data


def _into(connection: socket.socket, view: memoryview) -> None:
    while view:
        count = connection.recv_into(view)
        if not count:
            raise Closed("the other end is closed")
        view = view[count:]


def serve(control: socket.socket) -> None:
    """Fork a worker for every ``open``, and say of a worker how it ended, until ``control`` is closed."""
    ended: dict[int, int] = {}
    while True:
        data, descriptors, _, _ = socket.recv_fds(control, 1 << 16, 2)
        if not data:
            return
        _reap(ended)
        request = json.loads(data)
        if request["do"] == "open":
            reply = _fork(control, request["kind"], descriptors)
            ended.pop(reply.get("pid", 0), None)  # a number that is used again
        else:
            reply = {"status": _fate(request["pid"], ended, kill=request["kill"])}
        control.sendall(json.dumps(reply).encode() + b"\n")


def _fork(control: socket.socket, kind: str, descriptors: list[int]) -> dict[str, Any]:
    try:
        preload(kind)
    except ImportError as err:
        reply: dict[str, Any] = {"missing": str(err)}
    else:
        reply = {"pid": os.fork()}
        if not reply["pid"]:
            control.close()
            _become_worker(*descriptors)
    for descriptor in descriptors:
        os.close(descriptor)
    return reply


def _reap(ended: dict[int, int]) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        ended[pid] = status
        if len(ended) > _MAX_ENDED:  # of those that were closed nobody asks
            del ended[next(iter(ended))]


def _fate(pid: int, ended: dict[int, int], *, kill: bool) -> int:
    """Wait status of a worker that is gone, or that is made to go."""
    if pid in ended:
        return ended.pop(pid)
    try:
        if kill:
            os.kill(pid, signal.SIGKILL)
        return os.waitpid(pid, 0)[1]
    except (ChildProcessError, ProcessLookupError):
        return 0


def _become_worker(connection_descriptor: int, log_descriptor: int) -> None:
    """Answer requests in this forked process, and leave it."""
    os.dup2(log_descriptor, 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_LOG_BYTES, MAX_LOG_BYTES))
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    code = 1
    try:
        _Worker(socket.socket(fileno=connection_descriptor)).answer()
        code = 0
    except ConnectionError:
        code = 0
    finally:
        os._exit(code)


class _Worker:
    """One opened model and the requests it answers."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._runtime: Runtime | None = None
        self._cpu_seconds = CPU_SECONDS

    def answer(self) -> None:
        """Until the parent closes the socket; errors of the packages go back as text."""
        while True:
            header, arrays = receive(self._connection)
            try:
                reply, results = getattr(self, f"_do_{header.pop('do')}")(arrays, **header)
            except (RuntimeError, ValueError, TypeError, IndexError, KeyError, ImportError, MemoryError) as err:
                reply, results = {"error": type(err).__name__, "message": str(err)}, []
            send(self._connection, reply, results)

    def _do_open(self, arrays: list[np.ndarray], options: dict[str, Any], cpu_seconds: float) -> Message:
        opened = OpenOptions(**options)
        preload(opened.kind)
        limit_memory(opened.memory_bytes, opened.threads)
        self._cpu_seconds = cpu_seconds
        self._rearm()
        self._runtime = open_runtime(arrays[0].tobytes(), opened)
        return {"name": self._runtime.name}, []

    def _rearm(self) -> None:
        signal.setitimer(signal.ITIMER_PROF, self._cpu_seconds)

    @property
    def _opened(self) -> Runtime:
        if self._runtime is None:
            raise RuntimeError("no model is open")
        return self._runtime

    def _do_run(self, arrays: list[np.ndarray], restart: bool) -> Message:
        runtime, rows = self._opened, []
        for samples in zip(*arrays, strict=True):
            self._rearm()
            if restart:
                runtime.reset()
            rows.append(runtime.invoke(samples))
        return {}, [np.stack(column) for column in zip(*rows, strict=True)]

    def _do_time(self, arrays: list[np.ndarray], count: int) -> Message:
        runtime, seconds = self._opened, np.empty(count)
        for turn in range(count):
            self._rearm()
            begun = time.perf_counter()
            runtime.invoke(arrays)
            seconds[turn] = time.perf_counter() - begun
        return {}, [seconds]

    def _do_tensors(self, _: list[np.ndarray], indices: list[int]) -> Message:
        return {}, [np.asarray(self._opened.tensor(index)) for index in indices]

    def _do_reset(self, _: list[np.ndarray]) -> Message:
        self._rearm()
        self._opened.reset()
        return {}, []

    def _do_allocations(self, _: list[np.ndarray]) -> Message:
        self._opened.write_allocations()
        return {}, []


def limit_memory(budget: int, threads: int) -> None:
    """Let this process take at most ``budget`` bytes more than it has now."""
    try:
        pages = Path("/proc/self/statm").read_text().split()
    except OSError:  # no Linux
        return
    size = resource.getpagesize()
    for kind, now, extra in (
        (resource.RLIMIT_DATA, int(pages[5]), 0),
        (resource.RLIMIT_AS, int(pages[0]), threads * _THREAD_BYTES),
    ):
        hard = resource.getrlimit(kind)[1]
        wanted = now * size + budget + extra
        limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(kind, (limit, limit))


def main() -> None:
    """Entry point of the server: the descriptor of its control socket is the first argument."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    serve(socket.socket(fileno=int(sys.argv[1])))


if __name__ == "__main__":
    main()
