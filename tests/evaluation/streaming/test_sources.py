"""Where a stream comes from: files in pieces, blocks, and a microphone that may not be there."""

from __future__ import annotations

import itertools
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from kws_tfmot.errors import DataError, ToolchainError
from kws_tfmot.evaluation.streaming import sources
from kws_tfmot.evaluation.streaming.sources import (
    blocks_of,
    input_devices,
    microphone,
    read_stream,
    stream_pieces,
    survey_stream,
)


def test_a_file_is_read_whole_at_the_rate_asked_for_and_one_too_loud_at_full_scale(tmp_path: Path) -> None:
    wave = np.sin(np.arange(8000) / 5)
    soundfile.write(tmp_path / "a.wav", wave * 50, 8000, subtype="FLOAT")
    samples = read_stream(tmp_path / "a.wav", 8000)
    np.testing.assert_allclose(samples, wave / np.abs(wave).max() * 32767.5, atol=1)
    assert len(read_stream(tmp_path / "a.wav", 16000)) == 16000
    soundfile.write(tmp_path / "b.wav", wave / 4, 8000)
    np.testing.assert_allclose(np.concatenate(list(stream_pieces(tmp_path / "b.wav", 8000))), wave * 8192, atol=1)
    twice = np.concatenate(list(stream_pieces(tmp_path / "b.wav", 8000, 2.0)))
    np.testing.assert_allclose(twice, wave * 16384, atol=2)


def test_files_that_cannot_be_read_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"there is no sound file at {tmp_path}"):
        survey_stream(tmp_path)
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    for read in (survey_stream, lambda path: list(stream_pieces(path, 8000)), lambda path: read_stream(path, 8000)):
        with pytest.raises(DataError, match=r"a\.wav: .*not readable"):
            read(tmp_path / "a.wav")
    with pytest.raises(DataError, match=r"gone\.wav"):
        list(stream_pieces(tmp_path / "gone.wav", 8000))


def test_blocks_hold_every_sample_once() -> None:
    samples = np.arange(10, dtype=np.int16)
    assert [block.tolist() for block in blocks_of(samples, 4)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert list(blocks_of(samples[:0], 4)) == []


class PortAudioError(Exception):
    """As the package's."""


@pytest.fixture
def sound(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A package sounddevice whose input counts upwards in two columns, fails with ``error`` and was opened so."""
    module: Any = types.ModuleType("sounddevice")
    module.opened, module.error, module.closed = [], None, []

    class InputStream:
        def __init__(self, *given: Any, **named: Any) -> None:
            module.opened.append((given, named))
            self._at = 0

        def __enter__(self) -> InputStream:
            return self

        def __exit__(self, *error: object) -> None:
            module.closed.append(True)

        def read(self, count: int) -> tuple[np.ndarray, bool]:
            if module.error:
                raise module.error
            self._at += count
            return np.arange(self._at - count, self._at, dtype=np.int16)[:, None], False

    def query() -> list[dict[str, Any]]:
        if module.error:
            raise module.error
        return [{"name": name, "max_input_channels": channels, "default_samplerate": 44100.0}
                for name, channels in (("out", 0), ("mic", 1), ("array", 8))]  # fmt: skip

    module.InputStream, module.PortAudioError, module.query_devices = InputStream, PortAudioError, query
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    return module


def test_a_microphone_gives_blocks_of_one_channel_without_end(sound: Any) -> None:
    blocks = microphone(16000, 3, "mic")
    assert [block.tolist() for block in itertools.islice(blocks, 3)] == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert sound.opened == [((16000, 3, "mic"), {"channels": 1, "dtype": "int16"})] and not sound.closed
    blocks.close()  # type: ignore[attr-defined]
    assert sound.closed
    next(microphone(8000, 5))
    assert sound.opened[1][0] == (8000, 5, None)


@pytest.mark.parametrize(
    ("device", "chosen"), [(None, "the system's input"), (7, "the input 7"), ("x", "the input 'x'")]
)
@pytest.mark.parametrize("error", [PortAudioError, ValueError])
def test_a_microphone_that_fails_is_named(sound: Any, device: Any, chosen: str, error: type[Exception]) -> None:
    sound.error = error("unplugged")
    with pytest.raises(ToolchainError, match=f"{chosen} cannot be recorded at 8000 Hz: unplugged"):
        next(microphone(8000, 5, device))


def test_inputs_are_listed_by_their_number_and_outputs_are_not(sound: Any) -> None:
    assert input_devices() == ["1: mic, 44100 Hz", "2: array, 44100 Hz"]
    sound.error = PortAudioError("none")
    with pytest.raises(ToolchainError, match="the inputs cannot be listed: none"):
        input_devices()


def test_without_the_package_or_its_library_the_way_out_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    for listen in (input_devices, lambda: next(microphone(8000, 5))):
        with pytest.raises(ToolchainError, match="needs the package sounddevice") as refusal:
            listen()
        assert "pip install '.[mic]'" in str(refusal.value)

    def no_library(name: str) -> types.ModuleType:
        raise OSError("PortAudio library not found")

    monkeypatch.setattr(sources, "importlib", types.SimpleNamespace(import_module=no_library))
    with pytest.raises(ToolchainError, match="finds no PortAudio library: PortAudio library not found"):
        input_devices()
