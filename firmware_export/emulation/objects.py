"""Object files by content: a source whose text, headers, flags and compiler are known is compiled once.

Engines share most of their sources, the runtime's; of a new model only its own file is compiled. What is linked is the
same as if all had been compiled together.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from firmware_export.emulation.tools import run_tool, version_of
from kws_tfmot.files import cache_root, sha256_bytes
from kws_tfmot.spare_cache import keep, kept

_INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)


def shared_by_engines(source: str) -> bool:
    """Whether a source is the runtime's, by its name."""
    return source.startswith("kws_")


def compile_objects(
    compiler: Sequence[str],
    flags: Sequence[str],
    sources: Sequence[str],
    folder: Path,
    what: str,
    shared: Callable[[str], bool] = shared_by_engines,
) -> list[str]:
    """Compile ``sources`` of ``folder``, and give the names of their object files there, in the same order.

    Args:
        compiler: The beginning of its command line.
        flags: For the compiler; what is for the linker is for the caller.
        sources: Names of C files in ``folder``, beside the headers that they include.
        folder: Where to compile.
        what: Said of a failure.
        shared: Whether a source's object is worth keeping in the cache.

    Raises:
        ToolchainError: If the compiler is missing or refuses the code.
    """
    version = version_of(*compiler)
    texts: dict[str, str | None] = {}
    command = [*compiler, version, *flags]
    places = {name: _place(command, name, folder, texts) if shared(name) else None for name in sources}
    found = {name: path for name, place in places.items() if place and (path := kept(place))}
    missing = [name for name in sources if name not in found]
    if missing:
        run_tool([*compiler, *flags, "-c", *missing], what, cwd=folder)
    objects = [str(Path(name).with_suffix(".o")) for name in sources]
    for name, made in zip(sources, objects, strict=True):
        if name in found:
            shutil.copyfile(found[name], folder / made)
        elif path := places[name]:
            keep(path, (folder / made).read_bytes())
    return objects


def _place(command: Sequence[str], source: str, folder: Path, texts: dict[str, str | None]) -> Path | None:
    """Where a source's object is kept; ``None`` if a header lies elsewhere, so that its text is not known."""
    waiting, found = [source], set[str]()
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        if name not in texts:
            path = folder / name
            texts[name] = path.read_text(encoding="utf-8") if path.is_file() else None
        text = texts[name]
        if text is None:
            return None
        waiting += _INCLUDE.findall(text)
    key = "\0".join([*command, source, *(f"{name}\0{texts[name]}" for name in sorted(found))])
    return cache_root() / "objects" / f"{sha256_bytes(key.encode())[:32]}.o"
