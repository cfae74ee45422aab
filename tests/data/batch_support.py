"""What the tests of training batches share: the batches of a small set, and a front end that counts."""

from __future__ import annotations

import threading

import numpy as np

from kws_tfmot.data import AugmentSettings, ClipIndex, TrainingBatches


def batches_of(index: ClipIndex, settings: AugmentSettings | None = None, batch_size: int = 16, seed: int = 0):
    train = index.audio("train")
    return TrainingBatches(train, index.noise, index.labels, settings or AugmentSettings(), batch_size, seed)


class CountingFrontend:
    """Stands in for the front end: the mean absolute value of 10 x 4 blocks."""

    def __init__(self) -> None:
        self.threads: set[str] = set()

    def features(self, clips: np.ndarray, threads: int = 1) -> np.ndarray:
        self.threads.add(threading.current_thread().name)
        blocks = np.abs(clips.astype(np.int32)).reshape(len(clips), 10, 4, -1).mean(axis=3)
        return np.minimum(blocks / 64, 127).astype(np.int8)
