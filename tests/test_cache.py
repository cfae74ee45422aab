"""The cache's bound: the oldest go first, whole, and what is in use stays."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from kws_tfmot import cache
from kws_tfmot.data.audio import decode_clip
from kws_tfmot.data.store import cached_store
from kws_tfmot.errors import RecipeError
from tests.pipelines.conftest import run

DAY = 86400


def put(path: Path, size: int, days: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    then = time.time() - days * DAY
    os.utime(path, (then, then))


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for key, days in (("0a", 9), ("0b", 3), ("0c", 0)):
        for name in ("audio", "noise"):
            put(tmp_path / "audio" / f"{name}-{key}.npy", 1000, 20)
        put(tmp_path / "audio" / f"index-{key}.json", 10, days)
    put(tmp_path / "speech" / "espeak" / "x.npz", 500, 5)
    put(tmp_path / "kws-frontend-1.so", 7, 40)
    monkeypatch.setenv("KWS_CACHE", str(tmp_path))
    return tmp_path


def test_entries_are_whole_and_the_oldest_come_first(root: Path) -> None:
    found = cache.kinds(root)
    assert {kind: [entry.bytes for entry in entries] for kind, entries in found.items()} == {
        "audio": [2010, 2010, 2010], "speech": [500], "front end": [7]
    }  # fmt: skip
    assert [Path(entry.files[0]).name for entry in found["audio"]] == [f"index-0{key}.json" for key in "abc"]


def test_trimming_removes_the_oldest_and_spares_what_is_in_use(root: Path) -> None:
    assert cache.trim(root / "audio", 4500) == 2010
    assert {path.name for path in (root / "audio").iterdir()} == {
        f"{name}-{key}" for key in ("0b.npy", "0c.npy") for name in ("audio", "noise")
    } | {"index-0b.json", "index-0c.json"}
    assert cache.trim(root / "audio", 0) == 2010  # the third was used just now
    assert (root / "audio" / "index-0c.json").is_file()
    assert cache.trim(root / "nothing", 0) == 0


def test_filling_a_store_keeps_the_bound_and_reading_it_counts_as_use(
    root: Path, monkeypatch: pytest.MonkeyPatch, write_clip, burst
) -> None:
    monkeypatch.setenv(cache.BOUND, "3k")
    path = write_clip(root / "clip.wav", burst("a"))
    clips = lambda: [("clip.wav", decode_clip(path, 16000, 16000))]  # noqa: E731
    for _ in range(2):
        store = cached_store("ff", clips, lambda: ([], []), 1, 16000, root / "audio")
        assert store.audio.shape == (1, 16000) and np.any(store.audio.gather(np.array([0])))
    assert {path.name for path in (root / "audio").iterdir() if path.is_dir() or path.suffix == ".json"} == {
        "index-0c.json", "store-ff"
    }  # fmt: skip
    index = root / "audio" / "store-ff" / "store.json"
    os.utime(index, (0, 0))
    cached_store("ff", clips, lambda: ([], []), 1, 16000, root / "audio")
    assert time.time() - index.stat().st_mtime < 1000


def test_the_command_shows_clears_and_bounds(root: Path) -> None:
    shown = run("cache")
    assert shown.exit_code == 0 and "speech" in shown.output and "at most 20 GB" in shown.output
    assert run("cache", "--clear", "speech").exit_code == 0 and not list((root / "speech").rglob("*.npz"))
    refused = run("cache", "--clear", "speach")
    assert refused.exit_code == 2 and "It holds: audio, front end" in refused.output
    assert run("cache", "--bound", "3k").exit_code == 0
    assert sum(path.stat().st_size for path in root.rglob("*") if path.is_file()) == 2010
    assert run("cache", "--bound", "much").exit_code == 2
    assert run("cache", "--clear", "all").exit_code == 0 and "holds nothing" in run("cache").output


def test_a_bound_that_is_no_size_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cache.BOUND, "lots")
    with pytest.raises(RecipeError, match="'lots'"):
        cache.audio_bound()
    with pytest.raises(RecipeError, match="at most 1000 million GB"):
        cache.parse_bytes("9" * 400 + "T")
    monkeypatch.setenv(cache.BOUND, "0")
    assert cache.audio_bound() == 0
