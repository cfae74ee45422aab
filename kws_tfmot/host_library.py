"""C sources as a library of this computer: compiled once, cached by content, loaded through ctypes."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from kws_tfmot.errors import ToolchainError
from kws_tfmot.files import cache_root, sha256_bytes
from kws_tfmot.spare_cache import keep, kept

# Products are not fused with sums, so that floating point gives the same bits on every processor.
FLAGS = ("-std=c11", "-O3", "-ffp-contract=off", "-fPIC", "-shared", "-fvisibility=default")


def build_library(name: str, folder: Path, flags: Sequence[str] = FLAGS, also: Sequence[Path] = ()) -> Path:
    """Path of the library of all sources in ``folder``, in the cache under ``name`` and a SHA-256 of what made it.

    Args:
        name: What the library is called.
        folder: Its sources and headers.
        flags: Of the compiler.
        also: Further sources and headers: the ones include headers of ``folder``, the others are included from it.

    Raises:
        ToolchainError: No compiler is found, or it fails.
    """
    compiler = find_compiler()
    sources = [*sorted(folder.glob("*.[ch]")), *also]
    recipe = "\0".join([*compiler, *flags, os.uname().machine])
    digest = sha256_bytes(recipe.encode() + b"".join(p.name.encode() + p.read_bytes() for p in sources))
    target = cache_root() / f"{name}-{digest[:24]}.so"
    if found := kept(target):
        return found
    files = [str(p) for p in sources if p.suffix == ".c"]
    with tempfile.TemporaryDirectory() as place:
        include = [f"-I{path}" for path in dict.fromkeys((folder, *(p.parent for p in also)))]
        command = [*compiler, *flags, *include, "-o", str(Path(place) / target.name), *files, "-lm"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        if done.returncode:
            raise ToolchainError(
                f"{shlex.join(command)} failed:\n{done.stderr.strip()}", "Name another compiler: CC=gcc kws ..."
            )
        return keep(target, (Path(place) / target.name).read_bytes())


def find_compiler() -> list[str]:
    """``$CC``, else cc, gcc or clang, as the beginning of a command line."""
    named = shlex.split(os.environ.get("CC", ""))
    if named and shutil.which(named[0]):
        return named
    for name in ("cc", "gcc", "clang"):
        if shutil.which(name):
            return [name]
    raise ToolchainError(
        "no C compiler found: $CC, cc, gcc and clang were tried.", "Install gcc (Debian: apt install gcc)."
    )
