"""What lies in a user's folder is read, or counted and named: formats, folders of speakers and splits, noise."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_tfmot.data import DataSettings, clip_folder, decoders, prepare
from kws_tfmot.data.audio import decode_clip
from kws_tfmot.data.clip_folder import list_folder
from kws_tfmot.data.decoders import files_below
from kws_tfmot.errors import DataError

RATE = 16000
PATTERN = DataSettings().speaker_pattern


@pytest.fixture
def sounds(tmp_path: Path, burst: Callable[..., np.ndarray]) -> Callable[..., Path]:
    def write(*paths: str) -> Path:
        for path in paths:
            file = tmp_path / "set" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            if file.suffix == ".m4a":
                file.write_bytes(b"\0\0\0\x18ftypM4A ")
            else:
                soundfile.write(str(file), burst(path), RATE)
        return tmp_path / "set"

    return write


@pytest.fixture
def without_ffmpeg(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (clip_folder, decoders):
        monkeypatch.setattr(module, "AUDIO_SUFFIXES", decoders._LIBSNDFILE)


@pytest.mark.skipif(not decoders._HAS_FFMPEG, reason="pip install av")
def test_what_ffmpeg_decodes_are_clips_too(sounds: Callable[..., Path], tmp_path: Path) -> None:
    import av

    root = sounds("go/a.wav")
    tone = (0.3 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)).astype(np.float32)
    with av.open(str(root / "go" / "b.m4a"), "w") as container:
        stream = container.add_stream("aac", rate=RATE, layout="mono")
        for first in range(0, RATE, 1024):
            frame = av.AudioFrame.from_ndarray(tone[None, first : first + 1024], format="fltp", layout="mono")
            frame.sample_rate = RATE
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    listing = list_folder(root, PATTERN)
    assert [clip.path for clip in listing.clips] == ["go/a.wav", "go/b.m4a"] and not listing.notes
    decoded = decode_clip(root / "go" / "b.m4a", RATE, RATE)
    assert decoded.problem == ""
    found = decoded.samples[2000:-2000].astype(float)
    assert np.sqrt(np.mean(found**2)) == pytest.approx(0.3 / np.sqrt(2) * 32768, rel=0.05)
    (root / "go" / "c.m4a").write_bytes(b"\0\0\0\x18ftypM4A ")
    assert "not readable as audio" in decode_clip(root / "go" / "c.m4a", RATE, RATE).problem


@pytest.mark.usefixtures("without_ffmpeg")
def test_compressed_formats_are_read_and_what_no_decoder_reads_is_named(sounds: Callable[..., Path]) -> None:
    root = sounds("go/a.wav", "go/b.mp3", "go/c.OGG", "go/d.flac", "go/e.m4a", "go/f.m4a", "go/notes.txt.wav")
    (root / "go" / "readme.txt").write_text("no sound")
    listing = list_folder(root, PATTERN)
    assert [clip.path for clip in listing.clips] == [
        "go/a.wav",
        "go/b.mp3",
        "go/c.OGG",
        "go/d.flac",
        "go/notes.txt.wav",
    ]
    assert [note for note in listing.notes if "2 .m4a" in note]
    assert not [note for note in listing.notes if ".txt" in note]


@pytest.mark.parametrize(
    ("name", "form"),
    [("a.sph", "NIST"), ("a.rf64", "RF64"), ("a.AIFC", "AIFF"), ("a.wave", "WAV"), ("a.snd", "AU"), ("a.voc", "VOC")],
)
def test_less_common_endings_are_clips_too(tmp_path: Path, name: str, form: str) -> None:
    (tmp_path / "go").mkdir()
    soundfile.write(str(tmp_path / "go" / name), np.linspace(-0.3, 0.3, RATE), RATE, format=form, subtype="PCM_16")
    listing = list_folder(tmp_path, PATTERN)
    assert [clip.path for clip in listing.clips] == [f"go/{name}"]
    assert decode_clip(tmp_path / "go" / name, RATE, RATE).problem == ""


@pytest.mark.usefixtures("without_ffmpeg")
def test_a_folder_of_unreadable_formats_alone_says_which(sounds: Callable[..., Path]) -> None:
    with pytest.raises(DataError, match=r"2 \.m4a \(install the package av, or convert them"):
        list_folder(sounds("go/a.m4a", "stop/b.m4a"), PATTERN)


def test_folders_below_a_word_are_speakers_unless_the_name_says(sounds: Callable[..., Path]) -> None:
    root = sounds("go/anna/1.wav", "go/anna/deep/2.wav", "go/0c540988_nohash_0.wav", "go/bob/11540988_nohash_0.wav")
    speakers = {clip.path: clip.speaker for clip in list_folder(root, PATTERN).clips}
    assert speakers == {
        "go/anna/1.wav": "anna",
        "go/anna/deep/2.wav": "anna",
        "go/0c540988_nohash_0.wav": "0c540988",
        "go/bob/11540988_nohash_0.wav": "11540988",
    }


@pytest.mark.parametrize(
    "name", ["background_noise", "Background Noise", "noise", "bg", "Noise_recordings", "_background_noise_"]
)
def test_noise_by_another_name_is_no_speech(sounds: Callable[..., Path], name: str) -> None:
    listing = list_folder(sounds("go/a.wav", f"{name}/fan.wav", "silence/quiet.wav"), PATTERN)
    assert listing.noises == (f"{name}/fan.wav",)
    assert {clip.word for clip in listing.clips} == {"go", "_silence_"}
    assert any(repr(name) in note for note in listing.notes) == (name != "_background_noise_")


def test_a_keyword_named_noise_stays_a_keyword(sounds: Callable[..., Path]) -> None:
    listing = list_folder(sounds("noise/a.wav", "silence/b.wav"), PATTERN, ("noise", "silence"))
    assert not listing.noises
    assert {clip.word for clip in listing.clips} == {"noise", "silence"}


def test_folders_of_splits_give_the_splits(sounds: Callable[..., Path], tmp_path: Path) -> None:
    names = [
        f"{split}/{word}/{split}{number}_nohash_0.wav"
        for split in ("train", "val", "test")
        for word in ("go", "stop", "bird")
        for number in range(4)
    ]
    root = sounds(*names, "background_noise/fan.wav")
    index = prepare(f"folder:{root}", DataSettings(keywords=("go", "stop")), tmp_path / "cache")
    for clip in index.clips:
        assert clip.split == {"val": "validation"}.get(clip.path.split("/")[0], clip.path.split("/")[0])
    assert index.counts()["test"]["go"] == 4
    shuffled = DataSettings(keywords=("go", "stop"), split="percent", percent=(40, 30, 30))
    mixed = prepare(f"folder:{root}", shuffled, tmp_path / "cache")
    assert any(clip.split != index.clips[place].split for place, clip in enumerate(mixed.clips))


def test_a_missing_split_folder_has_a_way_out(sounds: Callable[..., Path], tmp_path: Path) -> None:
    root = sounds(*(f"{s}/{w}/{s}{n}_nohash_0.wav" for s in ("train", "test") for w in ("go", "no") for n in range(9)))
    with pytest.raises(DataError, match="validation has no clip of go") as refusal:
        prepare(f"folder:{root}", DataSettings(keywords=("go",)), tmp_path / "cache")
    assert "split: percent" in str(refusal.value)
    percent = DataSettings(keywords=("go",), split="percent", percent=(40, 30, 30))
    assert len(prepare(f"folder:{root}", percent, tmp_path / "cache").clips) == 36


@pytest.mark.parametrize("names", [("trn", "tst"), ("val", "test"), ("train", "val", "validation")])
def test_folders_of_splits_that_cannot_be_told_say_which_way_out(sounds: Callable[..., Path], names: tuple) -> None:
    root = sounds(*(f"{split}/{word}/a.wav" for split in names for word in ("go", "stop")))
    with pytest.raises(
        DataError, match=rf"in folders there: {', '.join(sorted(names))}\.\nGive one of them"
    ) as refusal:
        list_folder(root, PATTERN, ("go", "stop"))
    one = Path(str(refusal.value).split("folder:")[1].split(")")[0])
    assert len(list_folder(one, PATTERN, ("go", "stop")).clips) == 2


def test_links_in_a_circle_are_read_once(sounds: Callable[..., Path]) -> None:
    root = sounds("go/anna/1.wav", "stop/2.wav")
    clips = ["go/anna/1.wav", "stop/2.wav"]
    (root / "go" / "anna" / "again").symlink_to(root / "go")
    assert [clip.path for clip in list_folder(root, PATTERN).clips] == clips
    (root / "go" / "up").symlink_to(root.parent)
    assert [clip.path for clip in list_folder(root, PATTERN).clips] == clips
    assert files_below(root / "go", (".wav",)) == [root / "go" / "anna" / "1.wav"]
    (root / "go" / "self").symlink_to(root / "go" / "self")
    with pytest.raises(DataError, match=r"'.*self' cannot be read: Too many levels"):
        list_folder(root, PATTERN)


@pytest.mark.parametrize("name", ["x" * 300, "nul\0"])
def test_a_path_that_cannot_be(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError):
        list_folder(tmp_path / name, PATTERN)


@pytest.mark.usefixtures("without_ffmpeg")
def test_whatever_is_not_read_is_counted_and_named(sounds: Callable[..., Path]) -> None:
    root = sounds("go/a.wav", "loose.wav", "go/anna/b.wav")
    (root / "go" / "take.PCM").write_bytes(b"ab")
    (root / "go" / "clips.zip").write_bytes(b"PK")
    (root / "go" / "sheet.csv").write_text("no sound")
    (root / "go" / "bob").symlink_to(root / "nowhere")
    (root / "stop").symlink_to(root / "nowhere")
    notes = "\n".join(list_folder(root, PATTERN).notes)
    assert "files left out that are no sound file by their names: 1 .pcm, 1 .zip" in notes and ".csv" not in notes
    assert "1 sound files lie in no folder of a word and are left out: loose.wav" in notes
    assert "2 links lead nowhere, what they meant is left out: stop, go/bob" in notes


def test_folders_of_systems_are_no_words(sounds: Callable[..., Path]) -> None:
    root = sounds("go/a.wav", "$RECYCLE.BIN/go/old.wav", "lost+found/b.wav", "go/@eaDir/c.wav", "@eaDirs/d.wav")
    assert [clip.path for clip in list_folder(root, PATTERN).clips] == ["@eaDirs/d.wav", "go/a.wav"]


def test_a_link_to_a_recording_that_is_gone_is_a_corrupt_clip(sounds: Callable[..., Path]) -> None:
    root = sounds("go/a.wav")
    (root / "go" / "b.wav").symlink_to(root / "nowhere.wav")
    os.mkfifo(root / "go" / "c.wav")
    listing = list_folder(root, PATTERN)
    assert [clip.path for clip in listing.clips] == ["go/a.wav", "go/b.wav", "go/c.wav"]
    assert "No such file" in decode_clip(root / "go" / "b.wav", RATE, RATE).problem
    assert "empty" in decode_clip(root / "go" / "c.wav", RATE, RATE).problem
