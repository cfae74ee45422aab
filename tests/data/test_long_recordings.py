"""Folders of long recordings, read by pieces."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_tfmot.data import decoders
from kws_tfmot.data.long_recordings import pieces_of
from kws_tfmot.errors import DataError


def test_pieces_come_from_everywhere_at_the_rate_asked_for(tmp_path: Path) -> None:
    ramp = np.repeat(np.arange(1, 13) * 1000, 5 * 8000).astype(np.int16)  # a minute at 8 kHz, stereo
    soundfile.write(tmp_path / "talk.wav", np.stack([ramp, ramp], axis=1), 8000)
    (tmp_path / "notes.txt").write_text("no audio")
    (tmp_path / "broken.flac").write_bytes(b"fLaC")
    pieces, notes = pieces_of([str(tmp_path)], 16000, 1.0, 1)
    assert [len(piece) for piece in pieces] == [320000] * 3
    assert [int(piece[16000]) // 1000 for piece in pieces] == [1, 5, 9]
    assert len(notes) == 1 and "broken.flac" in notes[0]
    few, _ = pieces_of([str(tmp_path)], 16000, 20 / 3600, 1)
    assert len(few) == 1


def test_a_linked_folder_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    soundfile.write(tmp_path / "disk" / "talk.wav", np.full(8000 * 5, 7, np.int16), 8000)
    (tmp_path / "talks").mkdir()
    (tmp_path / "talks" / "there").symlink_to(tmp_path / "disk")
    (tmp_path / "disk" / "back").symlink_to(tmp_path / "talks")
    pieces, notes = pieces_of([str(tmp_path / "talks")], 8000, 1.0, 1)
    assert [len(piece) for piece in pieces] == [40000] and not notes


def test_folders_without_recordings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no folder of negatives"):
        pieces_of([str(tmp_path / "nowhere")], 16000, 1.0, 1)
    with pytest.raises(DataError, match="can be read"):
        pieces_of([str(tmp_path)], 16000, 1.0, 1)


def test_a_file_that_promises_more_than_it_holds_is_noted_once(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "talk.wav", np.full(8000 * 45, 7, np.int16), 8000)
    soundfile.write(tmp_path / "lies.flac", np.full(8000 * 45, 7, np.int16), 8000)
    data = bytearray((tmp_path / "lies.flac").read_bytes())
    data[22:26] = (8000 * 20000).to_bytes(4, "big")  # the number of its samples
    (tmp_path / "lies.flac").write_bytes(data)
    pieces, notes = pieces_of([str(tmp_path)], 8000, 10.0, 1)
    assert len(pieces) >= 3 and len(notes) == 1 and "lies.flac" in notes[0]


@pytest.mark.skipif(not decoders._HAS_FFMPEG, reason="pip install av")
@pytest.mark.parametrize("hours", [1.0, 40 / 3600])
def test_what_ffmpeg_decodes_is_heard_too_from_its_beginning(tmp_path: Path, hours: float) -> None:
    import av

    sound = np.repeat([0.1, 0.2, 0.3, 0.4], 8000 * 20) * np.tile([1.0, -1.0], 8000 * 40)
    with av.open(str(tmp_path / "talk.mkv"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        for part in np.split(np.rint(32768 * sound[None]).astype(np.int16), range(4096, len(sound), 4096), axis=1):
            frame = av.AudioFrame.from_ndarray(part, format="s16", layout="mono")
            frame.sample_rate = 8000
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    pieces, notes = pieces_of([str(tmp_path)], 8000, hours, 1)
    assert not notes
    assert [len(piece) for piece in pieces] == [8000 * 20] * (4 if hours == 1.0 else 2)
    tenths = [round(float(np.abs(piece / 32768).mean()) * 10, 2) for piece in pieces]
    assert tenths == ([1, 2, 3, 4] if hours == 1.0 else [3, 4])  # drawn


def test_rates_that_are_damage_are_left_out_and_what_is_too_loud_is_scaled(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "loud.wav", np.linspace(-1000, 1000, 8000 * 20), 8000, subtype="FLOAT")
    soundfile.write(tmp_path / "one.wav", np.full(9000, 0.1), 1)
    (piece,), (note,) = pieces_of([str(tmp_path)], 8000, 1.0, 1)
    assert (piece.min(), piece.max()) == (-32768, 32767) and abs(int(piece[8000 * 5])) < 17000
    assert "one.wav left out: its sample rate is 1 Hz" in note
