"""Running compilers and emulators, and what they say of themselves."""

from __future__ import annotations

import functools
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from kws_tfmot.errors import ToolchainError


def run_tool(
    command: list[str],
    what: str,
    cwd: Path | None = None,
    timeout: float = 300.0,
    env: Mapping[str, str] | None = None,
) -> str:
    """Run a tool and return its output; ``env`` is added to this process's environment.

    Raises:
        ToolchainError: With the first lines of what it said, if it fails or takes too long.
    """
    try:
        result = subprocess.run(
            command,
            capture_output=True,
            text=True,
            cwd=cwd,
            timeout=timeout,
            check=False,
            env={**os.environ, **(env or {})},
        )
    except (OSError, subprocess.TimeoutExpired) as err:
        raise ToolchainError(f"{what}: {err}", f"See that {command[0]} runs here.") from err
    if result.returncode != 0:
        said = "\n".join((result.stderr or result.stdout).strip().splitlines()[:12])
        raise ToolchainError(
            f"{what} failed with exit code {result.returncode}:\n{said}",
            f"See that the versions of {command[0]} and of the sources fit each other.",
        )
    return result.stdout


@functools.cache
def version_of(*command: str) -> str:
    """First line of what a tool says of its version, asked once.

    Raises:
        ToolchainError: If it does not run.
    """
    return run_tool([*command, "--version"], command[0]).splitlines()[0]
