"""Reading sound files of every kind that users have, and refusing the broken ones with the reason."""

from __future__ import annotations

import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_tfmot.data import audio, decoders
from kws_tfmot.data.audio import decode_clip, fit_length
from kws_tfmot.data.promised_samples import missing_bytes
from kws_tfmot.data.sound_pieces import survey

RATE = 16000


@pytest.fixture(scope="module")
def tone() -> np.ndarray:
    return (8000 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)).astype(np.int16)


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_sixteen_bit_mono_is_read_bit_for_bit(
    tmp_path: Path, write_clip: Callable[..., Path], tone: np.ndarray, suffix: str
) -> None:
    clip = decode_clip(write_clip(tmp_path / f"tone{suffix}", tone), RATE, RATE)
    assert clip.problem == ""
    assert not (clip.resampled or clip.cut or clip.padded)
    np.testing.assert_array_equal(clip.samples, tone)


@pytest.mark.parametrize(
    ("subtype", "tolerance"), [("FLOAT", 1), ("DOUBLE", 1), ("PCM_24", 1), ("PCM_32", 1), ("PCM_U8", 256)]
)
def test_other_sample_formats_keep_their_level(
    tmp_path: Path, write_clip: Callable[..., Path], tone: np.ndarray, subtype: str, tolerance: int
) -> None:
    path = write_clip(tmp_path / "tone.wav", tone / 32768.0, subtype=subtype)
    clip = decode_clip(path, RATE, RATE)
    assert np.abs(clip.samples.astype(int) - tone).max() <= tolerance


def test_stereo_at_another_rate_is_mixed_and_resampled(
    tmp_path: Path, write_clip: Callable[..., Path], tone: np.ndarray
) -> None:
    time = np.arange(44100) / 44100
    left = 8000 * np.sin(2 * np.pi * 440 * time)
    stereo = np.stack([left * 1.5, left * 0.5], axis=1) / 32768
    clip = decode_clip(write_clip(tmp_path / "stereo.wav", stereo, rate=44100), RATE, RATE)
    assert clip.resampled
    assert len(clip.samples) == RATE
    middle = slice(1000, 15000)
    assert np.abs(clip.samples[middle].astype(int) - tone[middle]).max() < 40


def test_a_full_scale_float_saturates(tmp_path: Path, write_clip: Callable[..., Path]) -> None:
    path = write_clip(tmp_path / "loud.wav", np.array([1.0, -1.0, 1.2, -1.2] * 4000), subtype="FLOAT")
    assert set(decode_clip(path, RATE, RATE).samples.tolist()) == {32767, -32768}


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _no_samples(path: Path) -> None:
    soundfile.write(str(path), np.zeros(0, np.int16), RATE, subtype="PCM_16")


def _text(path: Path) -> None:
    path.write_text("this is no sound at all, only letters\n" * 40)


def _cut_in_half(path: Path) -> None:
    soundfile.write(str(path), np.random.default_rng(0).integers(-99, 99, RATE).astype(np.int16), RATE)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def _not_finite(path: Path) -> None:
    soundfile.write(str(path), np.full(RATE, np.nan), RATE, subtype="FLOAT")


@pytest.mark.parametrize(
    ("name", "damage", "reason"),
    [
        ("a.wav", _empty, "empty"),
        ("a.flac", _empty, "empty"),
        ("a.wav", _no_samples, "no samples"),
        ("a.wav", _text, "not readable"),
        ("a.flac", _text, "not readable"),
        ("a.wav", _cut_in_half, "truncated"),
        ("a.flac", _cut_in_half, ""),
        ("a.wav", _not_finite, "not finite"),
    ],
)
def test_broken_files_are_named_with_the_reason(
    tmp_path: Path, name: str, damage: Callable[[Path], None], reason: str
) -> None:
    damage(tmp_path / name)
    clip = decode_clip(tmp_path / name, RATE, RATE)
    assert clip.problem
    assert reason in clip.problem
    assert len(clip.samples) == 0


