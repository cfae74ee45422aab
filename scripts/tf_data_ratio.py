"""Time of an augmented epoch here against tf.data + tf.signal pipelines: `python scripts/tf_data_ratio.py`.

All take the same clips, noise bursts of 1 s at 16 kHz, and give 49 x 10 MFCC (30 ms windows, 20 ms hops, 40 bands):

- here: the stream of `kws build` from decoded audio: speed, shift, room, noise, tone and volume by the defaults, and
  silence of every level;
- files: what TensorFlow's own examples do: WAV files read in every epoch, shift, noise, volume, features clip by clip,
  `map` with AUTOTUNE;
- memory: the same from decoded clips, features of 100 clips at a time.

Epochs alternate, the first of each is not counted; medians of processor time and of the clock, and their ratios.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from kws_tfmot.data import AudioSplit, AugmentSettings, NoiseBank, TrainingBatches, feature_batches
from kws_tfmot.data.columns import Coded, Strings
from kws_tfmot.frontend import Frontend, FrontendSettings
from kws_tfmot.keras import tf

RATE = 16_000
CLASSES = ("go", "stop", "_unknown_", "_silence_")


class InMemory:
    """Clips as :class:`~kws_tfmot.data.audio_shards.ClipShards` gives them, without a disk."""

    def __init__(self, clips: np.ndarray) -> None:
        self._clips = clips
        self.shape = clips.shape

    def gather(self, rows: np.ndarray) -> np.ndarray:
        """The clips at ``rows``."""
        return self._clips[rows]


def made_up(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Bursts of noise, int16 ``[count, 16000]``, and a minute of noise."""
    rng = np.random.default_rng(0)
    shape = np.exp(-(((np.arange(RATE) / RATE - 0.5) / 0.1) ** 2))
    bursts = (rng.standard_normal((count, RATE), np.float32) * shape * 4000).astype(np.int16)
    return bursts, (rng.standard_normal(60 * RATE) * 500).astype(np.int16)


def ours(clips: np.ndarray, noise: np.ndarray, threads: int) -> Callable[[int], int]:
    """An epoch of the project's stream."""
    labels = (np.arange(len(clips)) % 3).astype(np.int32)
    names = Coded(labels, CLASSES)
    store: Any = InMemory(clips)
    split = AudioSplit("train", CLASSES, labels, Strings.of(map(str, range(len(clips)))), names, names,
                       np.zeros(len(clips), bool), store, np.arange(len(clips)), ())  # fmt: skip
    bank = NoiseBank(noise, (("noise", 0, len(noise)),), RATE, RATE)
    batches = TrainingBatches(split, bank, CLASSES, AugmentSettings(epoch_clips=len(clips)), 100, 0)
    epochs = feature_batches(batches, Frontend(FrontendSettings(kind="mfcc", window_ms=30, hop_ms=20)),
                             threads=threads, prefetch=False)  # fmt: skip
    return lambda number: len(epochs.epoch_features(number)[1])


def tf_data(clips: np.ndarray, noise: np.ndarray, folder: Path | None) -> Callable[[int], int]:
    """An epoch of tf.data and tf.signal; of WAV files in ``folder``, or of clips in memory."""
    mel = tf.signal.linear_to_mel_weight_matrix(40, 257, RATE, 20.0, 7600.0)
    sound = tf.constant(noise, tf.float32)

    def varied(clip: tf.Tensor) -> tf.Tensor:
        clip = tf.cast(clip, tf.float32)
        clip = tf.roll(clip, tf.random.uniform([], -1600, 1600, tf.int32), 0)
        first = tf.random.uniform([], 0, len(noise) - RATE, tf.int32)
        return (clip + tf.random.uniform([]) * sound[first : first + RATE]) * tf.random.uniform([], 0.5, 1.5)

    def features(batch: tf.Tensor) -> tf.Tensor:
        power = tf.abs(tf.signal.stft(batch, 480, 320, 512)) ** 2
        return tf.signal.mfccs_from_log_mel_spectrograms(tf.math.log(power @ mel + 1e-6))[..., :10]

    def read(path: tf.Tensor) -> tf.Tensor:
        return tf.audio.decode_wav(tf.io.read_file(path), 1, RATE)[0][:, 0] * 32768.0

    if folder is None:
        data = tf.data.Dataset.from_tensor_slices(clips).shuffle(len(clips)).map(varied, tf.data.AUTOTUNE)
        data = data.batch(100).map(features, tf.data.AUTOTUNE).prefetch(2)
    else:
        for number, clip in enumerate(clips):
            soundfile.write(str(folder / f"{number}.wav"), clip, RATE)
        data = tf.data.Dataset.list_files(str(folder / "*.wav"))
        data = data.map(lambda path: features(varied(read(path))), tf.data.AUTOTUNE).batch(100).prefetch(2)
    return lambda _: sum(len(batch) for batch in data)


def main() -> None:
    """Print the medians and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=2000)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    clips, noise = made_up(given.clips)
    with tempfile.TemporaryDirectory() as folder:
        kinds = {"here": ours(clips, noise, given.threads), "files": tf_data(clips, noise, Path(folder)),
                 "memory": tf_data(clips, noise, None)}  # fmt: skip
        compare(kinds, given.epochs)


def compare(kinds: dict[str, Callable[[int], int]], count: int) -> None:
    """Run the epochs in turn, and print."""
    taken: dict[str, list[tuple[float, float]]] = {kind: [] for kind in kinds}
    for number in range(count + 1):
        for kind, epoch in kinds.items():
            cpu, wall = time.process_time(), time.perf_counter()
            epoch(number)
            taken[kind].append((time.process_time() - cpu, time.perf_counter() - wall))
    for place, what in enumerate(("processor", "clock")):
        seconds = {kind: statistics.median(each[place] for each in taken[kind][1:]) for kind in kinds}
        ratios = ", ".join(f"{seconds['here'] / own:.2f} of {kind}" for kind, own in seconds.items() if kind != "here")
        print(f"{what} s: {', '.join(f'{kind} {own:.2f}' for kind, own in seconds.items())}; here takes {ratios}")


if __name__ == "__main__":
    main()
