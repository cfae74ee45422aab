"""From the C files of a package to a WebAssembly module, by the compiler that is there."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
import tempfile
from pathlib import Path

from firmware_export.emulation.tools import run_tool
from kws_tfmot.errors import ToolchainError
from kws_tfmot.files import cache_root, sha256_bytes
from kws_tfmot.spare_cache import keep, kept

SOURCE = Path(__file__).parent / "source"
FLAGS = ("-std=c11", "-O2", "-ffreestanding", "-nostdlib", "-Wl,--no-entry", "-Wl,--strip-all")
_ZIG = ("-target", "wasm32-freestanding", "-mcpu=generic+bulk_memory")
_CLANG = ("--target=wasm32", "-mbulk-memory")


def wasm_compiler() -> list[str]:
    """A C compiler for WebAssembly with its options: the ``ziglang`` wheel, whose version is pinned, else clang.

    Raises:
        ToolchainError: Where there is neither.
    """
    if importlib.util.find_spec("ziglang") is not None:
        return [sys.executable, "-m", "ziglang", "cc", *_ZIG]
    clang = shutil.which("clang")
    if clang and shutil.which("wasm-ld"):
        return [clang, *_CLANG]
    raise ToolchainError(
        "no compiler for WebAssembly was found: neither the package ziglang nor clang with wasm-ld.",
        "Run `pip install '.[browser]'`, or on Debian: apt install clang lld.",
    )


def compile_wasm(files: dict[str, str], compiler: list[str] | None = None) -> bytes:
    """The module of C ``files`` (texts by name) that exports what they mark; compiled once for the same files.

    Raises:
        ToolchainError: Without a compiler, or if it refuses the code.
    """
    command = compiler or wasm_compiler()
    headers = {path.name: path.read_text(encoding="utf-8") for path in SOURCE.glob("*.h")}
    asked = [*command[:3], "version"] if command[0] == sys.executable else [command[0], "--version"]
    version = run_tool(asked, "the compiler for WebAssembly")
    key = "\0".join([version, *command[1:], *FLAGS, *(f"{n}\0{t}" for n, t in sorted((files | headers).items()))])
    target = cache_root() / "wasm" / f"{sha256_bytes(key.encode())[:32]}.wasm"
    if found := kept(target):
        return found.read_bytes()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, text in (files | headers).items():
            (folder / file).write_text(text, encoding="utf-8")
        sources = sorted(file for file in files if file.endswith(".c"))
        run_tool(
            [*command, *FLAGS, "-I.", "-o", "spotter.wasm", *sources],
            "compiling for the browser",
            cwd=folder,
            env={"ZIG_GLOBAL_CACHE_DIR": os.environ.get("ZIG_GLOBAL_CACHE_DIR") or str(cache_root() / "zig")},
        )
        return keep(target, (folder / "spotter.wasm").read_bytes()).read_bytes()
