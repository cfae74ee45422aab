"""A cache without room or permission: the work goes on without it, and says so."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from kws_tfmot import spare_cache
from kws_tfmot.data import DataSettings, audio_shards, prepare
from kws_tfmot.data.epoch_cache import EpochCache
from kws_tfmot.errors import CacheError, KwsError
from kws_tfmot.files import process_mark
from kws_tfmot.frontend.native import build_library
from kws_tfmot.spare_cache import keep, kept, kept_json, spare_folder, with_spare_folder

SPOKEN = {"engines": ["espeak"], "speakers": 10, "clips_per_word": 20, "clips_per_unknown_word": 4, "noise_seconds": 12}


@pytest.fixture(autouse=True)
def no_spare_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A place for temporary files of each test."""
    spare_folder.cache_clear()
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    yield place
    spare_folder.cache_clear()


@pytest.fixture
def unwritable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that nothing can be put into, as no folder can be made there."""
    (tmp_path / "cache").write_text("a file")
    monkeypatch.setenv("KWS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache whose disk is full when a shard's last bytes are written."""
    whole = audio_shards.ShardWriter.close

    def close(self: audio_shards.ShardWriter) -> None:
        if self.folder.is_relative_to(tmp_path / "cache"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        whole(self)

    monkeypatch.setattr(audio_shards.ShardWriter, "close", close)
    return tmp_path / "cache"


@pytest.mark.parametrize("fault", ["unwritable", "full"])
def test_clips_are_prepared_without_the_cache(
    small_folder: Path, small_settings: DataSettings, tmp_path: Path, fault: str, request: pytest.FixtureRequest
) -> None:
    cache = request.getfixturevalue(fault) / "audio"
    index = prepare(f"folder:{small_folder}", small_settings, cache)
    normal = prepare(f"folder:{small_folder}", small_settings, tmp_path / "other")
    assert index.sha256() == normal.sha256()
    np.testing.assert_array_equal(index.audio("test").audio, normal.audio("test").audio)
    (note,) = set(index.notes) - set(normal.notes)
    assert str(cache) in note and "cannot be written" in note and "this command alone" in note
    assert list((tmp_path / "cache").rglob("*.npy")) == []


def test_speech_is_made_without_the_cache(unwritable: Path, tmp_path: Path) -> None:
    pytest.importorskip("espeakng_loader")
    settings = DataSettings.parse({"keywords": ["go"], "synthetic": SPOKEN | {"unknown_words": ["yes", "house"]}})
    by_engines = settings.model_copy(update={"synthetic": settings.synthetic.model_copy(update={"language": "de"})})
    for asked in (settings, by_engines):
        index = prepare("synthetic", asked, unwritable / "audio")
        assert index.sha256() == prepare("synthetic", asked, tmp_path / "other").sha256()
        assert "cannot be written" in index.notes[-1]


def test_no_room_in_either_place_is_refused(
    small_folder: Path, small_settings: DataSettings, unwritable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(unwritable / "temporary"))
    with pytest.raises(KwsError, match="temporary' cannot be written"):
        prepare(f"folder:{small_folder}", small_settings, unwritable / "audio")


def test_libraries_are_compiled_without_the_cache(unwritable: Path) -> None:
    path = build_library()
    assert path.is_relative_to(spare_folder())
    written = path.stat().st_mtime_ns
    assert build_library() == path and path.stat().st_mtime_ns == written


def test_what_is_kept_is_found_where_it_lies(tmp_path: Path, unwritable: Path) -> None:
    good, bad = tmp_path / "good" / "a.bin", unwritable / "b.bin"
    assert kept(good) is None and kept(bad) is None
    assert keep(good, b"1") == good == kept(good)
    assert keep(bad, b"2") == spare_folder() / "b.bin" == kept(bad)
    assert with_spare_folder(tmp_path, lambda folder: folder) == (tmp_path, "")


def test_what_is_damaged_is_made_anew(tmp_path: Path) -> None:
    good = tmp_path / "a.json"
    keep(good, b'{"a": 1}')
    assert kept_json(good) == {"a": 1}
    for damage in (b"", b'{"a": ', b"\xff"):  # the first is what a power cut leaves
        good.write_bytes(damage)
        assert kept_json(good) is None
    good.write_bytes(b"")
    assert kept(good) is None


def test_other_errors_are_no_lack_of_room(tmp_path: Path) -> None:
    def work(folder: Path) -> None:
        raise KwsError("something else")

    with pytest.raises(KwsError, match="something else"):
        with_spare_folder(tmp_path, work)
    assert issubclass(CacheError, KwsError) and spare_folder.cache_info().currsize == 0


def test_the_folder_goes_with_its_process_and_what_killed_ones_left_goes_too(no_spare_folder: Path) -> None:
    script = "from kws_tfmot.spare_cache import spare_folder; import os; print(spare_folder(), flush=True); {}"
    environment = os.environ | {"TMPDIR": str(no_spare_folder)}

    def left_by(end: str) -> Path:
        command = [sys.executable, "-c", script.format(end)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        return Path(done.stdout.strip())

    assert not left_by("pass").exists()
    assert left_by("os._exit(9)").is_dir()
    assert process_mark() in spare_folder().name
    assert list(no_spare_folder.iterdir()) == [spare_folder()]
    spare_cache._remove(spare_folder(), os.getpid() + 1)  # at the end of a fork
    assert spare_folder().is_dir()


def test_epochs_are_made_where_they_cannot_be_kept(unwritable: Path, tmp_path: Path, monkeypatch) -> None:
    class Batches:
        labels, seed = ("a", "b"), 1
        noise = type("Noise", (), {"samples": np.zeros(1, np.int16), "spans": ()})
        settings = type("None_", (), {"model_dump": staticmethod(lambda mode: {})})

    features, labels = np.ones((2, 3, 4), np.int8), np.array([0, 1], np.int32)
    made: list[int] = []

    def make(number: int) -> tuple[np.ndarray, np.ndarray]:
        made.append(number)
        return features, labels

    for folder in (unwritable / "epochs", tmp_path / "epochs"):
        cache = EpochCache(folder, "inputs", Batches())
        if folder.parent == tmp_path:  # a disk that fills while an epoch is written
            monkeypatch.setattr(np.lib.format, "write_array", _no_room)
        np.testing.assert_array_equal(cache.load_or_make(3, make)[0], features)
    assert made == [3, 3]
    assert list((tmp_path / "epochs").iterdir()) == []


def _no_room(*_: object, **__: object) -> Callable[[], None]:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
