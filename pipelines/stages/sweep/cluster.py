"""Ray on the cores of this computer, or a connection to a cluster: quiet, and without leaving files behind."""

from __future__ import annotations

import importlib
import logging
import os
import secrets
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kws_tfmot.errors import KwsError, RecipeError, ToolchainError, install_extra

_REACHED_WITHIN = 5.0  # seconds
_ATTEMPTS = 3
_OBJECTS = 200 * 2**20  # bytes of Ray's object store; only plans and rows pass through it
_FOLDER = "kws-ray-"
_LONGEST_PLACE = 18  # bytes of a path to which Ray adds up to 89; that of a socket may have 107
_MARK = "KWS_SWEEP_PROCESS"
# Ray reads these when it is imported or started.
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_worker_niceness": "0",  # workers have the priority of the command
    "RAY_enable_worker_prestart": "0",
    "RAY_prestart_worker_first_driver": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # an interrupt is the command's to handle
    "TUNE_WARN_THRESHOLD_S": "1000",
}


def require_ray() -> None:
    """Refuse at once where Ray Tune is not installed, and keep it quiet where it is.

    Raises:
        ToolchainError: If it is not installed.
    """
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    try:
        importlib.import_module("ray.tune")
    except ImportError as error:
        raise ToolchainError(
            f"this needs Ray Tune, which is not installed ({error}).", install_extra("sweep")
        ) from None
    logging.getLogger("ray").setLevel(logging.ERROR)


@contextmanager
def cluster(address: str, workers: int, cores: int) -> Iterator[None]:
    """Work with Ray for the length of a ``with`` block.

    Args:
        address: ``HOST:PORT`` of a cluster's head, or ``auto`` for the cluster that this computer belongs to; empty for
            a cluster of this computer alone, which ends with the block.
        workers: Workers at once on this computer alone; a cluster has as many as fit its cores.
        cores: Cores of each worker.

    Raises:
        ToolchainError: If Ray is not installed or cannot be started.
        RecipeError: If the cluster cannot be reached, or none of its nodes has enough cores.
    """
    require_ray()
    import ray

    folder: Path | None = None
    try:
        if address:
            _join(address)
        else:
            _remove_leftovers()
            folder = Path(tempfile.mkdtemp(prefix=f"{_FOLDER}{os.getpid()}-", dir=_place()))
            _start(folder, workers * cores)
        most = max((int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]), default=0)
        if most < cores:
            raise RecipeError(f"expected at most {most} cores for a worker, as the largest node has. Received: {cores}")
        yield
    finally:
        ray.shutdown()
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def _place() -> Path:
    """Where Ray's folder goes: the system's place for temporary files, unless sockets there had too long a path."""
    usual = Path(tempfile.gettempdir())
    return usual if len(os.fsencode(usual)) <= _LONGEST_PLACE else Path("/tmp")


def _start(folder: Path, cores: int) -> None:
    import ray

    os.environ.update(_local_access() | {_MARK: str(os.getpid())})
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            ray.init(
                address="local",
                num_cpus=cores,
                num_gpus=0,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
                object_store_memory=_OBJECTS,
                _node_ip_address="127.0.0.1",
                _temp_dir=str(folder),
            )
            return
        except Exception as error:  # Ray raises a bare one where a busy computer takes too long
            ray.shutdown()
            if attempt == _ATTEMPTS:
                raise ToolchainError(
                    f"Ray cannot be started, {_ATTEMPTS} times: {explain(error)}",
                    f"See that there is free space in {_place()} and /dev/shm, and that the computer is not too busy.",
                ) from None


def _local_access() -> dict[str, str]:
    """A password of this run's own, so that no other user of this computer can send it work, where none is set."""
    if {"RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"} & os.environ.keys():
        return {}
    return {"RAY_AUTH_TOKEN": secrets.token_hex(32)}  # Ray then turns its check on by itself


def _join(address: str) -> None:
    import ray

    if address != "auto":
        _reach(address)
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, RuntimeError, ValueError) as error:
        raise RecipeError(
            f"the cluster at {address!r} cannot be joined: {error}",
            "Start it with `ray start --head`, and join it here with `ray start --address=HOST:PORT`, from the same "
            "virtual environment; if it has a token, with RAY_AUTH_MODE=token in every shell.",
        ) from None


def _reach(address: str) -> None:
    host, separator, port = address.rpartition(":")
    if not separator or not port.isdigit() or "/" in host:
        raise RecipeError(
            f"expected the address of a cluster as HOST:PORT, or auto. Received: {address!r}",
            "Run the command on a node of the cluster, with the address that `ray start --head` printed.",
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), _REACHED_WITHIN).close()
    except (OSError, OverflowError) as error:
        raise RecipeError(
            f"no cluster answers at {address!r}: {error}.", "Start one with `ray start --head`, and see its firewall."
        ) from None


def _remove_leftovers() -> None:
    """End the processes, and remove the folders, of runs that were killed before they could."""
    for folder in _place().glob(f"{_FOLDER}*"):
        process = folder.name.removeprefix(_FOLDER).partition("-")[0]
        if process.isdigit() and not Path(f"/proc/{process}").exists():
            for orphan in _started_by(process):
                with suppress(OSError):
                    os.kill(orphan, signal.SIGKILL)
            shutil.rmtree(folder, ignore_errors=True)


def _started_by(process: str) -> Iterator[int]:
    """Processes that a run has started, known by what they have in their environment."""
    mark = f"{_MARK}={process}".encode()
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if mark in path.read_bytes().split(b"\0"):
                yield int(path.parent.name)


def explain(error: BaseException) -> str:
    """What a person should know of an error of Ray's.

    >>> explain(ValueError("a\\n\\nlong story"))
    'ValueError: a'
    """
    lines = str(error).strip().splitlines() or [""]
    return str(error) if isinstance(error, KwsError) else f"{type(error).__name__}: {lines[0]}"
