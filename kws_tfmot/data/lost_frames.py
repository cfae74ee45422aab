"""What is missing of a sound file that is a row of frames: MP3 and Ogg. Their decoders step over damage without a word,
and what a header says of the length may be an estimate; so the frames are followed from the first to the last.

Sources: ISO/IEC 11172-3 and 13818-3 (frame headers of MPEG audio), RFC 3533 (pages of Ogg), and for the number of
frames the Xing header as LAME writes it.
"""

from __future__ import annotations

import mmap
import struct
import zlib
from pathlib import Path

_Bytes = mmap.mmap
_MPEG_SUFFIXES = (".mp3", ".mp2", ".mp1", ".mpa", ".mpga")
_PROMISED = 0.9  # of the frames that a Xing header names: those that edit files seldom correct it
_LONGEST_FRAME = 2881  # bytes
_SEARCHED = 1 << 16  # bytes in which a damaged file's next frame is looked for

# kbit/s by (MPEG-1, layer)
_RATES = {
    (True, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_REVERSED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))


def lost_frames(path: Path) -> str:
    """What is wrong with the row of frames of an MP3 or Ogg file; empty where nothing is, and for other files."""
    with path.open("rb") as stream:
        head = stream.read(4)
        if head == b"OggS":
            follow = _ogg
        elif path.suffix.lower() in _MPEG_SUFFIXES or head[:3] == b"ID3" or _is_mpeg(head):
            follow = _mpeg
        else:
            return ""
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return follow(data)


def _is_mpeg(head: bytes) -> bool:
    """Whether a frame header may begin so; that of AAC (ADTS) has no layer."""
    return len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0 and head[1] & 6 != 0


