"""Where a figure comes from: the versions that made it, and the commit."""

from __future__ import annotations

import importlib.metadata
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
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else ""

    commit = git("rev-parse", "HEAD")
    return commit + ("+changes" if commit and git("status", "--porcelain", "--untracked-files=no") else "")
