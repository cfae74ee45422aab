"""Composed stretches as features and classes of every decision, made by several processes."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from typing_extensions import Self

from kws_tfmot.data.stretch_settings import StretchSettings
from kws_tfmot.data.stretch_targets import OTHER, Stretch, decision_targets, word_targets
from kws_tfmot.data.stretches import Speech, StretchComposer
from kws_tfmot.frontend import Frontend
from kws_tfmot.frontend.frontend_settings import FrontendSettings
from kws_tfmot.jobs import follow_parent, starting_processes

_AT_ONCE = 30
_CORNER_MS = 250
_SCRAMBLED = 0x5C4A  # keeps its random numbers apart from those of the stretches
_FREQUENCY_WARP = 0x7F1E  # likewise
_WARP_CORNER_MS, _CORNER_CHANNELS = 150, 10
_BEFORE_MS = 250  # of a window, left for what is not the keyword


class StretchJob(NamedTuple):
    """Everything that features of stretches depend on besides speech and seed.

    Attributes:
        stretch: What stretches are made of.
        frontend: How they become features; its clip is the window of a decision.
        stride: Frames from one decision to the next.
        classes: Keywords, other words, silence.
        after_ms: Range after a keyword's end in which a window holds it.
        margin_ms: Around it decisions are left open.
        frequency_masks: Masks of up to six channels.
        time_masks: Masks of up to ten frames.
    """

    stretch: StretchSettings
    frontend: FrontendSettings
    stride: int
    classes: int
    after_ms: tuple[int, int]
    margin_ms: int
    frequency_masks: int = 0
    time_masks: int = 0

    @property
    def frames(self) -> int:
        """Frames of a stretch."""
        return self.frontend.frames_in(round(self.stretch.seconds * self.frontend.sample_rate))

    @property
    def decisions(self) -> int:
        """Decisions in a stretch."""
        return 1 + (self.frames - self.frontend.frames) // self.stride


class Stretches(NamedTuple):
    """Features and what each decision is.

    Attributes:
        features: int8 ``[N, frames, channels]``.
        targets: Classes int8 ``[N, decisions]``, -1 where left open.
        words: Class of the word that just ended, int16 ``[N, decisions]``, -1 where none did or it is not known.
    """

    features: npt.NDArray[np.int8]
    targets: npt.NDArray[np.int8]
    words: npt.NDArray[np.int16]

    @classmethod
    def joined(cls, parts: Iterable[Stretches]) -> Stretches:
        """Those of all ``parts``, in their order."""
        return cls(*(np.concatenate(column) for column in zip(*parts, strict=True)))


class StretchFeatures:
    """Makes stretches in processes of its own; what it makes depends on speech, job, and seeds alone."""

    def __init__(self, speech: Speech, job: StretchJob, processes: int) -> None:
        self._job = job
        # Not forked: TensorFlow's threads do not survive a fork.
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(processes, context, initializer=_begin, initargs=(speech, job))

    def draw(self, seed: Sequence[int], count: int) -> Stretches:
        """Stretches ``0`` to ``count - 1`` of ``seed``."""
        firsts = range(0, count, _AT_ONCE)
        with starting_processes():  # the pool starts its own as work comes in
            parts = self._pool.map(_make, [(tuple(seed), k, min(_AT_ONCE, count - k)) for k in firsts])
        return Stretches.joined(list(parts))

    def close(self) -> None:
        """Stop the processes."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_made: tuple[StretchComposer, StretchJob, Frontend] | None = None


def _begin(speech: Speech, job: StretchJob) -> None:
    global _made
    threading.Thread(target=follow_parent, daemon=True).start()
    rate = job.frontend.sample_rate
    longest = rate * (job.frontend.clip_ms - _BEFORE_MS) // 1000
    composer = StretchComposer(speech, job.stretch, rate, longest)
    _made = composer, job, Frontend(job.frontend)


