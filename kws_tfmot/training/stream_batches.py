"""What a step of the training on streams sees: whole stretches, or single windows drawn from them.

Both remember how wrong the network was about what they hold, so that it hears again what it should not accept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import numpy.typing as npt

from kws_tfmot.data.labels import NOT_KEYWORDS
from kws_tfmot.data.stretch_features import Stretches, StretchJob
from kws_tfmot.training.stream_settings import StreamTrainSettings, WindowSettings

Float = npt.NDArray[np.float32]
Train = Callable[[Stretches], tuple[float, Float]]
Listen = Callable[[npt.NDArray[np.int8]], Float]


class StreamBatches(Protocol):
    """How an epoch is made of the stretches drawn so far.

    Attributes:
        frames: Under one example of a batch.
    """

    frames: int

    def unheard(self, count: int) -> Float:
        """The memory of ``count`` stretches that the network has not heard."""
        ...

    def run(self, train: Train, pool: Stretches, memory: Float, known: int, rng: np.random.Generator) -> float:
        """An epoch of steps on ``pool``, of which the first ``known`` were there before; the mean loss."""
        ...

    def listen(self, listen: Listen, pool: Stretches, memory: Float, rng: np.random.Generator) -> None:
        """After an epoch: note in ``memory`` what the averaged network says."""
        ...


class WholeStretches:
    """Batches of whole stretches, every decision of which counts; memory ``[N]``: each one's highest wrong score."""

    def __init__(self, settings: StreamTrainSettings, job: StretchJob) -> None:
        self._settings = settings
        self.frames = job.frames

    def unheard(self, count: int) -> Float:
        """Zeros."""
        return np.zeros(count, np.float32)

    def run(self, train: Train, pool: Stretches, memory: Float, known: int, rng: np.random.Generator) -> float:
        """The fresh stretches and some of those before, each once."""
        losses = []
        for places in epoch_order(memory[:known], self._settings, rng).reshape(-1, self._settings.batch_size):
            loss, memory[places] = train(Stretches(*(column[places] for column in pool)))
            losses.append(loss)
        return float(np.mean(losses))

    def listen(self, listen: Listen, pool: Stretches, memory: Float, rng: np.random.Generator) -> None:
        """Nothing: the steps noted it."""


class SingleWindows:
    """Batches of windows from anywhere in all stretches drawn so far; memory ``[N, decisions]``: wrong scores.

    A short word is in few of the decisions of a stretch, all alike. Drawn one window at a time, a batch holds several
    times as many utterances for the same multiplications, every keyword equally often.
    """

    def __init__(self, settings: WindowSettings, job: StretchJob) -> None:
        self._settings, self._job = settings, job
        self._keywords = job.classes - NOT_KEYWORDS
        self.frames = job.frontend.frames

    def unheard(self, count: int) -> Float:
        """Zeros."""
        return np.zeros((count, self._job.decisions), np.float32)

    def run(self, train: Train, pool: Stretches, memory: Float, known: int, rng: np.random.Generator) -> float:
        """``settings.steps`` batches."""
        said = utterances(pool.targets, self._keywords)
        by_keyword = [rows for k in range(self._keywords) if len(rows := said[said[:, 3] == k])]
        others = np.argwhere(pool.targets >= self._keywords)
        hard = _hardest(memory, self._settings.remembered)
        losses = []
        for _ in range(self._settings.steps):
            places = self._places(by_keyword, others, hard, rng)
            losses.append(train(self._windows(pool, places, rng))[0])
        return float(np.mean(losses))

    def _places(
        self, by_keyword: list[npt.NDArray[np.int64]], others: npt.NDArray[np.int64], hard: npt.NDArray[np.int64],
        rng: np.random.Generator,
    ) -> npt.NDArray[np.int64]:  # fmt: skip
        """Stretch and decision of each window of a batch."""
        settings = self._settings
        count = round(settings.keywords * settings.batch_size) if by_keyword else 0
        places = []
        for _ in range(count):
            rows = by_keyword[int(rng.integers(len(by_keyword)))]
            stretch, first, last, _ = rows[int(rng.integers(len(rows)))]
            places.append((stretch, int(rng.integers(first, last))))
        for _ in range(settings.batch_size - count):
            pool = hard if len(hard) and rng.random() < settings.hard else others
            places.append(tuple(pool[int(rng.integers(len(pool)))]))
        return np.array(places, np.int64)

    def _windows(self, pool: Stretches, places: npt.NDArray[np.int64], rng: np.random.Generator) -> Stretches:
        stretch, decision = places.T
        rows = decision[:, None] * self._job.stride + np.arange(self.frames)
        features = pool.features[stretch[:, None], rows]
        for window in features:
            quiet = round(float(window.mean()))
            for _ in range(self._job.frequency_masks):
                width = int(rng.integers(0, 7))
                low = int(rng.integers(0, window.shape[1] - width + 1))
                window[:, low : low + width] = quiet
            for _ in range(self._job.time_masks):
                width = int(rng.integers(0, 9))
                first = int(rng.integers(0, len(window) - width + 1))
                window[first : first + width] = quiet
        targets, words = (column[stretch, decision][:, None] for column in pool[1:])
        return Stretches(features, targets, words)

    def listen(self, listen: Listen, pool: Stretches, memory: Float, rng: np.random.Generator) -> None:
        """The network's scores of keywords where none is, in some of the stretches."""
        chosen = rng.permutation(len(pool.features))[: self._settings.listened]
        scores = listen(pool.features[chosen])[..., : self._keywords].max(axis=-1)
        memory[chosen] = np.where(pool.targets[chosen] >= self._keywords, scores, 0.0)


