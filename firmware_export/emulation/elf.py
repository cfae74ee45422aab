"""What a linked firmware occupies, read from the ELF file itself."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from kws_tfmot.errors import ToolchainError

_ALLOC, _NOBITS, _SYMTAB, _OBJECT, _FUNCTION = 2, 8, 2, 1, 2


@dataclass(frozen=True)
class Symbol:
    """A named function or object."""

    name: str
    size: int
    function: bool
    address: int


@dataclass(frozen=True)
class Footprint:
    """Bytes of a firmware. ``flash`` holds code, constants and initial values; ``ram`` all static data."""

    flash: int
    ram: int
    symbols: tuple[Symbol, ...]

    def size_of(self, prefixes: tuple[str, ...], *, functions: bool) -> int:
        """Bytes of the functions, or of the objects, whose names begin with one of ``prefixes``."""
        return sum(s.size for s in self.symbols if s.function == functions and s.name.startswith(prefixes))


def footprint(path: Path) -> Footprint:
    """Read a 32-bit little-endian ELF file.

    Raises:
        ToolchainError: If it is not one.
    """
    data = path.read_bytes()
    if data[:6] != b"\x7fELF\x01\x01":
        raise ToolchainError(
            f"{path.name} is not a 32-bit little-endian ELF file.", "Give a program built for a Cortex-M."
        )
    table, size, count = struct.unpack_from("<I", data, 32)[0], *struct.unpack_from("<HH", data, 46)
    sections = [struct.unpack_from("<10I", data, table + i * size) for i in range(count)]
    flash = ram = 0
    symbols: list[Symbol] = []
    for section in sections:
        _, kind, flags, _, offset, length, link = section[:7]
        if kind == _SYMTAB:
            names = sections[link][4]
            symbols += [_symbol(data, offset + at, names) for at in range(0, length, 16)]
        if flags & _ALLOC and length:
            writable = bool(flags & 1)
            ram += length if writable else 0
            flash += 0 if kind == _NOBITS else length
    sized = {(s.address, s.size): s for s in symbols if s.size and s.name}
    return Footprint(flash, ram, tuple(sorted(sized.values(), key=lambda s: s.address)))


def _symbol(data: bytes, at: int, names: int) -> Symbol:
    name, value, size, info = struct.unpack_from("<IIIB", data, at)
    end = data.index(b"\0", names + name)
    kind = info & 15
    text = data[names + name : end].decode("utf-8", "replace")
    return Symbol(text, size if kind in (_OBJECT, _FUNCTION) else 0, kind == _FUNCTION, value & ~1)
