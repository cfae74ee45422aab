"""What is at the head of every exported file: its licence, and the version that made it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from kws_tfmot import __version__

LICENCE = "Apache-2.0"
_HASH_FILES = (".txt", ".yml", ".yaml", ".cmake", ".conf", ".properties", ".ini")
_HASH_NAMES = ("Kconfig", "CMakeLists.txt", "Makefile")
_C_FILES = (".c", ".h", ".cc", ".cpp", ".ino", ".ld", ".overlay")


def head_text() -> str:
    """Licence and version in one line.

    >>> head_text().startswith("SPDX-License-Identifier: Apache-2.0 | kws-tfmot ")
    True
    """
    return f"SPDX-License-Identifier: {LICENCE} | kws-tfmot {__version__}"


def stamped(name: str, data: bytes | str) -> bytes | str:
    """The file ``name`` with :func:`head_text` as a comment of its language in front; others are returned as they are.

    The weights in a model's own files belong to whoever trained it, whatever the licence of the code around them.

    >>> stamped("src/a.c", "int a;\\n").splitlines()[1], stamped("a.json", "{}")
    ('int a;', '{}')
    """
    path = PurePosixPath(name)
    if isinstance(data, bytes):
        return data
    if path.suffix in _C_FILES:
        return f"/* {head_text()} */\n{data}"
    if path.suffix in _HASH_FILES or path.name in _HASH_NAMES:
        return f"# {head_text()}\n{data}"
    if path.suffix == ".md":
        return f"{data}\n<!-- {head_text()} -->\n"
    if path.suffix in (".xml", ".pdsc"):
        head, _, rest = data.partition("\n")  # the XML declaration comes first
        return f"{head}\n<!-- {head_text()} -->\n{rest}"
    return data


def stamp(files: Mapping[str, bytes | str]) -> dict[str, bytes | str]:
    """Every file of ``files`` (contents by name) :func:`stamped`."""
    return {name: stamped(name, data) for name, data in files.items()}
