"""Features of whole epochs, the next one computed while the current one trains."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt
from typing_extensions import Self

from kws_tfmot.data.audio import Int16
from kws_tfmot.data.batches import Labels, TrainingBatches
from kws_tfmot.data.epoch_cache import EpochCache
from kws_tfmot.data.feature_augment import spec_augment
from kws_tfmot.data.large_arrays import allocate
from kws_tfmot.errors import DataError

_T = TypeVar("_T")
_R = TypeVar("_R")
_AT_ONCE = 4096
Features = npt.NDArray[np.int8]


class FrontendLike(Protocol):
    """What is asked of a front end: int16 ``[N, samples]`` to int8 ``[N, frames, coefficients]``."""

    def features(self, clips: Int16, *, threads: int = 1) -> Features:
        """Features of all clips."""
        ...


class FeatureEpochs:
    """Features of augmented clips, epoch by epoch, with one epoch computed ahead in a worker thread.

    Epoch ``i`` takes the clips of draw ``i // repeats`` (:class:`~kws_tfmot.data.data_settings.AugmentSettings`); with
    ``repeats`` above 1 each epoch has its own order, and always its own masks.

    Front end and resampler run without the interpreter's lock, so the worker costs training little.

    Args:
        batches: The training stream.
        frontend: Anything with ``features(int16 [N, S], threads) -> int8 [N, frames, coefficients]``.
        last_epoch: Number of epochs of the training; none is computed ahead of its last one.
        threads: Threads that make clips and features; ``None`` for one a processor, four at most.
        prefetch: False computes every epoch when it is asked for.
        cache: Where draws are looked up and kept; ``None`` computes each of them.
    """

    def __init__(
        self,
        batches: TrainingBatches,
        frontend: FrontendLike,
        last_epoch: int | None = None,
        threads: int | None = None,
        prefetch: bool = True,
        cache: EpochCache | None = None,
    ) -> None:
        self.batches = batches
        self.frontend = frontend
        self.last_epoch = last_epoch
        self.threads = threads or min(4, os.cpu_count() or 1)
        self.cache = cache
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="features") if prefetch else None
        self._ahead: dict[int, Future[tuple[Features, Labels]]] = {}
        self._latest: tuple[int, tuple[Features, Labels]] | None = None

    def epoch_features(self, number: int) -> tuple[Features, Labels]:
        """Features int8 ``[N, frames, coefficients]`` and classes int32 ``[N]`` of epoch ``number``."""
        if self._pool is None:
            return self.compute(number)
        waiting = self._ahead.pop(number, None)
        for other in self._ahead.values():  # computed for an epoch that was not asked for
            other.cancel()
        self._ahead.clear()
        result = waiting.result() if waiting else self.compute(number)
        if self.last_epoch is None or number + 1 < self.last_epoch:
            self._ahead[number + 1] = self._pool.submit(self.compute, number + 1)
        return result

    def draw_of(self, number: int) -> int:
        """The draw whose clips epoch ``number`` trains on."""
        return number // self.batches.settings.repeats

    def compute(self, number: int) -> tuple[Features, Labels]:
        """The same, here and now: from the cache if it is there."""
        features, labels = self._drawn(self.draw_of(number))
        settings, seed = self.batches.settings, self.batches.seed
        if settings.repeats > 1:
            order = np.random.default_rng([seed, number, 0x0D3]).permutation(len(labels))
            features, labels = _in_another_order(features, order), labels[order]
        if settings.time_masks or settings.frequency_masks:
            features = spec_augment(features, np.random.default_rng([seed, number, 0x5BEC]), settings)
        return features, labels

    def _drawn(self, draw: int) -> tuple[Features, Labels]:
        """Features without masks; the latest are kept for the epochs that train on them too."""
        latest = self._latest
        if latest is None or latest[0] != draw:
            found = self._make(draw) if self.cache is None else self.cache.load_or_make(draw, self._make)
            self._latest = latest = (draw, found)
        return latest[1]

    def _make(self, draw: int) -> tuple[Features, Labels]:
        def piece(make: Callable[[], tuple[Int16, Labels]]) -> tuple[Features, Labels]:
            """Features ``[n, frames, bands]`` int8 and classes ``[n]`` of a part of an epoch."""
            clips, classes = make()
            return self.frontend.features(clips), classes

        # Resampler, front end and NumPy's loops run without the interpreter's lock.
        joined: Features | None = None
        labels: list[Labels] = []
        done = 0
        with ThreadPoolExecutor(self.threads, thread_name_prefix="clips") as pool:
            for features, classes in _in_order(pool, piece, self.batches.pieces(draw), 4 * self.threads):
                if joined is None:
                    joined = allocate((self.batches.clips_per_epoch, *features.shape[1:]), np.int8)
                joined[done : done + len(features)] = features
                done += len(features)
                labels.append(classes)
        if joined is None:
            raise DataError("an epoch has no clips.", "Give clips, or shares above 0 in augment.")
        return joined, np.concatenate(labels)

    def close(self) -> None:
        """Stop the worker."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[tuple[Features, Labels]]:
        number = 0
        while self.last_epoch is None or number < self.last_epoch:
            yield self.epoch_features(number)
            number += 1


def _in_another_order(features: Features, order: npt.NDArray[np.int64]) -> Features:
    result = allocate(features.shape, features.dtype)
    for first in range(0, len(order), _AT_ONCE):
        result[first : first + _AT_ONCE] = features[order[first : first + _AT_ONCE]]
    return result


def _in_order(pool: ThreadPoolExecutor, work: Callable[[_T], _R], items: Iterable[_T], most: int) -> Iterator[_R]:
    """Results of ``work`` on every item in order, at most ``most`` of them ahead of who takes them."""
    waiting: deque[Future[_R]] = deque()
    for item in items:
        waiting.append(pool.submit(work, item))
        if len(waiting) >= most:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def feature_batches(
    batches: TrainingBatches,
    frontend: FrontendLike,
    last_epoch: int | None = None,
    threads: int | None = None,
    prefetch: bool = True,
    cache: EpochCache | None = None,
) -> FeatureEpochs:
    """A :class:`FeatureEpochs` over ``batches``; see there."""
    return FeatureEpochs(batches, frontend, last_epoch, threads, prefetch, cache)
