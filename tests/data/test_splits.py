"""Which clip goes into which split, and that nothing crosses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kws_tfmot.data import DataSettings, prepare
from kws_tfmot.data.source_table import SourceClip, table_of
from kws_tfmot.data.speakers import official_split
from kws_tfmot.data.splits import (
    DROPPED,
    TEST,
    TRAIN,
    VALIDATION,
    by_percent,
    crossing_speakers,
    drop_crossing_audio,
    labelled,
)
from kws_tfmot.errors import DataError

RATE = 16000
KEYWORDS = ("go", "stop")


def _splits(index) -> dict[str, str]:
    return {clip.path: clip.split for clip in index.clips}


def test_auto_takes_the_official_rule_where_it_gives_every_class(
    make_folder: Callable[..., Path], tmp_path: Path
) -> None:
    root = make_folder(tmp_path / "set", speakers=60, noise_seconds=0)
    index = prepare(f"folder:{root}", DataSettings(keywords=KEYWORDS), tmp_path / "cache")
    assert any("SHA-1" in note for note in index.notes)
    assert all(clip.split == official_split(clip.speaker) for clip in index.clips)


def test_auto_falls_back_to_percentages_and_says_why(make_folder: Callable[..., Path], tmp_path: Path) -> None:
    root = make_folder(tmp_path / "set", speakers=60, noise_seconds=0)
    for path in root.glob("go/*.wav"):
        if official_split(path.name[:8]) == "test":
            path.unlink()
    index = prepare(f"folder:{root}", DataSettings(keywords=KEYWORDS), tmp_path / "cache")
    assert any("the official rule leaves test without go" in note for note in index.notes)
    assert index.counts()["test"]["go"] > 0


def test_lists_decide_also_for_flac_and_doubled_suffixes(
    make_folder: Callable[..., Path], write_clip: Callable[..., Path], burst: Callable[..., np.ndarray], tmp_path: Path
) -> None:
    root = make_folder(tmp_path / "set", speakers=20, suffix=".flac", noise_seconds=0)
    write_clip(root / "happy" / "odd_77_nohash_0.wav.wav", burst("odd"))
    names = sorted(path.stem for path in (root / "go").iterdir())
    lists = {"validation_list.txt": names[:5], "testing_list.txt": names[5:10]}
    for name, stems in lists.items():
        lines = [f"{word}/{stem}.wav" for word in ("go", "stop", "happy", "bird") for stem in stems]
        (root / name).write_text("\n".join([*lines, "happy/odd_77_nohash_0.wav"] if "test" in name else lines))
    index = prepare(f"folder:{root}", DataSettings(keywords=KEYWORDS), tmp_path / "cache")
    splits = _splits(index)
    assert [splits[f"go/{stem}.flac"] for stem in names] == ["validation"] * 5 + ["test"] * 5 + ["train"] * 10
    assert splits["happy/odd_77_nohash_0.wav.wav"] == "test"
    assert any("list files" in note for note in index.notes)


def test_lists_that_tear_a_speaker_apart_are_refused_or_not_used(
    make_folder: Callable[..., Path], tmp_path: Path
) -> None:
    root = make_folder(tmp_path / "set", speakers=20, noise_seconds=0)
    names = sorted(path.name for path in (root / "go").iterdir())
    (root / "validation_list.txt").write_text("\n".join(f"go/{name}" for name in names[:4]))
    (root / "testing_list.txt").write_text("\n".join(f"stop/{name}" for name in names[:4]))
    with pytest.raises(DataError, match="4 speakers into two splits"):
        prepare(f"folder:{root}", DataSettings(keywords=KEYWORDS, split="official"), tmp_path / "cache")
    index = prepare(f"folder:{root}", DataSettings(keywords=KEYWORDS), tmp_path / "cache")
    assert any("speaker hash" in note for note in index.notes)


def test_identical_audio_stays_in_the_more_protected_split(
    make_folder: Callable[..., Path], write_clip: Callable[..., Path], burst: Callable[..., np.ndarray], tmp_path: Path
) -> None:
    root = make_folder(tmp_path / "set", speakers=60, noise_seconds=0)
    copies = {}
    for split in ("train", "validation", "test"):
        speaker = next(s for i in range(10**6) if official_split(s := f"{i:08x}") == split)
        copies[split] = write_clip(root / "go" / f"{speaker}_nohash_9.wav", burst("the same"))
        write_clip(root / "bird" / f"{speaker}_nohash_9.wav", np.zeros(RATE, np.int16))
    index = prepare(f"folder:{root}", DataSettings(keywords=KEYWORDS), tmp_path / "cache")
    paths = {clip.path for clip in index.clips}
    assert f"go/{copies['test'].name}" in paths
    assert f"go/{copies['train'].name}" not in paths
    assert f"go/{copies['validation'].name}" not in paths
    assert sum(path.startswith("bird/") and path.endswith("_9.wav") for path in paths) == 3, "zeros are exempt"
    assert any("2 clips left out because the same audio" in note for note in index.notes)


def test_a_split_emptied_by_duplicates_is_refused(
    make_folder: Callable[..., Path], write_clip: Callable[..., Path], burst: Callable[..., np.ndarray], tmp_path: Path
) -> None:
    root = make_folder(tmp_path / "set", speakers=40, noise_seconds=0)
    for path in (root / "go").iterdir():
        write_clip(path, burst("all alike"))
    with pytest.raises(DataError, match=r"has no clip of go.*duplicates"):
        prepare(f"folder:{root}", DataSettings(keywords=KEYWORDS, split="percent"), tmp_path / "cache")


def test_without_speakers_clips_are_split_one_by_one_with_a_warning(
    make_folder: Callable[..., Path], tmp_path: Path
) -> None:
    root = make_folder(tmp_path / "set", speakers=40, noise_seconds=0)
    for path in list(root.glob("*/*.wav")):
        path.rename(path.with_name(f"take {path.name[:4]}.wav"))
    index = prepare(f"folder:{root}", DataSettings(keywords=KEYWORDS, split="percent"), tmp_path / "cache")
    assert any("one voice may be in several splits" in note for note in index.notes)
    assert index.counts()["test"]["go"] > 0


def test_another_speaker_pattern(make_folder: Callable[..., Path], tmp_path: Path) -> None:
    root = make_folder(tmp_path / "set", speakers=40, noise_seconds=0)
    for path in list(root.glob("*/*.wav")):
        path.rename(path.with_name(f"spk-{path.name[:8]}_1.wav"))
    settings = DataSettings(keywords=KEYWORDS, split="percent", speaker_pattern=r"spk-([0-9a-f]+)_")
    index = prepare(f"folder:{root}", settings, tmp_path / "cache")
    assert len({clip.speaker for clip in index.clips}) == 40
    assert not any("speaker that" in note for note in index.notes)


class TestEvaluationFolders:
    """``split: all``: judged as it is."""

    @pytest.fixture
    def packaged(self, make_folder: Callable[..., Path], write_clip: Callable[..., Path], tmp_path: Path) -> Path:
        """In the layout of the packaged official test sets."""
        root = make_folder(tmp_path / "test_set", words=("go", "stop", "yes", "_unknown_"), speakers=8, noise_seconds=0)
        for path in list((root / "_unknown_").iterdir()):
            path.rename(path.with_name(f"backward_{path.name}.wav"))
        for number in range(8):
            clip = np.full(RATE, number, np.int16)
            write_clip(root / "_silence_" / f"running_tap.wav_{number}.wav", clip)
        return root

    def test_a_packaged_set_is_taken_as_it_is(self, packaged: Path, tmp_path: Path) -> None:
        settings = DataSettings(keywords=KEYWORDS).for_evaluation()
        index = prepare(f"folder:{packaged}", settings, tmp_path / "cache")
        assert index.counts() == {"all": {"go": 8, "stop": 8, "_unknown_": 16, "_silence_": 8}}
        assert len(index.audio("all")) == 40
        assert not index.made

    def test_a_keyword_without_clips_is_only_noted(self, packaged: Path, tmp_path: Path) -> None:
        settings = DataSettings(keywords=("go", "left")).for_evaluation()
        index = prepare(f"folder:{packaged}", settings, tmp_path / "cache")
        assert any("no clip of: left" in note for note in index.notes)

    def test_a_set_without_any_keyword_is_refused(self, packaged: Path, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="no clip of"):
            prepare(f"folder:{packaged}", DataSettings(keywords=("left",)).for_evaluation(), tmp_path / "cache")

    def test_word_folders_give_every_clip_and_made_silence(
        self, small_folder: Path, small_settings: DataSettings, tmp_path: Path
    ) -> None:
        index = prepare(f"folder:{small_folder}", small_settings.for_evaluation(), tmp_path)
        assert index.counts() == {"all": {"go": 30, "stop": 30, "_unknown_": 60, "_silence_": 30}}

    def test_without_noise_there_is_no_silence_and_a_note(
        self, make_folder: Callable[..., Path], small_settings: DataSettings, tmp_path: Path
    ) -> None:
        root = make_folder(tmp_path / "set", noise_seconds=0)
        index = prepare(f"folder:{root}", small_settings.for_evaluation(), tmp_path / "cache")
        assert index.counts()["all"]["_silence_"] == 0
        assert any("no clip of _silence_" in note for note in index.notes)

    def test_wav_and_flac_score_the_same_audio(self, make_folder: Callable[..., Path], tmp_path: Path) -> None:
        settings = DataSettings(keywords=KEYWORDS).for_evaluation()
        audio = []
        for suffix in (".wav", ".flac"):
            root = make_folder(tmp_path / suffix, speakers=5, noise_seconds=0)
            if suffix == ".flac":
                import soundfile

                for path in list(root.glob("*/*.wav")):
                    samples, rate = soundfile.read(str(path), dtype="int16")
                    soundfile.write(str(path.with_suffix(".flac")), samples, rate)
                    path.unlink()
            audio.append(prepare(f"folder:{root}", settings, tmp_path / "cache").audio("all").audio)
        np.testing.assert_array_equal(*audio)


@pytest.mark.parametrize(
    ("splits", "same", "kept"),
    [
        ("tv", (0, 0), "-v"),
        ("vtx", (0, 0, 0), "--x"),
        ("ttvv", (0, 0, 1, 1), "ttvv"),  # within a split it may stay
        ("txt", (0, 1, 0), "txt"),
        ("tx", (-1, -1), "tx"),
    ],
)
def test_identical_audio_is_kept_in_test_before_validation_before_train(splits: str, same, kept: str) -> None:
    codes = {"-": DROPPED, "t": TRAIN, "v": VALIDATION, "x": TEST}
    found = drop_crossing_audio(np.array([codes[one] for one in splits], np.int8), np.array(same))
    assert found.tolist() == [codes[one] for one in kept]


def test_speakers_of_two_splits_are_named_and_the_nameless_are_nobody() -> None:
    clips = [("a/1.wav", "ann"), ("b/1.wav", "ann"), ("a/2.wav", "ben"), ("b/2.wav", "ben"), ("a/3", ""), ("b/3", "")]
    table = table_of([SourceClip(path, path[0], speaker) for path, speaker in clips])
    assert crossing_speakers(table, np.array([TRAIN, TEST, TEST, TEST, TRAIN, TEST], np.int8)) == ["ann"]


def test_a_clip_and_its_copy_in_another_format_go_together_and_so_does_a_speaker() -> None:
    clips = [SourceClip(f"go/{n}.{kind}", "go", "") for n in range(200) for kind in ("wav", "flac")]
    clips += [SourceClip(f"go/s{n}_{k}.wav", "go", f"speaker{n}") for n in range(50) for k in range(3)]
    splits = by_percent(labelled(table_of(clips), ("go",)), (60.0, 20.0, 20.0), 1)
    assert (splits[:400:2] == splits[1:400:2]).all()
    assert (splits[400:].reshape(50, 3) == splits[400::3, None]).all()
    for split, share in ((TRAIN, 0.6), (VALIDATION, 0.2), (TEST, 0.2)):
        assert (splits == split).mean() == pytest.approx(share, abs=0.03)
    assert not np.array_equal(splits, by_percent(labelled(table_of(clips), ("go",)), (60.0, 20.0, 20.0), 2))
