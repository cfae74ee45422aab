"""Damage that a decoder steps over is damage: what it decodes of such a file is no whole clip. Headers may be wrong."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_tfmot.data.audio import decode_clip

RATE = 16000
_rng = np.random.default_rng(0)


def sound(seconds: float = 1.0) -> np.ndarray:
    time = np.arange(int(seconds * RATE)) / RATE
    return (0.3 * np.sin(2 * np.pi * 440 * time) + 0.02 * _rng.normal(size=len(time))).astype(np.float32)


def encoded(format: str, subtype: str | None = None, seconds: float = 1.0) -> bytes:
    stream = io.BytesIO()
    soundfile.write(stream, sound(seconds), RATE, format=format, subtype=subtype)
    return stream.getvalue()


def by_ffmpeg(codec: str, container: str, rate: int, options: dict[str, str]) -> bytes:
    av = pytest.importorskip("av")
    stream = io.BytesIO()
    with av.open(stream, "w", format=container, options=options) as out:
        track = out.add_stream(codec, rate=rate)
        track.layout = "mono"
        frame = av.AudioFrame.from_ndarray(np.resize(sound(), (1, rate)), format="fltp", layout="mono")
        frame.sample_rate = rate
        queue = av.AudioFifo()
        queue.write(frame)
        while part := queue.read(track.codec_context.frame_size, partial=True):
            out.mux(track.encode(part))
        out.mux(track.encode(None))
    return stream.getvalue()


KINDS: dict[str, Callable[[], bytes]] = {
    "a.mp3": lambda: encoded("MP3"),
    "b.mp3": lambda: by_ffmpeg("libmp3lame", "mp3", 44100, {"write_xing": "0"}),
    "a.ogg": lambda: encoded("OGG", "VORBIS", 6.0),
    "b.ogg": lambda: encoded("OGG", "OPUS", 6.0),
    "a.flac": lambda: encoded("FLAC"),
    "a.m4a": lambda: by_ffmpeg("aac", "ipod", RATE, {}),
    "a.webm": lambda: by_ffmpeg("libopus", "webm", 48000, {}),
}


@pytest.mark.parametrize("name", KINDS)
def test_what_damage_has_taken_is_said(tmp_path: Path, name: str) -> None:
    whole, path = KINDS[name](), tmp_path / name
    path.write_bytes(whole)
    assert decode_clip(path, RATE, 6 * RATE).problem == ""
    middle, part = len(whole) // 2, max(40, len(whole) // 8)
    damaged = {
        "cut off": whole[: len(whole) * 7 // 10 + 1],
        "zeros within": whole[:middle] + bytes(part) + whole[middle + part :],
        "noise within": whole[:middle] + _rng.bytes(part) + whole[middle + part :],
        "a part gone": whole[:middle] + whole[middle + part :],
        "zeros to the end": whole[:middle] + bytes(len(whole) - middle),
    }
    for what, data in damaged.items():
        path.write_bytes(data)
        assert decode_clip(path, RATE, 6 * RATE).problem, what


def _xing(data: bytes, frames: int) -> bytes:
    at = max(data.find(b"Xing"), data.find(b"Info")) + 8
    return data[:at] + struct.pack(">I", frames) + data[at + 4 :]


def test_short_mp3_files_with_tags_and_wrong_headers_are_whole(tmp_path: Path) -> None:
    with_header, without = encoded("MP3"), KINDS["b.mp3"]()
    first = max(with_header.find(b"Xing"), with_header.find(b"Info"))
    (frames,) = struct.unpack(">I", with_header[first + 8 : first + 12])
    short = encoded("MP3", seconds=0.1)
    for number, data in enumerate(
        [
            short,
            with_header + b"TAG" + bytes(125),
            without + b"TAG" + bytes(125),
            b"ID3\x04\0\0\0\0\0\x20" + bytes(32) + without,
            without + without,
            without[150:],  # recorded from the air: begins within a frame
            without + bytes(1000),
            _xing(with_header, frames * 21 // 20),
            _xing(with_header, frames - 3),
            _xing(with_header, 0),
        ]
    ):
        (tmp_path / "a.mp3").write_bytes(data)
        assert decode_clip(tmp_path / "a.mp3", RATE, RATE).problem == "", number


def test_a_tag_behind_the_last_page_or_box_is_no_damage(tmp_path: Path) -> None:
    for name in ("a.ogg", "a.m4a"):
        (tmp_path / name).write_bytes(KINDS[name]() + b"TAG" + b"x" * 125)
        assert decode_clip(tmp_path / name, RATE, RATE).problem == "", name


@pytest.mark.parametrize(
    "data",
    [
        b"\0\0\0\x01ftyp" + b"\xff" * 8,
        b"\0\0\0\x08ftyp" * 20_000,
        b"\x1a\x45\xdf\xa3" + b"\xff" * 200,
        b"\x1a\x45\xdf\xa3\x01" + b"\xff" * 7 + b"\x18\x53\x80\x67",
        b"ID3\x04\0\0\x7f\x7f\x7f\x7f" + bytes(100),
        b"ID3\x04\0\0\0\0\0\0" * 5000,
        b"OggS" * 1000,
        b"\xff",
        b"\xff" * 40_000,
    ],
)
def test_heads_that_lead_nowhere_are_no_sound(tmp_path: Path, data: bytes) -> None:
    for name in ("a.mp3", "a.wav"):
        (tmp_path / name).write_bytes(data)
        assert any(word in decode_clip(tmp_path / name, RATE, RATE).problem for word in ("not readable", "truncated"))
