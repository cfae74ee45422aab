"""How many bytes of samples a sound file's header promises beyond its end: decoders read a file that was cut without a
word.

Sources: Multimedia Programming Interface 1.0 (RIFF), EBU Tech 3306 (RF64), Sony Wave64, Audio IFF 1.3, Sun's audio(7)
and Apple's Core Audio Format specification.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

_OPEN_ENDED = (0, 0xFFFFFFFF, 0x7FFFFFFF, 0x80000000)  # sizes that writers to a pipe leave
_MOST_CHUNKS = 10_000  # a damaged file may hold millions of empty ones
_W64_DATA = bytes.fromhex("64617461f3acd3118cd100c04f8edb8a")


def missing_bytes(path: Path) -> int:
    """Bytes that the header of a file promises beyond its end; 0 for formats that are not known here.

    Known are WAV (RIFF, RIFX, RF64, BW64), W64, AIFF, AU and CAF, whatever the file is called.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        read = _FORMATS.get(stream.read(4))
        try:
            end = read(stream) if read else 0
        except (struct.error, OverflowError, OSError):  # cut within its header: decoders say so
            return 0
    return max(0, end - size)


def _chunks(stream: BinaryIO, first: int, wanted: bytes, form: str, padded: int = 2) -> int:
    """End of the chunk ``wanted``, 0 without one; RF64 gives the size of its samples in a chunk before."""
    stream.seek(first)
    name_bytes = len(wanted)
    long = 0
    for _ in range(_MOST_CHUNKS):
        header = stream.read(name_bytes + struct.calcsize(form))
        if not header:
            return 0
        name = header[:name_bytes]
        (length,) = struct.unpack(form, header[name_bytes:])
        if name == wanted:
            if long and length == 0xFFFFFFFF:
                length = long
            elif length in _OPEN_ENDED or length < 0:
                return 0
            return stream.tell() + int(length)
        if name == b"ds64":
            body = stream.read(16)
            (long,) = struct.unpack("<Q", body[8:])
            length -= 16
        stream.seek(length + -length % padded, 1)
    return 0


def _w64(stream: BinaryIO) -> int:
    """As :func:`_chunks`: sizes include their 24-byte headers, chunks begin at multiples of 8."""
    stream.seek(40)
    for _ in range(_MOST_CHUNKS):
        header = stream.read(24)
        if not header:
            return 0
        (length,) = struct.unpack("<Q", header[16:])
        if header[:16] == _W64_DATA:
            return stream.tell() - 24 + int(length)
        stream.seek(max(length - 24, 0) + -length % 8, 1)
    return 0


def _au(stream: BinaryIO) -> int:
    first, length = struct.unpack(">II", stream.read(8))
    return 0 if length in _OPEN_ENDED else first + length


_FORMATS: dict[bytes, Callable[[BinaryIO], int]] = {
    b"RIFF": lambda stream: _chunks(stream, 12, b"data", "<I"),
    b"RIFX": lambda stream: _chunks(stream, 12, b"data", ">I"),
    b"RF64": lambda stream: _chunks(stream, 12, b"data", "<I"),
    b"BW64": lambda stream: _chunks(stream, 12, b"data", "<I"),
    b"FORM": lambda stream: _chunks(stream, 12, b"SSND", ">I"),
    b"caff": lambda stream: _chunks(stream, 8, b"data", ">q", padded=1),
    b"riff": _w64,
    b".snd": _au,
}
