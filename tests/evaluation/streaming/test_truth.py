"""Label tracks: CSV and Audacity's, and what is refused in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_tfmot.errors import DataError
from kws_tfmot.evaluation.streaming.truth import Segment, SpokenWord, labelled_recordings, load_labels


def recording(folder: Path, name: str = "day.wav", rate: int = 8000) -> Path:
    soundfile.write(folder / name, np.zeros((10 * rate, 2), np.int16), rate)
    return folder / name


def test_a_csv_track_with_speakers(tmp_path: Path) -> None:
    recording(tmp_path).with_suffix(".csv").write_text(
        "Word, Start, End, Speaker\nno,5.0,5.5,ann\nyes,1.0,1.4,bob\nhello,2,3,bob\n"
    )
    (stream,) = labelled_recordings([tmp_path], ["yes", "no"], 16000)
    assert len(stream.samples) / stream.rate == 10 and stream.rate == 16000
    assert len(list(stream.pieces())) > 1  # of a long one never all is in memory
    assert stream.events == (SpokenWord("yes", 1.0, 1.4, "bob"), SpokenWord("no", 5.0, 5.5, "ann"))
    assert [segment.speaker for segment in stream.segments] == ["bob", "bob", "ann"]


def test_a_track_that_is_no_text_is_refused(tmp_path: Path) -> None:
    recording(tmp_path).with_suffix(".csv").write_bytes("start,end,word\n0.1,0.5,größe\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"day.csv cannot be read as text"):
        labelled_recordings([tmp_path], ["yes"], 8000)


def test_recordings_of_every_format_are_found_and_hidden_files_are_not(tmp_path: Path) -> None:
    for name in ("a.mp3", "b.OGG", "c/d.flac", "._a.mp3"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, np.zeros(8000, np.int16), 8000, format=path.suffix[1:].upper())
        path.with_suffix(".csv").write_text("start,end,word\n0.1,0.5,yes\n")
    assert [stream.name for stream in labelled_recordings([tmp_path], ["yes"], 8000)] == ["a.mp3", "b.OGG", "d.flac"]


def test_an_audacity_track(tmp_path: Path) -> None:
    recording(tmp_path).with_suffix(".txt").write_text(
        "1.000000\t1.400000\tyes\n\\\t100.0\t4000.0\n2.0\t2.5\tlights on\n"
    )
    (stream,) = labelled_recordings([tmp_path / "day.wav"], ["yes", "lights on"], 16000)
    assert [event.word for event in stream.events] == ["yes", "lights on"]
    assert stream.segments == (Segment(0.0, 10.0, "day"),)


def test_no_keyword_at_all_is_a_track_too(tmp_path: Path) -> None:
    recording(tmp_path).with_suffix(".csv").write_text("start,end,word\n")
    (stream,) = labelled_recordings([tmp_path], ["yes"], 16000)
    assert stream.events == () and stream.segments[0].speaker == "day"


@pytest.mark.parametrize(
    ("text", "reported"),
    [
        ("start,end,label\n1,2,yes\n", "expected the columns start, end, word"),
        ("start,end,word\n2,1,yes\n", "line 2: expected start and end"),
        ("start,end,word\n1,99,yes\n", "<= 10.00"),
        ("start,end,word\none,2,yes\n", "'one'"),
        ("start,end,word\n1\n", "line 2"),
        ("start;end;word\n1;2;yes\n", "with commas between them"),
        ("start,end,word,Start\n1,2,yes,0\n", "once each"),
        ("start,end,word\n1,2," + 200_000 * "y" + "\n", "is no CSV"),
        (200_000 * "y", "is no CSV"),
        ("", "expected the columns"),
    ],
)
def test_tracks_that_are_refused(tmp_path: Path, text: str, reported: str) -> None:
    track = tmp_path / "day.csv"
    track.write_text(text)
    with pytest.raises(DataError, match=reported):
        load_labels(track, "day", 10.0)


def test_missing_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no sound file"):
        labelled_recordings([tmp_path], ["yes"], 16000)
    with pytest.raises(DataError, match="no recording at"):
        labelled_recordings([tmp_path / "none.wav"], ["yes"], 16000)
    recording(tmp_path)
    with pytest.raises(DataError, match="no label track"):
        labelled_recordings([tmp_path], ["yes"], 16000)
    (tmp_path / "bad.wav").write_bytes(b"RIFF")
    with pytest.raises(DataError, match=r"bad\.wav"):
        labelled_recordings([tmp_path / "bad.wav"], ["yes"], 16000)
