"""How many bytes of samples a sound file's header promises beyond its end: decoders read a file that was cut without a
word.

Sources: Multimedia Programming Interface 1.0 (RIFF), EBU Tech 3306 (RF64), Sony Wave64, Audio IFF 1.3, Sun's audio(7),
Apple's Core Audio Format specification, ISO/IEC 14496-12 (boxes of MP4), RFC 8794 (EBML, of Matroska and WebM).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

_OPEN_ENDED = (0, 0xFFFFFFFF, 0x7FFFFFFF, 0x80000000)  # sizes that writers to a pipe leave
_MOST_CHUNKS = 10_000  # a damaged file may hold millions of empty ones
_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"moof", b"mfra", b"uuid", b"meta", b"sidx", b"styp",
          b"udta", b"pdin", b"pnot", b"prft", b"emsg", b"ssix")  # fmt: skip
_W64_DATA = bytes.fromhex("64617461f3acd3118cd100c04f8edb8a")


def missing_bytes(path: Path) -> int:
    """Bytes that the header of a file promises beyond its end; 0 for formats that are not known here.

    Known are WAV (RIFF, RIFX, RF64, BW64), W64, AIFF, AU, CAF, MP4 (M4A) and Matroska (WebM), whatever its name.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        head = stream.read(8)
        read = _mp4 if head[4:] == b"ftyp" else _FORMATS.get(head[:4])
        stream.seek(4)
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


def _mp4(stream: BinaryIO) -> int:
    """End of the last box; one of size 0 ends with the file, and what is no box is something behind the sound."""
    end = 0
    for number in range(_MOST_CHUNKS):
        stream.seek(end)
        header = stream.read(16)
        if len(header) < 8:
            return end if number > 1 else 0  # nothing but its type: decoders say so
        (length,) = struct.unpack(">I", header[:4])
        if header[4:8] not in _BOXES:
            return 0
        if length == 1:
            (length,) = struct.unpack(">Q", header[8:])
        if not 8 <= length < 1 << 62:
            return 0
        end += length
    return 0


def _ebml(stream: BinaryIO) -> int:
    """End of the segment, which follows the header; 0 where its size is not known, as in what is sent live."""
    stream.seek(stream.tell() + _vint(stream))
    if stream.read(4) != b"\x18\x53\x80\x67":
        return 0
    size = _vint(stream)
    return stream.tell() + size if size else 0


def _vint(stream: BinaryIO) -> int:
    """A number of EBML: as many bytes as its first has leading zeros, and one; 0 where all its bits are one."""
    first = stream.read(1)
    if not first or not first[0]:
        return 0
    more = 8 - first[0].bit_length()
    value = int.from_bytes(first + stream.read(more), "big") & (1 << 7 * (more + 1)) - 1
    return 0 if value == (1 << 7 * (more + 1)) - 1 else value


_FORMATS: dict[bytes, Callable[[BinaryIO], int]] = {
    b"RIFF": lambda stream: _chunks(stream, 12, b"data", "<I"),
    b"RIFX": lambda stream: _chunks(stream, 12, b"data", ">I"),
    b"RF64": lambda stream: _chunks(stream, 12, b"data", "<I"),
    b"BW64": lambda stream: _chunks(stream, 12, b"data", "<I"),
    b"FORM": lambda stream: _chunks(stream, 12, b"SSND", ">I"),
    b"caff": lambda stream: _chunks(stream, 8, b"data", ">q", padded=1),
    b"riff": _w64,
    b".snd": _au,
    b"\x1a\x45\xdf\xa3": _ebml,
}
