"""Label tracks: CSV and Audacity's, and what is refused in them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_tfmot.errors import DataError
from kws_tfmot.evaluation.streaming.truth import (
    LabelledStream,
    Segment,
    SpokenWord,
    label_track,
    labelled_recordings,
    load_labels,
)


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


def test_a_track_without_end_is_refused_before_it_is_read(tmp_path: Path) -> None:
    track = tmp_path / "day.txt"
    with track.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(DataError, match="expected at most"):
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


def track(folder: Path, text: str, suffix: str = ".csv") -> list[tuple[str, float, float, str]]:
    path = folder / f"day{suffix}"
    path.write_text(text, encoding="utf-8-sig")
    return [tuple(event) for event in load_labels(path, "somebody", 10.0)]


def test_labels_come_by_start_then_end_then_word(tmp_path: Path) -> None:
    rows = ["3,4,b,ann", "3,4,a,", "3,3.5,z,bob", " 0 , 0 , c d ,  ", "", "1,11,e,cat"]
    assert track(tmp_path, "start, END ,word,speaker\n" + "\n".join(rows)) == [
        ("c d", 0.0, 0.0, "somebody"), ("e", 1.0, 11.0, "cat"), ("z", 3.0, 3.5, "bob"), ("a", 3.0, 4.0, "somebody"),
        ("b", 3.0, 4.0, "ann"),
    ]  # fmt: skip
    assert track(tmp_path, "0.5\t1\tturn it\ton\n\n  \n\\\t9\t9\n0.5\t0.75\n", ".txt") == [
        ("", 0.5, 0.75, "somebody"), ("turn it\ton", 0.5, 1.0, "somebody"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("row", "received"),
    [("-0.1,1", "'-0.1', '1'"), ("2,1.9", "'2', '1.9'"), ("1,11.1", "'1', '11.1'"), ("nan,1", "'nan', '1'"),
     ("1,x", "'1', 'x'"), ("1", "'1', None")],
)  # fmt: skip
def test_times_that_cannot_be_are_refused_with_their_line(tmp_path: Path, row: str, received: str) -> None:
    expected = f"day.csv, line 4: expected start and end in seconds, 0 <= start <= end <= 10.00. Received: {received}"
    with pytest.raises(DataError, match=expected):
        track(tmp_path, f"word,start,end\na,1,2\n\nb,{row}\n")
    if row.count(","):
        with pytest.raises(DataError, match=r"day\.txt, line 3"):
            track(tmp_path, "0\t1\ta\n\n" + row.replace(",", "\t") + "\tb\n", ".txt")


def test_columns_that_are_not_there_once_are_refused_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"Received: begin, end, wort\. Did you mean|Received: begin, end, wort"):
        track(tmp_path, "begin,end,wort\n")
    with pytest.raises(DataError, match="Did you mean 'words'"):
        track(tmp_path, "start,end,words\n")
    long = ",".join(["start", "end", "x" * 300])
    with pytest.raises(DataError) as refusal:
        track(tmp_path, long + "\n")
    assert f"Received: start, end, {'x' * 188}." in str(refusal.value)


def test_one_speaker_owns_the_whole_recording_and_several_what_they_say(tmp_path: Path) -> None:
    recording(tmp_path).with_suffix(".csv").write_text("start,end,word,speaker\n1,2,yes,ann\n3,4,hello,ann\n")
    (stream,) = labelled_recordings([tmp_path], ["yes"], 8000)
    assert stream.segments == (Segment(0.0, 10.0, "ann"),) and stream.events == (SpokenWord("yes", 1.0, 2.0, "ann"),)
    recording(tmp_path).with_suffix(".csv").write_text("start,end,word,speaker\n1,2,yes,ann\n3,4,hello,bob\n")
    (stream,) = labelled_recordings([tmp_path / "day.wav"], ["yes"], 8000)
    assert stream.segments == (Segment(1.0, 2.0, "ann"), Segment(3.0, 4.0, "bob"))
    assert stream.name == "day.wav" and len(stream.events) == 1


def test_a_csv_track_comes_before_a_text_and_recordings_far_too_loud_are_scaled(tmp_path: Path) -> None:
    wave = np.sin(np.arange(8000) / 5)
    soundfile.write(tmp_path / "day.wav", 50 * wave, 8000, subtype="FLOAT")
    (tmp_path / "day.txt").write_text("0\t0.5\tno\n")
    assert label_track(tmp_path / "day.wav") == tmp_path / "day.txt"
    (tmp_path / "day.csv").write_text("start,end,word\n0,0.5,yes\n")
    (stream,) = labelled_recordings([tmp_path], ["yes", "no"], 8000)
    assert [event.word for event in stream.events] == ["yes"]
    np.testing.assert_allclose(stream.samples, wave / np.abs(wave).max() * 32767.5, atol=1)


def test_a_digest_is_of_samples_rate_and_events() -> None:
    samples, said = np.arange(5, dtype=np.int16), (SpokenWord("yes", 0.0, 1.0, "ann"),)
    stream = LabelledStream.of("x", samples, 8000, said, ())
    truth = repr([8000, ("yes", 0.0, 1.0, "ann")]).encode()
    assert stream.truth() == truth and stream.sha256() == hashlib.sha256(samples.tobytes() + truth).hexdigest()
    pieces = LabelledStream("y", lambda: (samples[:2], samples[2:]), 8000, said, (Segment(0.0, 1.0, "x"),))
    assert pieces.sha256() == stream.sha256() and pieces.samples.tolist() == stream.samples.tolist()