@pytest.mark.parametrize("kind", ["WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "MP3"])
def test_files_cut_off_are_named_whatever_their_format(tmp_path: Path, kind: str) -> None:
    """libsndfile reads what is left of most of them without a word."""
    path = tmp_path / "a.wav"
    soundfile.write(str(path), np.random.default_rng(0).integers(-9999, 9999, RATE).astype(np.int16), RATE, format=kind)
    assert not decode_clip(path, RATE, RATE).problem
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert "truncated" in decode_clip(path, RATE, RATE).problem
    with pytest.raises(ValueError, match="truncated"):
        survey(path)


@pytest.mark.parametrize("length", [0, 0xFFFFFFFF, 0x7FFFFFFF, 0x80000000])
def test_sizes_that_writers_to_a_pipe_leave_promise_nothing(tmp_path: Path, length: int) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(str(path), np.ones(100, np.int16), RATE)
    whole = path.read_bytes()
    path.write_bytes(whole[:40] + struct.pack("<I", length) + whole[44:])
    assert missing_bytes(path) == 0
    path.write_bytes(whole[:40] + struct.pack("<I", 0x7FFFFFFE) + whole[44:])
    assert missing_bytes(path) == 0x7FFFFFFE - 200


def _five_gigabytes(path: Path) -> None:
    form = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, RATE, 2 * RATE, 2, 16)
    sizes = b"ds64" + struct.pack("<IQQQI", 28, (5 << 30) - 8, (5 << 30) - 80, (5 << 29) - 40, 0)
    with path.open("wb") as stream:
        stream.write(b"RF64" + b"\xff" * 4 + b"WAVE" + sizes + form + b"data" + b"\xff" * 4)
        stream.truncate(5 << 30)  # of zeros, which take no room


def _flac_that_says_it_is_endless(path: Path) -> None:
    soundfile.write(str(path), np.ones(RATE, np.int16), RATE, format="FLAC")
    data = bytearray(path.read_bytes())
    data[21] |= 0x0F  # the 36 bits of its number of samples
    data[22:26] = b"\xff" * 4
    path.write_bytes(data)


@pytest.mark.parametrize("make", [_five_gigabytes, _flac_that_says_it_is_endless])
def test_a_clip_of_hours_is_damage_and_takes_no_memory(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "a.wav")
    tracemalloc.start()
    problem = decode_clip(tmp_path / "a.wav", RATE, RATE).problem
    assert "s long, at most 600 s are read" in problem
    assert tracemalloc.get_traced_memory()[1] < 1e8
    tracemalloc.stop()


def test_a_length_that_no_header_says_is_bounded_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    soundfile.write(str(tmp_path / "a.wav"), np.ones(4 * RATE, np.int16), RATE, subtype="GSM610")
    assert not decode_clip(tmp_path / "a.wav", RATE, RATE).problem  # it cannot be sought in
    monkeypatch.setattr(audio, "LONGEST_CLIP_S", 3)
    monkeypatch.setattr(decoders, "PIECE", RATE)
    assert "4 s" in decode_clip(tmp_path / "a.wav", RATE, RATE).problem


def test_long_clips_keep_the_word(burst: Callable[..., np.ndarray]) -> None:
    long = burst("x", samples=3 * RATE, centre=0.8)
    cut = fit_length(long, RATE)
    power = cut.astype(float) ** 2
    assert power.sum() > 0.999 * (long.astype(float) ** 2).sum()
    assert abs(np.dot(np.arange(RATE), power) / power.sum() - RATE / 2) < RATE * 0.02


@pytest.mark.parametrize("samples", [1, 1000, RATE - 1])
def test_short_clips_are_padded_with_zeros_only(samples: int) -> None:
    clip = np.arange(1, samples + 1).astype(np.int16)
    padded = fit_length(clip, RATE)
    assert len(padded) == RATE
    first = int(np.flatnonzero(padded)[0])
    np.testing.assert_array_equal(padded[first : first + samples], clip)
    assert np.count_nonzero(padded) == np.count_nonzero(clip)


def test_clips_of_the_right_length_are_untouched(burst: Callable[..., np.ndarray]) -> None:
    clip = burst("edge", centre=0.1)
    assert fit_length(clip, RATE) is clip


@pytest.mark.parametrize("rate", [1, 999, 1_000_000])
def test_an_impossible_sample_rate_is_damage(rate: int, tmp_path: Path) -> None:
    path = tmp_path / "rate.wav"
    soundfile.write(path, np.zeros(2000, np.int16), rate)
    decoded = decode_clip(path, 16000, 16000)
    assert f"its sample rate is {rate} Hz" in decoded.problem