def batches_of(settings: StreamTrainSettings, job: StretchJob) -> StreamBatches:
    """Windows where the settings have them, else stretches."""
    return SingleWindows(settings.windows, job) if settings.windows else WholeStretches(settings, job)


def utterances(targets: npt.NDArray[np.int8], keywords: int) -> npt.NDArray[np.int64]:
    """Runs of decisions that hold the same keyword: ``[n, 4]`` of stretch, first, last plus one, keyword.

    >>> utterances(np.array([[2, 0, 0, 1, -1], [2, 2, 2, 2, 0]], np.int8), 2).tolist()
    [[0, 1, 3, 0], [0, 3, 4, 1], [1, 4, 5, 0]]
    """
    held = np.where((targets >= 0) & (targets < keywords), targets, -1).astype(np.int64)
    padded = np.pad(held, ((0, 0), (1, 1)), constant_values=-1)
    change = padded[:, 1:] != padded[:, :-1]
    firsts, lasts = (np.argwhere(change & (side >= 0)) for side in (padded[:, 1:], padded[:, :-1]))
    return np.column_stack([firsts, lasts[:, 1], held[firsts[:, 0], firsts[:, 1]]])


def _hardest(memory: Float, count: int) -> npt.NDArray[np.int64]:
    """Stretch and decision of the ``count`` highest scores above 0."""
    order = np.argsort(-memory, axis=None, kind="stable")[:count]
    order = order[memory.ravel()[order] > 0]
    return np.column_stack(np.unravel_index(order, memory.shape))


def epoch_order(
    hardness: Float, settings: StreamTrainSettings, rng: np.random.Generator
) -> npt.NDArray[np.int64]:  # fmt: skip
    """Places of the earlier stretches to see again and of the fresh ones behind them, shuffled.

    An earlier stretch is drawn with a probability in proportion to ``1 + hard_negatives * h``, ``h`` the highest score
    of a keyword that it does not hold when the network last heard it.
    """
    known = len(hardness)
    weights = 1.0 + settings.hard_negatives * hardness.astype(np.float64)
    count = min(settings.replayed, known)
    again = rng.choice(known, count, replace=False, p=weights / weights.sum()) if count else np.zeros(0, np.int64)
    order = np.concatenate([again, known + np.arange(settings.fresh)])
    return rng.permutation(order)[: len(order) // settings.batch_size * settings.batch_size]
