"""A digest of the source files that a function can reach: what a stage's key holds of the code that makes it."""

from __future__ import annotations

import ast
import functools
import hashlib
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

# Where the packages of this project lie; other packages count by their versions.
_ROOT = Path(__file__).resolve().parent.parent
_PACKAGES = ("kws_tfmot", "firmware_export", "pipelines")
_NOT_SOURCE = {".pyc", ".md", ".so", ".o"}
_DYNAMIC = ("import_module", "pkgutil")


def source_digest(function: Callable[..., Any]) -> str:
    """SHA-256 of all that ``function`` can reach, read from the files as they are now.

    That is the module that defines it, every module of this project that it imports, directly or not, inside functions
    too, and the files that are not Python (C sources, templates, word lists) in the folders of those modules. A module
    that imports by computed names brings all modules of its package. Empty for a function from outside.
    """
    return module_digest(_module_of(function))


@functools.cache
def module_digest(module: str, root: Path = _ROOT) -> str:
    """As :func:`source_digest`, of a module by its dotted name below ``root``; computed once in a process."""
    files = reached_files(module, root)
    digest = hashlib.sha256()
    for path in files:
        name = path.relative_to(root).as_posix()
        digest.update(f"{name}\t{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest() if files else ""


def reached_files(module: str, root: Path = _ROOT) -> list[Path]:
    """Every source file that ``module`` reaches, sorted; empty for a module from outside."""
    todo = list(_files_of(module, root))
    reached: set[Path] = set()
    while todo:
        path = todo.pop()
        if path in reached:
            continue
        reached.add(path)
        todo.extend(
            imported for name in _imports(path, root) for imported in _files_of(name, root) if imported not in reached
        )
    data = {file for folder in {path.parent for path in reached} for file in _data_files(folder)}
    return sorted(reached | data)


def _module_of(function: Callable[..., Any]) -> str:
    while isinstance(function, functools.partial):
        function = function.func
    module = getattr(function, "__module__", "") or ""
    spec = getattr(sys.modules.get(module), "__spec__", None)
    return spec.name if module == "__main__" and spec is not None else module


@functools.cache
def _files_of(name: str, root: Path) -> tuple[Path, ...]:
    """The file of a module, and those of the packages above it, which Python runs first."""
    above, _, last = name.rpartition(".")
    if name.partition(".")[0] not in _PACKAGES:
        return ()
    place = root.joinpath(*name.split("."))
    own = (place / "__init__.py", place.with_name(f"{last}.py"))
    return (*(_files_of(above, root) if above else ()), *(path for path in own if path.is_file()))


@functools.cache
def _imports(path: Path, root: Path) -> frozenset[str]:
    text = path.read_text(encoding="utf-8")
    found = set(_imported_names(ast.parse(text).body))
    if any(word in text for word in _DYNAMIC):
        package = path.parent.relative_to(root).as_posix().replace("/", ".")
        found |= {f"{package}.{sibling.stem}" for sibling in path.parent.glob("*.py")}
    return frozenset(found)


def _imported_names(statements: Iterable[ast.stmt]) -> Iterator[str]:
    """Dotted names that ``statements`` import, at any depth, but those that only a type checker follows."""
    for node in statements:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)  # the name may be a module
        elif not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)):
            for block in ("body", "orelse", "finalbody"):
                yield from _imported_names(getattr(node, block, ()))
            for case in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
                yield from _imported_names(case.body)


def _data_files(folder: Path) -> Iterator[Path]:
    """Files of a package that are not Python, in its folders that are no packages too."""
    for path in folder.iterdir():
        if path.is_dir():
            if path.name != "__pycache__" and not (path / "__init__.py").is_file():
                yield from _data_files(path)
        elif path.suffix != ".py" and path.suffix not in _NOT_SOURCE and not path.name.startswith("."):
            yield path
