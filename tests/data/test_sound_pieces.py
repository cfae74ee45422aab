"""Sound files by pieces: the same samples as a whole, every format, and what is wrong with a level."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_tfmot.data import audio, decoders, sound_pieces
from kws_tfmot.data.audio import decode_clip, read_samples, resample, to_int16
from kws_tfmot.data.levels import LevelMeter, levels_of
from kws_tfmot.data.sound_pieces import survey, whole_sound
from kws_tfmot.errors import DataError
from kws_tfmot.evaluation.streaming.sources import survey_stream

RATE = 16_000


def tone(seconds: float, rate: int = RATE, level: float = 0.3) -> np.ndarray:
    return level * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)


def whole(path: Path, rate: int = RATE, gain: float = 1.0) -> np.ndarray:
    return np.concatenate(list(sound_pieces.sound_pieces(path, rate, gain)))


@pytest.mark.parametrize(("rate", "channels"), [(16_000, 1), (16_000, 2), (44_100, 1), (48_000, 2), (8_000, 1)])
def test_pieces_are_the_whole_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rate: int, channels: int) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, (3 * rate + 17, channels))
    soundfile.write(tmp_path / "a.wav", noise, rate)
    samples, own = read_samples(tmp_path / "a.wav")
    expected = to_int16(resample(samples, own, RATE))
    monkeypatch.setattr(decoders, "PIECE", 1234)
    found = whole(tmp_path / "a.wav")
    assert abs(len(found) - len(expected)) <= 1
    shared = min(len(found), len(expected))
    assert np.abs(found[:shared].astype(int) - expected[:shared]).max() <= (0 if rate == RATE else 1)


@pytest.mark.parametrize(("rate", "subtype"), [(RATE, "PCM_16"), (48_000, "PCM_16"), (44_100, "FLOAT")])
def test_a_long_file_is_never_held_at_its_own_rate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rate: int, subtype: str
) -> None:
    soundfile.write(tmp_path / "a.wav", np.random.default_rng(0).normal(0, 0.4, 3 * rate + 17), rate, subtype)
    expected, own = whole_sound(tmp_path / "a.wav", RATE)
    for module in (audio, sound_pieces):
        monkeypatch.setattr(module, "MOST_FRAMES", 1000)
    found, found_own = whole_sound(tmp_path / "a.wav", RATE)
    assert own == found_own == rate and abs(len(found) - len(expected)) <= 1
    shared = min(len(found), len(expected))
    assert np.abs(found[:shared].astype(int) - expected[:shared]).max() <= (0 if rate == RATE else 1)
    with pytest.raises(ValueError, match="longer than 2 s; cut it up"):
        whole_sound(tmp_path / "a.wav", RATE, longest_s=2)
    assert "at most 1,000 are read" in decode_clip(tmp_path / "a.wav", RATE, RATE).problem


@pytest.mark.parametrize("name", ["a.flac", "a.mp3", "a.ogg", "a.aiff"])
def test_what_libsndfile_decodes(tmp_path: Path, name: str) -> None:
    soundfile.write(tmp_path / name, np.stack([tone(1.0, 48_000)] * 2, axis=1), 48_000)
    found = survey(tmp_path / name)
    assert found.levels.seconds == pytest.approx(1.0, abs=0.1) and not found.problems()
    assert found.levels.rms_db == pytest.approx(20 * np.log10(0.3 / np.sqrt(2)), abs=1)
    assert len(whole(tmp_path / name)) == pytest.approx(RATE, abs=1700)


def test_m4a_by_ffmpeg(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    with av.open(str(tmp_path / "a.m4a"), "w") as container:
        stream = container.add_stream("aac", rate=44_100, layout="stereo")
        frame = av.AudioFrame.from_ndarray(
            np.stack([tone(1.0, 44_100)] * 2).astype(np.float32), format="fltp", layout="stereo"
        )
        frame.rate = 44_100
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)
    assert survey(tmp_path / "a.m4a").levels.rms_db == pytest.approx(-13.5, abs=1)
    assert len(whole(tmp_path / "a.m4a")) == pytest.approx(RATE, abs=1700)


@pytest.mark.parametrize("content", [b"", b"junk" * 100, b"RIFF\0\0\0\0WAVEfmt "])
def test_what_is_no_sound_says_so(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(ValueError, match=r"empty|not readable|no sound|truncated"):
        survey(tmp_path / "a.wav")


def test_floats_far_above_full_scale_are_scaled_not_clipped(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone(0.5) * 60_000, RATE, subtype="FLOAT")
    found = survey(tmp_path / "a.wav")
    assert "far above full scale" in found.problems()[0]
    scaled = whole(tmp_path / "a.wav", gain=found.gain)
    assert scaled.max() == 32767 and np.count_nonzero(scaled == 32767) < 0.01 * len(scaled) * 10
    assert np.corrcoef(scaled, tone(0.5))[0, 1] > 0.9999
    np.testing.assert_array_equal(to_int16(read_samples(tmp_path / "a.wav")[0]), scaled)


def test_channels_in_antiphase_are_noticed(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.stack([tone(1.0), -tone(1.0)], axis=1), RATE)
    assert any("antiphase" in text for text in survey(tmp_path / "a.wav").problems())


def test_problems_of_a_level() -> None:
    rng = np.random.default_rng(1)
    speech = (rng.normal(0, 3000, RATE)).astype(np.int16)
    assert levels_of(speech, RATE).problems() == []
    assert "digital silence" in levels_of(np.full(RATE, 7, np.int16), RATE).problems()[0]
    assert "clipped" in levels_of(np.clip(speech.astype(int) * 30, -32768, 32767).astype(np.int16), RATE).problems()[0]
    assert "very quiet" in levels_of((speech // 300).astype(np.int16), RATE).problems()[0]
    assert (
        "60 % of it" in levels_of(np.r_[np.zeros(RATE * 3 // 5, np.int16), speech[: RATE * 2 // 5]], RATE).problems()[0]
    )
    assert levels_of(speech[:50], RATE).problems() == []


def test_a_level_does_not_depend_on_the_pieces() -> None:
    noise = np.random.default_rng(2).normal(0, 0.1, RATE).astype(np.float32)
    one, many = LevelMeter(RATE), LevelMeter(RATE)
    one.push(noise)
    for piece in np.array_split(noise, 77):
        many.push(piece)
    assert many.levels().loud_db == one.levels().loud_db
    assert many.levels().rms_db == pytest.approx(one.levels().rms_db)


@pytest.mark.parametrize(
    ("rate", "channels", "bits", "kind"),
    [
        (16000, 1, 0, 1),
        (16000, 0, 16, 1),
        (16000, 65535, 16, 1),
        (0, 1, 16, 1),
        (16000, 1, 16, 99),
        (16000, 1, 64, 1),
        (16000, 1, 16, 0),
        (16000, 1, 16, 3),
        (16000, 1, 16, 0xFFFE),
    ],
)
def test_headers_that_no_decoder_takes_are_refused_alike(tmp_path, rate, channels, bits, kind) -> None:
    """As a clip and as a stream: one more corrupt file, whatever libsndfile and FFmpeg make of it."""
    form = struct.pack("<IHHIIHH", 16, kind, channels, rate, 2 * rate, 2, bits)
    path = tmp_path / "odd.wav"
    path.write_bytes(b"RIFF" + struct.pack("<I", 32036) + b"WAVEfmt " + form + b"data" + struct.pack("<I", 32000))
    path.write_bytes(path.read_bytes() + bytes(32000))
    assert decode_clip(path, 16000, 16000).problem
    with pytest.raises(DataError):
        survey_stream(path)
