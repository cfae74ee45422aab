"""From a folder to an index: what is taken, what is refused, and what a person is informed of."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kws_tfmot.data import DataSettings, prepare
from kws_tfmot.errors import DataError, RecipeError

RATE = 16000


def test_every_clip_has_word_speaker_split_and_class(
    small_folder: Path, small_settings: DataSettings, tmp_path: Path
) -> None:
    index = prepare(f"folder:{small_folder}", small_settings, tmp_path)
    assert index.labels == ("go", "stop", "_unknown_", "_silence_")
    assert len(index.clips) == 120
    assert {clip.label for clip in index.clips} == {"go", "stop", "_unknown_"}
    assert all(clip.path == f"{clip.word}/{clip.speaker}_nohash_0.wav" for clip in index.clips)
    for split, counts in index.counts().items():
        assert counts["go"] == counts["stop"] > 0
        if split != "train":
            assert counts["_unknown_"] == counts["_silence_"] == counts["go"]


def test_no_speaker_crosses_splits(small_folder: Path, small_settings: DataSettings, tmp_path: Path) -> None:
    index = prepare(f"folder:{small_folder}", small_settings, tmp_path)
    splits_of: dict[str, set[str]] = {}
    for clip in index.clips:
        splits_of.setdefault(clip.speaker, set()).add(clip.split)
    assert len(splits_of) == 30
    assert all(len(splits) == 1 for splits in splits_of.values())


def test_audio_is_what_the_files_hold(small_folder: Path, small_settings: DataSettings, tmp_path: Path,
                                      burst: Callable[..., np.ndarray]) -> None:  # fmt: skip
    split = prepare(f"folder:{small_folder}", small_settings, tmp_path).audio("validation")
    assert split.audio.shape == (len(split.paths), RATE)
    assert split.audio.dtype == np.int16
    assert split.labels.dtype == np.int32
    for path, clip, label, word in zip(split.paths, split.audio, split.labels, split.words, strict=True):
        if word != "_silence_":
            np.testing.assert_array_equal(clip, burst(path))
            assert split.class_names[label] == (word if word in ("go", "stop") else "_unknown_")


def test_unknown_is_balanced_over_its_words(make_folder: Callable[..., Path], tmp_path: Path) -> None:
    root = make_folder(tmp_path / "set", words=("go", "a", "b", "c", "d"), speakers=40, noise_seconds=0)
    settings = DataSettings(keywords=("go",), split="percent", percent=(40, 30, 30), held_out_words=0)
    index = prepare(f"folder:{root}", settings, tmp_path / "cache")
    for split in ("validation", "test"):
        words = [clip.word for clip in index.clips if clip.split == split and clip.used and clip.word != "go"]
        counts = [words.count(word) for word in "abcd"]
        assert sum(counts) == index.counts()[split]["go"]
        assert max(counts) - min(counts) <= 1


def test_the_same_data_give_the_same_hash_and_another_seed_another(small_folder: Path, tmp_path: Path) -> None:
    def hashes(seed: int, cache: str) -> list[str]:
        settings = DataSettings(keywords=("go", "stop"), split="percent", percent=(70, 15, 15), seed=seed)
        index = prepare(f"folder:{small_folder}", settings, tmp_path / cache)
        return [index.split_sha256(split) for split in ("train", "validation", "test")]

    assert hashes(0, "a") == hashes(0, "b")
    assert set(hashes(0, "a")).isdisjoint(hashes(1, "a"))


def test_split_hash_is_that_of_the_printed_list(
    small_folder: Path, small_settings: DataSettings, tmp_path: Path
) -> None:
    index = prepare(f"folder:{small_folder}", small_settings, tmp_path)
    text = "".join(f"{path}\t{label}\n" for path, label in sorted(index.members("test")))
    assert index.split_sha256("test") == hashlib.sha256(text.encode()).hexdigest()
    assert len(index.members("test")) == len(index.audio("test"))


def test_the_cache_is_used_and_follows_the_files(
    make_folder: Callable[..., Path], write_clip: Callable[..., Path], small_settings: DataSettings, tmp_path: Path
) -> None:
    root = make_folder(tmp_path / "set", speakers=20)
    calls: list[tuple[int, int]] = []

    def take() -> np.ndarray:
        index = prepare(f"folder:{root}", small_settings, tmp_path / "cache", lambda *done: calls.append(done))
        split = index.audio("all")
        return split.audio[split.paths.index(changed)]

    changed = sorted(f"go/{path.name}" for path in (root / "go").iterdir())[0]
    before = take()
    assert calls[-1] == (80, 80)
    calls.clear()
    np.testing.assert_array_equal(take(), before)
    assert calls == []
    write_clip(root / changed, np.full(RATE, 77, np.int16))
    os.utime(root / changed, ns=(1, 1))
    assert set(take().tolist()) == {77}
    assert calls[-1] == (80, 80)


def test_an_interrupted_preparation_leaves_nothing_that_looks_complete(
    small_folder: Path, small_settings: DataSettings, tmp_path: Path
) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(f"folder:{small_folder}", small_settings, tmp_path, stop)
    assert list(tmp_path.iterdir()) == []
    assert prepare(f"folder:{small_folder}", small_settings, tmp_path).counts()["train"]["go"] > 0


def test_a_damaged_cache_is_refused_with_the_way_out(
    small_folder: Path, small_settings: DataSettings, tmp_path: Path
) -> None:
    prepare(f"folder:{small_folder}", small_settings, tmp_path)
    next(tmp_path.glob("store-*/store.json")).write_text("{")
    with pytest.raises(DataError, match="Delete"):
        prepare(f"folder:{small_folder}", small_settings, tmp_path)


class TestMessyFolders:
    """Names, formats and stray files as they come."""

    @pytest.fixture
    def messy(self, make_folder: Callable[..., Path], write_clip: Callable[..., Path], tmp_path: Path,
              burst: Callable[..., np.ndarray]) -> Path:  # fmt: skip
        root = make_folder(tmp_path / "mein Ordner ü", words=("größe", "hey nova", "happy"), speakers=40)
        write_clip(root / "happy" / "backward_0c540988_nohash_0.wav.wav", burst("backward"))
        write_clip(root / "happy" / "UPPER_nohash_0.WAV", burst("upper"))
        stereo = np.stack([burst("l", 44100), burst("r", 44100)], axis=1)
        write_clip(root / "happy" / "5tereo_nohash_0.wav", stereo, rate=44100)
        (root / "happy" / "notes.txt").write_text("not audio")
        (root / "happy" / "._0c540988_nohash_0.wav").write_bytes(b"resource fork")
        (root / "README.md").write_text("hello")
        (root / ".hidden").mkdir()
        return root

    settings = DataSettings(keywords=("größe", "hey nova"), split="percent", percent=(70, 15, 15))

    def test_are_read(self, messy: Path, tmp_path: Path) -> None:
        index = prepare(f"folder:{messy}", self.settings, tmp_path / "cache")
        assert len(index.clips) == 123
        assert index.corrupt == ()
        speakers = {clip.path: clip.speaker for clip in index.clips}
        assert speakers["happy/backward_0c540988_nohash_0.wav.wav"] == "0c540988"
        assert speakers["happy/UPPER_nohash_0.WAV"] == "UPPER"
        assert any("1 of 123 clips resampled" in note for note in index.notes)
        assert index.counts()["test"]["größe"] > 0

    def test_names_in_an_old_encoding_are_read(self, messy: Path, tmp_path: Path) -> None:
        for path in (messy / "happy").glob("[0-9]*_nohash_0.wav"):
            path.rename(os.fsdecode(os.fsencode(path).replace(b"_nohash", "_größe".encode("latin-1"))))
        settings = self.settings.model_copy(update={"split": "auto"})
        for spec in ("folder", "tfds-folder"):
            index = prepare(f"{spec}:{messy}", settings, tmp_path / "cache")
            odd = [clip for clip in index.clips if "\udcf6" in clip.path]
            assert len(odd) > 10
            assert index.corrupt == ()
            assert all(len(index.split_sha256(split)) == 64 for split in index.splits)

    def test_a_folder_name_in_decomposed_letters_is_the_keyword(self, messy: Path, tmp_path: Path) -> None:
        (messy / "größe").rename(messy / "gro\u0308ße")
        index = prepare(f"folder:{messy}", self.settings, tmp_path / "cache")
        assert index.counts()["train"]["größe"] > 0

    def test_corrupt_clips_are_left_out_and_counted(self, messy: Path, tmp_path: Path) -> None:
        (messy / "happy" / "e0_nohash_0.wav").write_bytes(b"")
        index = prepare(f"folder:{messy}", self.settings, tmp_path / "cache")
        assert index.corrupt == (("happy/e0_nohash_0.wav", "the file is empty (0 bytes)"),)
        assert any("1 corrupt clips left out" in note for note in index.notes)
        assert len(index.clips) == 123

    def test_more_than_one_per_cent_corrupt_stops(self, messy: Path, tmp_path: Path, write_clip: Callable[..., Path],
                                                  burst: Callable[..., np.ndarray]) -> None:  # fmt: skip
        (messy / "happy" / "e0_nohash_0.wav").write_bytes(b"")
        flac = write_clip(messy / "happy" / "f1ac_nohash_0.flac", burst("flac"))
        flac.write_bytes(flac.read_bytes()[:5000])
        with pytest.raises(DataError) as caught:
            prepare(f"folder:{messy}", self.settings, tmp_path / "cache")
        assert "2 of 125 clips are corrupt" in str(caught.value)
        assert "happy/e0_nohash_0.wav" in str(caught.value)
        assert "happy/f1ac_nohash_0.flac" in str(caught.value)
        relaxed = self.settings.model_copy(update={"max_corrupt_share": 0.05})
        assert len(prepare(f"folder:{messy}", relaxed, tmp_path / "cache").corrupt) == 2


class TestRefusals:
    """Clear errors before any training."""

    @pytest.mark.parametrize(
        ("spec", "message"),
        [
            ("folder:{tmp}/nowhere", "does not exist"),
            ("folder:{tmp}/file.txt", "expected a folder"),
            ("folder:{tmp}/empty", "no folder with sound files"),
            ("folder:", "expected a data source"),
            ("foldr:{tmp}", "Did you mean 'folder'"),
            ("nonsense", "Received: 'nonsense'"),
        ],
    )
    def test_of_a_source(self, tmp_path: Path, spec: str, message: str) -> None:
        (tmp_path / "empty").mkdir()
        (tmp_path / "file.txt").write_text("x")
        with pytest.raises(DataError, match=message):
            prepare(spec.format(tmp=tmp_path), DataSettings(), tmp_path / "cache")

    def test_of_a_keyword_without_clips(self, small_folder: Path, tmp_path: Path) -> None:
        with pytest.raises(DataError) as caught:
            prepare(f"folder:{small_folder}", DataSettings(keywords=("go", "stopp")), tmp_path)
        assert "no clip of 'stopp'" in str(caught.value)
        assert "Did you mean 'stop'?" in str(caught.value)

    def test_of_an_empty_keyword_folder(self, make_folder: Callable[..., Path], tmp_path: Path) -> None:
        root = make_folder(tmp_path / "set", speakers=4)
        (root / "left").mkdir()
        said = "no clip of 'left'.* No sound file lies in the folder of 'left'. Words there: bird, go, happy, stop"
        with pytest.raises(DataError, match=said):
            prepare(f"folder:{root}", DataSettings(keywords=("go", "left")), tmp_path / "cache")

    @pytest.mark.parametrize("twin", ["Go", "go "])
    def test_of_a_folder_spelt_almost_like_a_keyword(
        self, make_folder: Callable[..., Path], tmp_path: Path, twin: str
    ) -> None:
        root = make_folder(tmp_path / "set", speakers=4)
        (root / "go").rename(root / twin)
        with pytest.raises(DataError, match=f"no clip of 'go'.*Did you mean '{twin}'"):
            prepare(f"folder:{root}", DataSettings(keywords=("go",)), tmp_path / "cache")
        (root / "go").mkdir()
        next((root / twin).glob("*.wav")).rename(root / "go" / "0_nohash_0.wav")
        with pytest.raises(DataError, match=f"has '{twin}' beside the keyword 'go': its clips would count as other"):
            prepare(f"folder:{root}", DataSettings(keywords=("go",)), tmp_path / "cache")

    def test_of_a_keyword_with_corrupt_clips_only(self, make_folder: Callable[..., Path], tmp_path: Path) -> None:
        root = make_folder(tmp_path / "set", speakers=4)
        (root / "left").mkdir()
        (root / "left" / "a_nohash_0.wav").write_bytes(b"")
        settings = DataSettings(keywords=("go", "left"), max_corrupt_share=0.5)
        with pytest.raises(DataError, match="every clip of 'left' is corrupt"):
            prepare(f"folder:{root}", settings, tmp_path / "cache")

    def test_of_a_split_without_a_class(
        self, make_folder: Callable[..., Path], write_clip: Callable[..., Path], burst: Callable[..., np.ndarray],
        tmp_path: Path,
    ) -> None:  # fmt: skip
        root = make_folder(tmp_path / "set", speakers=20)
        write_clip(root / "left" / "0123_nohash_0.wav", burst("one"))
        with pytest.raises(DataError, match="has no clip of left"):
            prepare(f"folder:{root}", DataSettings(keywords=("go", "left")), tmp_path / "cache")

    def test_of_no_other_words(self, make_folder: Callable[..., Path], tmp_path: Path) -> None:
        root = make_folder(tmp_path / "set", words=("go", "stop"), speakers=20)
        settings = DataSettings(keywords=("go", "stop"), split="percent")
        with pytest.raises(DataError, match="no clip of _unknown_"):
            prepare(f"folder:{root}", settings, tmp_path / "cache")
        allowed = settings.model_copy(update={"unknown_share": 0.0})
        assert prepare(f"folder:{root}", allowed, tmp_path / "cache").counts()["test"]["_unknown_"] == 0

    def test_of_a_split_that_is_not_there(
        self, small_folder: Path, small_settings: DataSettings, tmp_path: Path
    ) -> None:
        with pytest.raises(DataError, match="expected a split of"):
            prepare(f"folder:{small_folder}", small_settings, tmp_path).audio("dev")

    @pytest.mark.parametrize(
        "values",
        [
            {"keywords": []},
            {"keywords": ["go", "go"]},
            {"keywords": ["_silence_"]},
            {"keywords": ["a/b"]},
            {"keywords": ["t\u00fcr", "tu\u0308r"]},
            {"keywords": ["\u200c"]},
            {"keywords": ["a\u202eb"]},
            {"percent": [80, 10, 20]},
            {"percent": [0, 50, 50]},
            {"speaker_pattern": "no group"},
            {"speaker_pattern": "("},
            {"speaker_pattern": "((a{500}){500}){500}"},
            {"speaker_pattern": "(a{2,99999999999999999999})"},
            {"speaker_pattern": "(" * 5000 + ")" * 5000},
            {"split": "random"},
            {"silence_share": -1},
        ],
    )
    def test_of_settings(self, values: dict[str, object]) -> None:
        with pytest.raises(RecipeError, match=next(iter(values))):
            DataSettings.parse(values, "data")


def test_two_percentages_leave_the_third_split_out(small_folder: Path, tmp_path: Path) -> None:
    settings = DataSettings(keywords=("go", "stop"), split="percent", percent=(80, 20, 0))
    index = prepare(f"folder:{small_folder}", settings, tmp_path)
    assert index.splits == ("train", "validation")


def test_without_background_noise_the_silence_is_generated(
    make_folder: Callable[..., Path], small_settings: DataSettings, tmp_path: Path
) -> None:
    root = make_folder(tmp_path / "set", noise_seconds=0)
    index = prepare(f"folder:{root}", small_settings, tmp_path / "cache")
    assert any("no background noise recordings" in note for note in index.notes)
    assert index.counts()["test"]["_silence_"] > 0


@pytest.mark.slow
@pytest.mark.recordings
def test_recordings_are_prepared_whole(recordings: Path, tmp_path: Path) -> None:
    index = prepare(f"folder:{recordings}", DataSettings(), tmp_path)
    assert index.corrupt == ()
    assert len(index.clips) == sum(1 for path in recordings.glob("[!_]*/*.flac"))
    assert any("split by speaker hash" in note and "without" in note for note in index.notes)
    for split, counts in index.counts().items():
        assert min(counts[word] for word in index.settings.keywords) >= 40, split
    shutil.rmtree(tmp_path)