def _make(request: tuple[tuple[int, ...], int, int]) -> Stretches:
    if _made is None:
        raise RuntimeError("the process was not begun")
    composer, job, frontend = _made
    seed, first, count = request
    settings = job.frontend
    window = (settings.frames - 1) * settings.hop_samples + settings.window_samples
    ends = np.arange(job.decisions) * job.stride * settings.hop_samples + window
    after = tuple(milliseconds * settings.sample_rate // 1000 for milliseconds in job.after_ms)
    features = np.empty((count, job.frames, settings.features_per_frame), np.int8)
    targets = np.empty((count, job.decisions), np.int8)
    words = np.empty((count, job.decisions), np.int16)
    for row in range(count):
        rng = np.random.default_rng([*seed, first + row])
        stretch = composer.draw(rng)
        features[row] = frontend.features(stretch.samples)
        if job.stretch.time_warp:
            places = warped_places(rng, job.frames, job.stretch.time_warp, _CORNER_MS // settings.hop_ms)
            features[row] = _read_at(features[row], places)
            stretch = _moved(stretch, places, settings.hop_samples)
        for _ in range(job.frequency_masks):
            width = int(rng.integers(0, 7))
            low = int(rng.integers(0, features.shape[2] - width + 1))
            features[row, :, low : low + width] = round(float(features[row].mean()))
        for _ in range(job.time_masks):
            width = int(rng.integers(0, 11))
            first_masked = int(rng.integers(0, job.frames - width + 1))
            features[row, first_masked : first_masked + width] = round(float(features[row].mean()))
        margin = job.margin_ms * settings.sample_rate // 1000
        targets[row] = decision_targets(stretch, ends, window, job.classes, (after[0], after[1]), margin)
        words[row] = word_targets(stretch, ends, (after[0], after[1]))
    if job.stretch.scrambled_share:
        rng = np.random.default_rng([*seed, first, _SCRAMBLED])
        rows = np.flatnonzero(rng.random(count) < job.stretch.scrambled_share)
        lengths = tuple(max(1, round(length / settings.hop_ms)) for length in job.stretch.scrambled_ms)
        features[rows] = scrambled(rng, features, len(rows), (lengths[0], lengths[1]))
        targets[rows], words[rows] = job.classes - 2, OTHER
    if job.stretch.frequency_warp:
        rng = np.random.default_rng([*seed, first, _FREQUENCY_WARP])
        corner = _WARP_CORNER_MS // settings.hop_ms
        # Its even and odd channels follow noise at different rates: after quiet they differ by a tenth of the range.
        apart = 2 if settings.kind == "microfrontend" else 1
        for row in features:
            row[:] = _warped_channels(rng, row, job.stretch.frequency_warp, corner, apart)
    return Stretches(features, targets, words)


def scrambled(
    rng: np.random.Generator, features: npt.NDArray[np.int8], count: int, lengths: tuple[int, int]
) -> npt.NDArray[np.int8]:
    """``count`` stretches out of pieces of ``features`` ``[N, frames, channels]``, in an order of chance.

    Each piece has ``lengths[0]`` to ``lengths[1]`` frames, too few for a keyword. Every other piece comes from the
    same stretch as the one before, so that voice and room do not change with each sound.

    >>> rows = np.arange(12, dtype=np.int8).reshape(2, 6, 1)
    >>> scrambled(np.random.default_rng(1), rows, 1, (2, 3)).shape
    (1, 6, 1)
    """
    found = np.empty((count, *features.shape[1:]), features.dtype)
    frames = features.shape[1]
    for row in found:
        source, at = int(rng.integers(len(features))), 0
        while at < frames:
            if rng.random() < 0.5:
                source = int(rng.integers(len(features)))
            length = min(int(rng.integers(lengths[0], lengths[1] + 1)), frames - at)
            first = int(rng.integers(0, frames - length + 1))
            row[at : at + length] = features[source, first : first + length]
            at += length
    return found


def _warped_channels(
    rng: np.random.Generator, features: npt.NDArray[np.int8], spread: float, corner_frames: int, apart: int = 1
) -> npt.NDArray[np.int8]:
    """``features`` ``[frames, channels]``, each read beside its place along frequency.

    How many channels beside is a smooth field of standard deviation ``spread``, linear between normal numbers that are
    ``corner_frames`` frames and ten channels apart. So every sound has formants of its own, as if another speaker or
    accent said it. (Vocal tract length perturbation, Jaitly and Hinton 2013, of each moment and part of the spectrum.)
    Every ``apart``-th channel is read from its like alone.

    >>> rows = np.zeros((30, 40), np.int8)
    >>> rows[:, 20] = 100
    >>> sorted(set(_warped_channels(np.random.default_rng(1), rows, 2.0, 15).argmax(axis=1).tolist()))
    [19, 20, 21]
    >>> rows[:, ::2] = 100
    >>> bool((_warped_channels(np.random.default_rng(1), rows, 2.0, 15, 2) == rows).all())
    True
    """
    frames, channels = features.shape
    corners = (frames // corner_frames + 2, channels // _CORNER_CHANNELS + 2)
    field = _between(_between(rng.normal(0.0, spread, corners), frames, corner_frames).T, channels, _CORNER_CHANNELS).T
    found = np.empty_like(features)
    for first in range(apart):
        own = features[:, first::apart]
        places = np.clip(np.arange(own.shape[1]) + field[:, first::apart] / apart, 0, own.shape[1] - 1)
        low = np.minimum(places.astype(np.int64), own.shape[1] - 2)
        part = places - low
        lower, upper = (np.take_along_axis(own, at, axis=1) for at in (low, low + 1))
        found[:, first::apart] = np.rint(lower * (1 - part) + upper * part).astype(np.int8)
    return found


def _between(corners: npt.NDArray[np.float64], count: int, apart: int) -> npt.NDArray[np.float64]:
    """Rows ``0`` to ``count - 1`` on the lines between ``corners`` ``[n, ...]``, which are ``apart`` rows apart."""
    low, part = np.divmod(np.arange(count), apart)
    part = part[:, None] / apart
    return np.asarray(corners[low] * (1 - part) + corners[low + 1] * part)


def warped_places(rng: np.random.Generator, frames: int, spread: float, corner_frames: int) -> npt.NDArray[np.float64]:
    """Where each frame is read, from 0 to ``frames - 1``: a tempo that goes up and down and is 1 in the mean.

    The logarithm of the tempo is a line through normal numbers of standard deviation ``spread``, ``corner_frames``
    apart: people draw out one syllable and hurry over the next, and pause between words. (Time warping, as in
    SpecAugment, Park et al. 2019, arXiv 1904.08779, at many corners.)

    >>> places = warped_places(np.random.default_rng(1), 50, 0.3, 10)
    >>> float(places[0]), float(places[-1]), bool(np.all(np.diff(places) > 0))
    (0.0, 49.0, True)
    """
    corners = frames // corner_frames + 2
    tempo = np.exp(np.interp(np.arange(frames - 1) / corner_frames, np.arange(corners), rng.normal(0, spread, corners)))
    places = np.concatenate([[0.0], np.cumsum(tempo)])
    return places * ((frames - 1) / places[-1])


def _read_at(features: npt.NDArray[np.int8], places: npt.NDArray[np.float64]) -> npt.NDArray[np.int8]:
    """Rows of ``features`` at ``places``, on the line between two neighbours."""
    low = np.minimum(places.astype(np.int64), len(features) - 2)
    part = (places - low)[:, None]
    return np.rint(features[low] * (1 - part) + features[low + 1] * part).astype(np.int8)


def _moved(stretch: Stretch, places: npt.NDArray[np.float64], hop: int) -> Stretch:
    """The times of ``stretch`` after its frames were read at ``places``; the samples stay as they are."""

    def moved(sample: int) -> int:
        """Where a sample lies after the frames were moved, interpolated between their places."""
        return round(float(np.interp(sample / hop, places, np.arange(len(places)))) * hop)

    return stretch._replace(
        ends=tuple((number, moved(end)) for number, end in stretch.ends),
        words=tuple((word, moved(end)) for word, end in stretch.words),
        speech=tuple((moved(first), moved(last)) for first, last in stretch.speech),
    )