def _frame_bytes(data: _Bytes, at: int) -> int:
    """Length of the MPEG audio frame whose header is at ``at``; 0 where none is, or one of free format."""
    header = data[at : at + 4]
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return 0
    version, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)
    rate_index, sampling = header[2] >> 4, header[2] >> 2 & 3
    if version == 1 or layer == 4 or sampling == 3 or not 0 < rate_index < 15:
        return 0
    rate = (44100, 48000, 32000)[sampling] >> {3: 0, 2: 1, 0: 2}[version]
    bits = 1000 * _RATES[version == 3, layer][rate_index]
    padding = header[2] >> 1 & 1
    if layer == 1:
        return (12 * bits // rate + padding) * 4
    return (144 if layer == 2 or version == 3 else 72) * bits // rate + padding


def _tag_bytes(data: _Bytes, at: int) -> int:
    """Length of the tag (ID3, APE, Lyrics3) at ``at``; 0 where none is."""
    head = data[at : at + 32]
    if head[:3] == b"ID3" and len(head) >= 10:
        size = 0
        for byte in head[6:10]:
            size = size << 7 | byte & 0x7F
        return 10 + size + (10 if head[5] & 0x10 else 0)
    if head[:3] == b"TAG":
        return 227 if head[3:4] == b"+" else 128
    if head[:8] == b"APETAGEX" and len(head) == 32:
        size, flags = struct.unpack("<I4xI", head[12:24])
        return 32 + (size if flags & 0x20000000 else 0)
    if head[:11] == b"LYRICSBEGIN":
        end = max(data.find(b"LYRICS200", at), data.find(b"LYRICSEND", at))
        return end + 9 - at if end > 0 else 0
    return 0


def _synchronised(data: _Bytes, at: int) -> bool:
    """Whether a frame begins at ``at``, and one of its kind, a tag or the end follows."""
    length = _frame_bytes(data, at)
    after = at + length
    if not length or after > len(data):
        return False
    same = data[after + 1 : after + 2] and (data[at + 1] ^ data[after + 1]) & 0xFE == 0
    return after == len(data) or bool(same and _frame_bytes(data, after)) or _tag_bytes(data, after) > 0


def _next_frame(data: _Bytes, at: int) -> int:
    """Where the next frame begins, at or after ``at``; -1 where none is near."""
    last = min(len(data), at + _SEARCHED)
    while (at := data.find(b"\xff", at, last)) >= 0:
        if _synchronised(data, at):
            return at
        at += 1
    return -1


def _mpeg(data: _Bytes) -> str:
    at = 0
    while size := _tag_bytes(data, at):
        at += size
    first = _next_frame(data, at)
    if first < 0:
        return ""  # free format, or nothing that a decoder will take
    if first - at > _LONGEST_FRAME:
        return f"damaged: {first - at} bytes before its first frame are none"
    frames, at, promised = 0, first, _xing_frames(data, first)
    while at < len(data):
        if length := _frame_bytes(data, at):
            if at + length > len(data):
                break
            frames += 1
            at += length
        elif size := _tag_bytes(data, at):
            at += size
        else:
            break
    sound = frames - (promised is not None)  # the frame that holds the promise has no sound
    if promised and sound < _PROMISED * promised:
        return _in_the_middle(data, at) or f"truncated: {sound} of the {promised} frames its header promises"
    whole = promised and sound >= promised
    if at >= len(data) or (whole and _next_frame(data, at) < 0):
        return ""
    if _frame_bytes(data, at):
        return f"truncated: it ends within a frame ({len(data) - at} bytes of it are there)"
    if found := _in_the_middle(data, at):
        return found
    return f"damaged: its last {len(data) - at} bytes are no frames" if len(data) - at > _LONGEST_FRAME // 2 else ""


def _in_the_middle(data: _Bytes, at: int) -> str:
    following = _next_frame(data, at) if at < len(data) and not _frame_bytes(data, at) else -1
    return f"damaged: {following - at} bytes between its frames are none" if following > 0 else ""


def _xing_frames(data: _Bytes, at: int) -> int | None:
    """How many frames a Xing or VBRI header in the first frame names, 0 if it does not; ``None`` without one."""
    frame = data[at : at + _frame_bytes(data, at)]
    for name in (b"Xing", b"Info"):
        place = frame.find(name, 4, 64)
        if place > 0 and len(frame) >= place + 12:
            flags, count = struct.unpack(">II", frame[place + 4 : place + 12])
            return count if flags & 1 else 0
    if frame[36:40] == b"VBRI" and len(frame) >= 54:
        return int(struct.unpack(">I", frame[50:54])[0])
    return None


def _ogg(data: _Bytes) -> str:
    at, ended = 0, False
    numbers: dict[int, int] = {}
    while at < len(data):
        if data[at : at + 4] != b"OggS":
            if data.find(b"OggS", at) > 0:
                return f"damaged: at byte {at} there is no page of Ogg"
            return "" if ended else f"damaged: its last {len(data) - at} bytes are no page of Ogg"
        header = data[at : at + 27]
        table = data[at + 27 : at + 27 + (header[26] if len(header) == 27 else 0)]
        end = at + 27 + len(table) + sum(table)
        if len(header) < 27 or len(table) < header[26] or end > len(data):
            return f"truncated: it ends within a page of Ogg ({len(data) - at} bytes of it are there)"
        serial, number, stored = struct.unpack("<III", header[14:26])
        if _ogg_checksum(data[at : at + 22] + bytes(4) + data[at + 26 : end]) != stored:
            return f"damaged: the checksum of the page at byte {at} is wrong"
        if number != numbers.get(serial, number - 1) + 1:
            return f"damaged: pages are missing before byte {at}"
        numbers[serial] = number
        ended = bool(header[5] & 4)
        at = end
    return ""


def _ogg_checksum(page: bytes) -> int:
    """CRC-32 with the polynomial 0x04C11DB7, highest bit first, from 0: zlib's, of reversed bits.

    >>> hex(_ogg_checksum(b"123456789"))
    '0x89a1897f'
    """
    reflected = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{reflected:032b}"[::-1], 2)
