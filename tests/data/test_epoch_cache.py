"""Augmented epochs kept in a folder: made once, shared, bounded, and never another training's."""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from kws_tfmot.data import AugmentSettings, ClipIndex, feature_batches
from kws_tfmot.data.epoch_cache import EpochCache
from tests.data.batch_support import CountingFrontend, batches_of


class TestEpochCache:
    @pytest.fixture
    def settings(self) -> AugmentSettings:
        return AugmentSettings(time_masks=2, time_mask_frames=4)

    def _stream(self, index: ClipIndex, settings: AugmentSettings, folder: Path, frontend=None, **changes):
        batches = batches_of(index, settings, **changes)
        cache = EpochCache(folder, ["data", {"kind": "mfcc"}], batches)
        return feature_batches(batches, frontend or CountingFrontend(), 3, cache=cache)

    def test_epochs_are_the_same_with_and_without_it(self, index: ClipIndex, settings, tmp_path: Path) -> None:
        baseline = feature_batches(batches_of(index, settings), CountingFrontend(), prefetch=False)
        expected = [baseline.epoch_features(number) for number in range(3)]
        for frontend in (CountingFrontend(), CountingFrontend()):  # the first writes, the second reads
            with self._stream(index, settings, tmp_path, frontend) as stream:
                for number, (features, labels) in enumerate(expected):
                    found = stream.epoch_features(number)
                    assert (found[0].dtype, found[1].dtype) == (np.int8, np.int32)
                    np.testing.assert_array_equal(found[0], features)
                    np.testing.assert_array_equal(found[1], labels)
        assert not frontend.threads  # nothing was computed the second time
        assert len(list(tmp_path.iterdir())) == 3

    def test_the_folder_keeps_its_bound(self, index: ClipIndex, settings, tmp_path: Path, monkeypatch) -> None:
        old = tmp_path / "old.npz"
        old.write_bytes(bytes(50_000))
        os.utime(old, (0, 0))
        monkeypatch.setenv("KWS_EPOCHS_BYTES", "1k")
        with self._stream(index, settings, tmp_path) as stream:
            stream.epoch_features(0)
            assert not old.exists() and stream.cache.path(0).is_file()  # used within the hour

    def test_repeats_take_the_clips_of_one_draw_in_other_orders(self, index: ClipIndex, tmp_path: Path) -> None:
        baseline = AugmentSettings()
        with feature_batches(batches_of(index, baseline), CountingFrontend(), 2) as stream:
            once = [stream.epoch_features(number) for number in range(2)]
        settings, frontend = AugmentSettings(repeats=2), CountingFrontend()
        with self._stream(index, settings, tmp_path, frontend) as stream:
            found = [stream.epoch_features(number) for number in range(4)]
        assert len(list(tmp_path.iterdir())) == 2
        for number, (features, labels) in enumerate(found):
            expected, classes = once[number // 2]
            assert not np.array_equal(features, expected)
            for own, wanted in ((features, expected), (labels, classes)):
                rows = [np.sort(a.reshape(len(a), -1), axis=0) for a in (own, wanted)]
                np.testing.assert_array_equal(*rows)
        assert not np.array_equal(found[0][0], found[1][0])

    def test_masks_are_anew_in_every_repeat(self, index: ClipIndex, settings, tmp_path: Path) -> None:
        repeated = settings.model_copy(update={"repeats": 2})
        with self._stream(index, repeated, tmp_path) as stream:
            first, second = (np.sort(stream.epoch_features(number)[0].ravel()) for number in range(2))
        assert not np.array_equal(first, second)

    def test_trainings_that_want_an_epoch_together_make_it_once(self, index: ClipIndex, settings, tmp_path) -> None:
        together, frontends = threading.Barrier(3), [CountingFrontend() for _ in range(3)]
        found = []

        def want(frontend: CountingFrontend) -> None:
            with self._stream(index, settings, tmp_path, frontend) as stream:
                together.wait()
                found.append(stream.compute(0)[0])

        threads = [threading.Thread(target=want, args=(frontend,)) for frontend in frontends]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(bool(frontend.threads) for frontend in frontends) == 1
        np.testing.assert_array_equal(found[0], found[1])
        np.testing.assert_array_equal(found[0], found[2])
        assert [path.suffix for path in tmp_path.iterdir()] == [".npz"]

    def test_locks_of_killed_processes_go_and_those_that_are_held_stay(self, index, settings, tmp_path: Path) -> None:
        dead, held = tmp_path / "dead.lock", tmp_path / "held.lock"
        dead.touch()
        with held.open("w") as lock, self._stream(index, settings, tmp_path) as stream:
            fcntl.flock(lock, fcntl.LOCK_EX)
            stream.cache.path(0).with_suffix(".lock").touch()
            stream.compute(0)
        assert sorted(path.suffix for path in tmp_path.iterdir()) == [".lock", ".npz"]
        assert held.exists()

    def test_whatever_decides_an_epoch_names_its_file(self, index: ClipIndex, settings, tmp_path: Path) -> None:
        batches = batches_of(index, settings)
        names = {EpochCache(tmp_path, inputs, batches).path(number) for inputs in ("a", "b") for number in (0, 1)}
        names.add(EpochCache(tmp_path, "a", batches_of(index, settings, seed=1)).path(0))
        names.add(EpochCache(tmp_path, "a", batches_of(index)).path(0))
        assert len(names) == 6
        assert EpochCache(tmp_path, "a", batches_of(index, settings, batch_size=8)).path(0) in names

    @pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 no archive", None, "by hand"])
    def test_a_broken_file_is_made_again(self, index: ClipIndex, settings, tmp_path: Path, damage) -> None:
        with self._stream(index, settings, tmp_path) as stream:
            expected = stream.epoch_features(0)[0]
            path = stream.cache.path(0)
        whole = path.read_bytes()
        if damage is None:  # one bit of the features
            middle = len(whole) // 2
            damage = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
        if damage == "by hand":
            with np.load(path) as stored:
                np.savez(path, features=stored["features"][:, :3] + 1, labels=stored["labels"])
        else:
            path.write_bytes(damage)
        with self._stream(index, settings, tmp_path) as stream:
            np.testing.assert_array_equal(stream.epoch_features(0)[0], expected)
        assert path.read_bytes() == whole
