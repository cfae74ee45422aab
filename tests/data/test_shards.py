"""Clips decoded in shards by several workers: the same store, byte for byte, as one process writes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kws_tfmot.data import DataSettings, prepare
from kws_tfmot.data.shards import decode_in_shards
from kws_tfmot.errors import DataError
from kws_tfmot.jobs import JobOutcome, run_jobs
from tests.test_jobs import Log

SETTINGS = DataSettings(keywords=("go", "stop"), split="percent", max_corrupt_share=0.1)


@pytest.fixture
def folder(make_folder: Callable[..., Path], write_clip, burst, tmp_path: Path) -> Path:
    """Clips of several kinds: another rate, too long, too short, one that is no sound file, one of zeros."""
    root = make_folder(tmp_path / "clips", speakers=10, noise_seconds=3.0)
    write_clip(root / "go" / "0a_nohash_0.wav", burst("rate", 8000), 8000)
    write_clip(root / "go" / "0b_nohash_0.wav", burst("long", 30000))
    write_clip(root / "stop" / "0c_nohash_0.wav", burst("short", 9000), 16000, "PCM_24")
    write_clip(root / "stop" / "0d_nohash_0.wav", np.zeros(16000, np.int16))
    (root / "bird" / "0e_nohash_0.wav").write_bytes(b"RIFF....")
    return root


def files(cache: Path) -> dict[str, bytes]:
    """Of the store; indexes made of it lie in folders below."""
    return {path.name: path.read_bytes() for path in sorted(cache.glob("store-*/*")) if path.is_file()}


def test_the_store_is_the_same_byte_for_byte(folder: Path, tmp_path: Path) -> None:
    serial, sharded = tmp_path / "serial", tmp_path / "sharded"
    expected = prepare(f"folder:{folder}", SETTINGS, serial)

    def in_any_order(jobs):
        assert len(jobs) == 7  # 45 clips
        return run_jobs(jobs[::-1], 1, 0, Log())

    decode_in_shards(folder, SETTINGS, sharded, tmp_path / "shards", in_any_order, shard_clips=7)
    assert files(sharded) == files(serial)
    assert len(files(serial)) == 4
    assert not any((tmp_path / "shards").iterdir())
    again = prepare(f"folder:{folder}", SETTINGS, sharded)  # finds it
    assert again.notes == expected.notes
    assert again.corrupt == expected.corrupt
    assert len(again.corrupt) == 1


def test_worker_processes_write_the_same(folder: Path, tmp_path: Path) -> None:
    prepare(f"folder:{folder}", SETTINGS, tmp_path / "serial")
    decode_in_shards(
        folder, SETTINGS, tmp_path / "sharded", tmp_path / "shards", lambda jobs: run_jobs(jobs, 2, 1, Log()), 20
    )
    assert files(tmp_path / "sharded") == files(tmp_path / "serial")


def test_what_is_there_is_not_decoded_again(folder: Path, tmp_path: Path) -> None:
    begun: list[list[str]] = []

    def interrupted(jobs):
        begun.append([job.name for job in jobs])
        done = run_jobs(jobs[:2], 1, 0, Log())
        return done | {job.name: JobOutcome(error="its worker was lost") for job in jobs[2:]}

    arguments = (folder, SETTINGS, tmp_path / "cache", tmp_path / "shards")
    with pytest.raises(DataError, match="4 of 6 shards failed; shard 000002: its worker was lost"):
        decode_in_shards(*arguments, interrupted, shard_clips=8)
    assert not list((tmp_path / "cache").glob("*.json"))  # nothing that looks complete
    broken = next((tmp_path / "shards").rglob("000001.npz"))
    broken.write_bytes(broken.read_bytes()[:-40])

    def rest(jobs):
        begun.append([job.name for job in jobs])
        return run_jobs(jobs, 1, 0, Log())

    decode_in_shards(*arguments, rest, shard_clips=8)
    assert begun[1] == [f"shard 00000{number}" for number in (1, 2, 3, 4, 5)]
    prepare(f"folder:{folder}", SETTINGS, tmp_path / "serial")
    assert files(tmp_path / "cache") == files(tmp_path / "serial")
    decode_in_shards(*arguments, rest, shard_clips=8)
    assert len(begun) == 2  # the store is there
