"""Decoding a large folder in shards, by as many workers as there are, into the store that one process would write."""

from __future__ import annotations

import json
import platform
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kws_tfmot.array_files import open_arrays, write_arrays
from kws_tfmot.damage import DAMAGE
from kws_tfmot.data.audio import Decoded, decode_clip
from kws_tfmot.data.clip_folder import list_folder
from kws_tfmot.data.data_settings import DataSettings
from kws_tfmot.data.store import AudioStore, folder_store, store_key
from kws_tfmot.errors import DataError
from kws_tfmot.jobs import Job, JobOutcome, keep_traces
from kws_tfmot.progress import Reporter

SHARD_CLIPS = 1000  # of one second at 16 kHz: 32 MB
RunJobs = Callable[[Sequence[Job]], dict[str, JobOutcome]]


@dataclass(frozen=True)
class Shard:
    """Some clips of a folder, and the file that they are decoded into.

    Attributes:
        root: The folder of recordings.
        clips: Paths relative to it.
        rate: Samples a second.
        length: Samples of a clip.
        path: The file, a ``.npz``.
    """

    root: Path
    clips: tuple[str, ...]
    rate: int
    length: int
    path: Path

    def read(self) -> list[tuple[str, Decoded]] | None:
        """Every clip as :func:`~kws_tfmot.data.audio.decode_clip` gave it; ``None`` where the file is not there."""
        try:
            with open_arrays(self.path) as stored:
                samples, record = stored["samples"], json.loads(str(stored["record"]))
        except DAMAGE:
            return None
        nothing = np.zeros(0, np.int16)
        rows = iter(samples)
        return [
            (path, Decoded(nothing if problem else next(rows), resampled, cut, padded, problem))
            for path, (resampled, cut, padded, problem) in zip(self.clips, record, strict=True)
        ]


def decode_shard(shard: Shard, reporter: Reporter) -> None:
    """Decode the clips of ``shard`` into its file.

    Raises:
        DataError: This computer does not see the recordings.
    """
    if not shard.root.is_dir():
        raise DataError(
            f"the node {platform.node()} lacks the recordings: there is no {shard.root} on it.",
            "Mount them there under the same path, or leave that node out of the cluster.",
        )
    decoded = []
    with reporter.task("decoding", len(shard.clips)) as task:
        for path in shard.clips:
            decoded.append(decode_clip(shard.root / path, shard.rate, shard.length))
            task.advance()
    good = [clip.samples for clip in decoded if not clip.problem]
    samples = np.stack(good) if good else np.zeros((0, shard.length), np.int16)
    record = [(clip.resampled, clip.cut, clip.padded, clip.problem) for clip in decoded]
    write_arrays(shard.path, samples=samples, record=np.array(json.dumps(record)))


def decode_in_shards(
    root: Path,
    settings: DataSettings,
    cache_dir: Path,
    shards_dir: Path,
    run: RunJobs,
    shard_clips: int = SHARD_CLIPS,
) -> AudioStore:
    """Fill the store of a folder as :func:`~kws_tfmot.data.prepare.prepare` would, byte for byte, shard by shard.

    Shards that an interrupted run has left are not decoded again; they are removed when the store is complete.

    Args:
        root: A folder in the layout of Speech Commands, which every worker can read.
        settings: Rate and length of the clips.
        cache_dir: Where the store is kept.
        shards_dir: Where the shards are kept until then; on storage that all workers share.
        run: Does the jobs, one for each shard, in any order and on any worker.
        shard_clips: Clips of a shard.

    Raises:
        DataError: The folder cannot be used, or a shard has failed.
    """
    root = root.resolve()
    listing = list_folder(root, settings.speaker_pattern, settings.keywords)
    clips = listing.clips.paths
    rate, length = settings.sample_rate, settings.clip_samples
    folder = shards_dir / store_key("shards", str(root), listing.key, rate, length, shard_clips)
    shards = [
        Shard(root, tuple(clips[first : first + shard_clips]), rate, length, folder / f"{first // shard_clips:06d}.npz")
        for first in range(0, len(clips), shard_clips)
    ]

    def decoded() -> Iterator[tuple[str, Decoded]]:
        """Path and samples of every clip, in the shards' order, once all shards are written."""
        _run_missing(shards, run, shards_dir / "errors")
        for shard in shards:
            read = shard.read()
            if read is None:
                raise DataError(
                    f"the shard {shard.path} cannot be read.",
                    "Keep the shards on storage that all nodes share; the same command goes on.",
                )
            yield from read

    store = folder_store(root, clips, listing.noises, listing.key, rate, length, cache_dir, decoded=decoded)
    shutil.rmtree(folder, ignore_errors=True)
    return store


def _run_missing(shards: Sequence[Shard], run: RunJobs, traces: Path) -> None:
    jobs = [Job(f"shard {shard.path.stem}", decode_shard, (shard,)) for shard in shards if shard.read() is None]
    outcomes = run(jobs) if jobs else {}
    fault = keep_traces(outcomes, traces)
    failed = {name: outcome.error for name, outcome in outcomes.items() if outcome.error}
    if failed:
        name, error = next(iter(failed.items()))
        raise DataError(
            f"{len(failed)} of {len(jobs)} shards failed; {name}: {error}",
            f"{fault or 'Mend the cause.'} The same command does what is missing.",
        )
