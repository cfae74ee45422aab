"""What data sets of 100,000 and 1,000,000 clips cost: `python scripts/large_data.py 100000 1000000`.

The clips are made up: empty files in the layout of Speech Commands (50 words, 20 clips a speaker), and in the cache
noise of 100 ms for each, so that nothing is decoded. Every step runs in a process of its own, as a command would, and
tells processor time, and the peak of memory that is its own (RssAnon: without mapped files, which the system may drop).
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from kws_tfmot.data import AugmentSettings, ClipIndex, DataSettings, TrainingBatches, feature_batches, prepare
from kws_tfmot.data.audio import Decoded
from kws_tfmot.data.kept_listing import listing_of
from kws_tfmot.data.large_arrays import features_of
from kws_tfmot.data.store import folder_store
from kws_tfmot.frontend import Frontend, FrontendSettings

WORDS, SPEAKER_CLIPS, EPOCH = 50, 20, 20_000
KEYWORDS = tuple(f"word{n:02d}" for n in range(10))
SETTINGS = DataSettings(keywords=KEYWORDS, clip_ms=100, split="percent")


def make(folder: Path, count: int) -> None:
    """``count`` empty files."""
    for word in range(WORDS):
        place = folder / "clips" / f"word{word:02d}"
        place.mkdir(parents=True, exist_ok=True)
        for n in range(word, count, WORDS):
            (place / f"{n // SPEAKER_CLIPS:08x}_nohash_{n}.wav").touch()
    time.sleep(2.5)  # what changed just now is listed again


def list_files(folder: Path) -> None:
    """What `kws prepare` does first: look at every file."""
    listing_of(folder / "clips", SETTINGS, folder / "cache", every_file=True)


def fill(folder: Path) -> None:
    """Write the store."""
    listing = listing_of(folder / "clips", SETTINGS, folder / "cache", every_file=False)
    rng, length = np.random.default_rng(0), SETTINGS.clip_samples
    noise = rng.integers(-2000, 2000, 1 << 22, dtype=np.int16)

    def decoded() -> Iterator[tuple[str, Decoded]]:
        for n, path in enumerate(listing.clips.paths):
            first = n * 7919 % (len(noise) - length)
            yield path, Decoded(noise[first : first + length], False, False, False, "")

    clips, rate = listing.clips.paths, SETTINGS.sample_rate
    folder_store(folder / "clips", clips, (), listing.key, rate, length, folder / "cache", decoded=decoded)


def index(folder: Path) -> ClipIndex:
    """The first command on the data splits them; every later one finds what it made."""
    return prepare(f"folder:{folder / 'clips'}", SETTINGS, folder / "cache")


def epoch(folder: Path) -> None:
    """Augment 20,000 clips and take their features."""
    data = index(folder)
    settings = AugmentSettings(epoch_clips=EPOCH)
    batches = TrainingBatches(data.audio("train"), data.noise, data.labels, settings, 100, 0)
    with feature_batches(batches, Frontend(FrontendSettings(clip_ms=100)), 1, prefetch=False) as epochs:
        epochs.epoch_features(0)


def validation(folder: Path) -> None:
    """Features of the whole validation split."""
    features_of(index(folder).audio("validation"), Frontend(FrontendSettings(clip_ms=100)))


STEPS: dict[str, Callable[[Path], object]] = {
    "list every file": list_files,
    "write the audio": fill,
    "first command: split": index,
    "later commands": index,
    "an epoch of 20,000": epoch,
    "validation features": validation,
}


def measured(name: str, folder: Path) -> dict[str, float]:
    """Run a step here, and what it took."""
    peak, ended = [0], threading.Event()

    def watch() -> None:
        while not ended.wait(0.01):
            text = Path("/proc/self/status").read_text()
            peak[0] = max(peak[0], int(text.split("RssAnon:")[1].split()[0]))

    thread = threading.Thread(target=watch)
    thread.start()
    begun, used = time.perf_counter(), time.process_time()
    STEPS[name](folder)
    seconds, cpu = time.perf_counter() - begun, time.process_time() - used
    ended.set()
    thread.join()
    whole = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"cpu_s": round(cpu, 2), "wall_s": round(seconds, 2), "own_mb": peak[0] // 1024, "rss_mb": whole // 1024}


def main() -> None:
    """Every step for every number of clips, a line each."""
    if len(sys.argv) == 4 and sys.argv[1] == "step":
        print(json.dumps(measured(sys.argv[2], Path(sys.argv[3]))))
        return
    for count in map(int, sys.argv[1:] or ("100000",)):
        with tempfile.TemporaryDirectory() as folder:
            make(Path(folder), count)
            for name in STEPS:
                command = [sys.executable, __file__, "step", name, folder]
                printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                print(f"{count:>9,}  {name:<22} {printed.strip()}", flush=True)


if __name__ == "__main__":
    main()
