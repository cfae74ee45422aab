"""Where a figure comes from: the versions that made it, and the commit."""

from __future__ import annotations

import functools
import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

_PACKAGES = (
    "kws-tfmot",
    "tensorflow",
    "tf_keras",
    "tensorflow-model-optimization",
    "numpy",
    "ai-edge-litert",
    "tflite-micro",
    "tflite-runtime",
)


def versions() -> dict[str, str]:
    """Python and the packages that decide a result; packages that are not installed are left out."""
    found = {"python": platform.python_version(), "machine": platform.machine()}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def commit_of(folder: Path) -> str:
    """The commit checked out in ``folder``, with ``+changes`` where files differ from it; empty outside git."""

    def git(*arguments: str) -> str:
        """What git answers; empty where it fails."""
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else ""

    commit = git("rev-parse", "HEAD")
    return commit + ("+changes" if commit and git("status", "--porcelain", "--untracked-files=no") else "")


@functools.cache
def own_commit() -> str:
    """The commit of this package's own sources, as :func:`commit_of`; empty where they are installed from a wheel."""
    folder = Path(__file__).resolve().parent
    tracked = ["git", "-C", str(folder), "ls-files", "--error-unmatch", Path(__file__).name]
    if subprocess.run(tracked, capture_output=True, check=False).returncode:
        return ""  # an environment may lie inside the repository of something else
    return commit_of(folder)


@functools.cache
def _own_versions() -> dict[str, str]:
    return versions()


def training_threads() -> int:
    """TensorFlow's threads for one operation: another number adds up in another order, and gives another model."""
    return int(os.environ.get("TF_NUM_INTRAOP_THREADS") or 0) or len(os.sched_getaffinity(0))


def environment() -> dict[str, str]:
    """Whatever besides sources and inputs decides a result: Python, the interpreters and packages, and the threads."""
    return _own_versions() | {"threads": str(training_threads())}
