"""Sets too large for memory take the same way as small ones, and give the same: shards, kept listings, kept indexes."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from kws_tfmot.cache import clear
from kws_tfmot.data import DataSettings, kept_listing, large_arrays, prepare
from kws_tfmot.data.audio_shards import ClipShards, ShardWriter
from kws_tfmot.data.data_settings import AugmentSettings
from kws_tfmot.data.feature_augment import mixup, mixup_draws, spec_augment
from kws_tfmot.data.kept_listing import listing_of
from kws_tfmot.data.large_arrays import ModelInput, Targets, allocate
from kws_tfmot.data.speakers import percent_splits
from kws_tfmot.errors import DataError


@pytest.mark.parametrize("count", [0, 1, 6, 7])
def test_shards_hold_every_clip_once(tmp_path: Path, count: int) -> None:
    clips = np.random.default_rng(0).integers(-9, 9, (count, 5)).astype(np.int16)
    writer = ShardWriter(tmp_path, 5, shard_bytes=30)  # three clips
    for clip in clips:
        writer.add(clip)
    writer.close()
    stored = ClipShards(tmp_path, count, 5, writer.shard_rows)
    order = np.random.default_rng(1).permutation(count)
    np.testing.assert_array_equal(stored.gather(order), clips[order])
    files = sorted(tmp_path.glob("*.npy"))
    assert [len(np.load(file)) for file in files] == [min(3, count - first) for first in range(0, max(count, 1), 3)]
    if count == 7:
        files[1].write_bytes(files[1].read_bytes()[:-1])
        with pytest.raises(DataError, match="ends too early"):
            stored.gather(np.array([0, 5]))


def test_a_training_reads_on_when_its_cache_is_cleared(
    small_folder: Path, small_settings: DataSettings, tmp_path: Path
) -> None:
    train = prepare(f"folder:{small_folder}", small_settings, tmp_path / "cache").audio("train")
    before = train.audio.copy()
    clear(tmp_path)
    assert not list(tmp_path.rglob("*.npy"))
    np.testing.assert_array_equal(train.gather(np.arange(len(before))), before)


def test_a_kept_listing_follows_new_files_and_changed_ones(
    small_folder: Path, small_settings: DataSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    root, cache = shutil.copytree(small_folder, tmp_path / "set"), tmp_path / "cache"
    monkeypatch.setattr(kept_listing, "KEEP_FROM", 10)
    monkeypatch.setattr(kept_listing, "_SETTLED", -1e12)
    calls: list[Path] = []
    real = kept_listing.list_folder
    monkeypatch.setattr(kept_listing, "list_folder", lambda *a: (calls.append(a[0]), real(*a))[1])

    def key(every_file: bool = False) -> str:
        return listing_of(root, small_settings, cache, every_file).key

    first = listing_of(root, small_settings, cache, False)
    again = listing_of(root, small_settings, cache, False)
    assert len(calls) == 1 and list(again.clips) == list(first.clips) and again.noises == first.noises
    changed = sorted((root / "go").iterdir())[3]
    os.utime(changed, ns=(1, 1))
    assert key() != first.key and len(calls) == 2  # 120 files: each is looked at
    monkeypatch.setattr(kept_listing, "_LOOKED_AT", 0)
    assert key() and len(calls) == 2
    os.utime(changed, ns=(2, 2))
    assert key() and len(calls) == 2
    assert key(every_file=True) and len(calls) == 3
    changed.unlink()
    assert key() and len(calls) == 4


def test_an_index_is_found_again_and_a_damaged_one_made_again(
    small_folder: Path, small_settings: DataSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def take():
        return prepare(f"folder:{small_folder}", small_settings, tmp_path)

    first = take()
    kept = next(tmp_path.glob("store-*/index-*/index.arrow"))
    with monkeypatch.context() as context:
        context.setattr("kws_tfmot.data.build_index.assign_splits", None)
        found = take()
    assert found.clips == first.clips and found.notes == first.notes and found.counts() == first.counts()
    assert [found.split_sha256(s) for s in found.splits] == [found.where(found.clips.splits >= 0).split_sha256(s)
                                                             for s in found.splits]  # fmt: skip
    np.testing.assert_array_equal(found.audio("test").audio, first.audio("test").audio)
    beginning = kept.read_bytes()[:100]
    kept.unlink()  # others have it mapped
    kept.write_bytes(beginning)
    assert take().clips == first.clips
    other = small_settings.model_copy(update={"seed": 5})
    assert prepare(f"folder:{small_folder}", other, tmp_path).clips != first.clips


def test_features_and_targets_made_as_they_are_asked_for_are_the_same() -> None:
    rng = np.random.default_rng(0)
    features, labels = rng.integers(-128, 128, (30, 4, 3), dtype=np.int8), rng.integers(0, 5, 30)
    whole = mixup(features.astype(np.float32)[..., None] * np.float32(0.5), np.eye(5, dtype=np.float32)[labels],
                  np.random.default_rng(1), 0.2)  # fmt: skip
    drawn = mixup_draws(30, np.random.default_rng(1), 0.2)
    lazily = ModelInput(features, 0.5, *drawn), Targets(labels, 5, *drawn)
    for first in range(0, 30, 7):
        rows = slice(first, first + 7)
        np.testing.assert_array_equal(lazily[0][rows], whole[0][rows])
        np.testing.assert_array_equal(lazily[1][rows], whole[1][rows])


def test_arrays_beyond_the_bound_lie_in_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    features = np.random.default_rng(0).integers(-128, 128, (50, 6, 4), dtype=np.int8)
    settings = AugmentSettings(time_masks=2, time_mask_frames=3, frequency_masks=1, frequency_mask_bins=2)
    small = spec_augment(features, np.random.default_rng(2), settings)
    monkeypatch.setattr(large_arrays, "IN_MEMORY", 10)
    large = spec_augment(features, np.random.default_rng(2), settings)
    assert isinstance(large, np.memmap) and not isinstance(small, np.memmap)
    np.testing.assert_array_equal(large, small)
    assert allocate((0, 3), np.int8).shape == (0, 3)


def test_speakers_without_clips_and_rare_classes_are_placed() -> None:
    splits = percent_splits({"a": {"go": 0}, "b": {"go": 2, "rare": 1}, "c": {}, "d": {"go": 2}}, (50, 25, 25), 0)
    assert set(splits) == {"a", "b", "c", "d"} and set(splits.values()) <= {"train", "validation", "test"}
