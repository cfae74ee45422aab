"""What an epoch consists of: which clip is drawn for which class, from (seed, epoch) alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kws_tfmot.data.columns import Coded
from kws_tfmot.data.data_settings import AugmentSettings
from kws_tfmot.data.labels import SILENCE, UNKNOWN
from kws_tfmot.errors import DataError

Index = npt.NDArray[np.int64]
UNALTERED, SPLICED, REVERSED, MADE_SILENCE = range(4)


class EpochPlan(NamedTuple):
    """One epoch: what to make (``kinds``), of which clips (``first``, ``second``; -1 for none), for which class."""

    kinds: npt.NDArray[np.int8]
    first: Index
    second: Index
    labels: npt.NDArray[np.int32]


class EpochPlanner:
    """Draws class-balanced epochs.

    Every keyword has the same number of clips, each clip as often as any other of its keyword (to within one);
    ``_unknown_`` and ``_silence_`` have their shares of that number. Words of ``_unknown_`` are drawn by
    ``unknown_balance``; silence clips that the source brings make up half of the silence.
    Where a keyword or ``_unknown_`` has clips both of a user's recordings and of synthetic speech, the recordings make
    up ``recorded_share`` of it.

    Args:
        labels: Class of every clip.
        words: Word of every clip.
        class_names: The classes.
        settings: Shares and kinds of unknown clips.
        recorded: Which clips are a user's recordings among synthetic ones; ``None`` for none.

    Raises:
        DataError: A keyword has no clip, or unknown clips are asked for and there is nothing to make them of.
    """

    def __init__(
        self,
        labels: npt.NDArray[np.int32],
        words: Coded,
        class_names: Sequence[str],
        settings: AugmentSettings,
        recorded: npt.NDArray[np.bool_] | None = None,
    ) -> None:
        self.settings = settings
        self.recorded = np.zeros(len(labels), bool) if recorded is None else recorded
        self.class_names = tuple(class_names)
        self.unknown, self.silence = self.class_names.index(UNKNOWN), self.class_names.index(SILENCE)
        self.keywords = [i for i in range(len(self.class_names)) if i not in (self.unknown, self.silence)]
        self.labels = labels
        self.members = {i: np.flatnonzero(labels == i) for i in range(len(self.class_names))}
        empty = [self.class_names[i] for i in self.keywords if not len(self.members[i])]
        if empty:
            raise DataError(f"no training clip of {', '.join(map(repr, empty))}",
                            "Add clips, or leave the keyword out.")  # fmt: skip
        self.keyword_clips = np.concatenate([self.members[i] for i in self.keywords])
        self.unknown_weights = self._word_weights(words)
        self.sizes = self._class_sizes()

    def plan(self, rng: np.random.Generator) -> EpochPlan:
        """Draw one epoch, shuffled."""
        parts = [self._draw_keyword(rng, i) for i in self.keywords]
        parts += [self._draw_unknown(rng), self._draw_silence(rng)]
        order = rng.permutation(sum(len(part.labels) for part in parts))
        return EpochPlan(*(column[order] for column in _join(parts)))

    def _class_sizes(self) -> dict[int, int]:
        settings = self.settings
        shares = dict.fromkeys(self.keywords, 1.0)
        shares |= {self.unknown: settings.unknown_share, self.silence: settings.silence_share}
        mean = len(self.keyword_clips) / len(self.keywords)
        if settings.epoch_clips is not None:
            mean = settings.epoch_clips / sum(shares.values())
        return {i: max(1, round(mean * share)) if share > 0 else 0 for i, share in shares.items()}

    def _word_weights(self, words: Coded) -> npt.NDArray[np.float64]:
        """Probability of each unknown clip; a word with ``n`` of them weighs ``n``, ``sqrt(n)`` or 1."""
        names = words.codes[self.members[self.unknown]]
        if not len(names):
            return np.zeros(0)
        _, inverse, counts = np.unique(names, return_inverse=True, return_counts=True)
        word = {"clip": counts * 1.0, "sqrt": np.sqrt(counts), "word": np.ones(len(counts))}
        weights = (word[self.settings.unknown_balance] / counts)[inverse]
        own = self.recorded[self.members[self.unknown]]
        if own.any() and not own.all():
            share = np.where(own, self.settings.recorded_share, 1 - self.settings.recorded_share)
            weights = weights * share / np.where(own, weights[own].sum(), weights[~own].sum())
        return weights / weights.sum()

    def _draw_keyword(self, rng: np.random.Generator, label: int) -> EpochPlan:
        members, count = self.members[label], self.sizes[label]
        own = self.recorded[members]
        if own.any() and not own.all():
            of_own = round(count * self.settings.recorded_share)
            drawn = [_in_turn(rng, members[own], of_own), _in_turn(rng, members[~own], count - of_own)]
            return _same(UNALTERED, np.concatenate(drawn), label)
        return _same(UNALTERED, _in_turn(rng, members, count), label)

    def _draw_unknown(self, rng: np.random.Generator) -> EpochPlan:
        count = self.sizes[self.unknown]
        spliced = round(count * self.settings.spliced_unknown)
        backwards = round(count * self.settings.reversed_unknown)
        members = self.members[self.unknown]
        if not len(members):
            if count and not spliced + backwards:
                raise DataError(
                    "no training clip of another word for '_unknown_'",
                    "Add folders of other words, set augment.spliced_unknown, or unknown_share: 0.",
                )
            spliced += (count - spliced - backwards) if spliced else 0
            backwards = count - spliced
        unaltered = count - spliced - backwards
        drawn = rng.choice(members, unaltered, p=self.unknown_weights) if unaltered else np.zeros(0, np.int64)
        first, second = self._pairs(rng, spliced)
        kinds = np.repeat(np.array([UNALTERED, SPLICED, REVERSED], np.int8), [unaltered, spliced, backwards])
        return EpochPlan(
            kinds,
            np.concatenate([drawn, first, rng.choice(self.keyword_clips, backwards)]).astype(np.int64),
            np.concatenate([np.full(unaltered, -1), second, np.full(backwards, -1)]).astype(np.int64),
            np.full(count, self.unknown, np.int32),
        )

    def _pairs(self, rng: np.random.Generator, count: int) -> tuple[Index, Index]:
        """Clips of two different words each, at least one of them a keyword."""
        others = np.concatenate([self.keyword_clips, self.members[self.unknown]])
        first, second = rng.choice(self.keyword_clips, count), rng.choice(others, count)
        for _ in range(100):
            same = self.labels[first] == self.labels[second]
            if not same.any() or len(self.keywords) + bool(len(self.members[self.unknown])) < 2:
                break
            second[same] = rng.choice(others, int(same.sum()))
        swap = rng.random(count) < 0.5
        return np.where(swap, second, first), np.where(swap, first, second)

    def _draw_silence(self, rng: np.random.Generator) -> EpochPlan:
        count = self.sizes[self.silence]
        members = self.members[self.silence]
        own = count // 2 if len(members) else 0
        made = _same(MADE_SILENCE, np.full(count - own, -1, np.int64), self.silence)
        if not own:
            return made
        recorded = _same(UNALTERED, rng.choice(members, own), self.silence)
        return _join([made, recorded])


def _in_turn(rng: np.random.Generator, members: Index, count: int) -> Index:
    """``count`` of ``members``, each as often as any other to within one."""
    rounds = [rng.permutation(members) for _ in range(-(-count // len(members)))]
    return np.concatenate([members[:0], *rounds])[:count]


def _same(kind: int, first: Index, label: int) -> EpochPlan:
    count = len(first)
    return EpochPlan(
        np.full(count, kind, np.int8), first, np.full(count, -1, np.int64), np.full(count, label, np.int32)
    )


def _join(parts: Sequence[EpochPlan]) -> EpochPlan:
    return EpochPlan(
        np.concatenate([part.kinds for part in parts]),
        np.concatenate([part.first for part in parts]),
        np.concatenate([part.second for part in parts]),
        np.concatenate([part.labels for part in parts]),
    )
