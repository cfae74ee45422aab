"""Training clips, drawn and varied afresh every epoch, from (seed, epoch) alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from kws_tfmot.data import augment
from kws_tfmot.data.audio import Int16
from kws_tfmot.data.draws import MADE_SILENCE, REVERSED, SPLICED, EpochPlan, EpochPlanner
from kws_tfmot.data.index import AudioSplit
from kws_tfmot.data.labels import SILENCE
from kws_tfmot.data.noise import NoiseBank
from kws_tfmot.data.seeds import generators
from kws_tfmot.data.settings import AugmentSettings
from kws_tfmot.data.silence import draw_places, silence_clip
from kws_tfmot.data.variation import Variations
from kws_tfmot.errors import DataError

Labels = npt.NDArray[np.int32]
_CUT_REACH = 0.7  # of the window: what is left may be a third of a second


class TrainingBatches:
    """The training stream: ``epoch(i)`` yields augmented clips and their classes.

    The clip at place ``k`` of epoch ``i`` depends on ``(seed, i, k)`` and nothing else, so a training resumed at epoch
    ``i`` sees what an uninterrupted one would have seen, whatever the batch size or thread.

    Args:
        audio_split: The clips to draw from, ``index.audio("train")``.
        noise: ``index.noise``; only its training stretches are used.
        labels: The classes, ``index.labels``.
        settings: Shares and variations.
        batch_size: Clips of a batch; the last one may be smaller.
        seed: Of everything that is drawn.

    Raises:
        DataError: A class cannot be drawn, or ``labels`` are not those of the clips.
    """

    def __init__(
        self,
        audio_split: AudioSplit,
        noise: NoiseBank,
        labels: Sequence[str],
        settings: AugmentSettings,
        batch_size: int,
        seed: int,
    ) -> None:
        if tuple(labels) != audio_split.class_names:
            raise DataError(f"expected the classes of the clips, {audio_split.class_names}. Received: {tuple(labels)}")
        if batch_size < 1:
            raise DataError(f"expected a batch size of at least 1. Received: {batch_size}")
        self.clips = audio_split
        self.noise = noise
        self.labels = tuple(labels)
        self.settings = settings
        self.batch_size = batch_size
        self.seed = seed
        self._silence = self.labels.index(SILENCE)
        self._planner = EpochPlanner(audio_split.labels, audio_split.words, self.labels, settings, audio_split.recorded)

    @property
    def clips_per_epoch(self) -> int:
        """Clips that one epoch holds."""
        return sum(self._planner.sizes.values())

    @property
    def batches_per_epoch(self) -> int:
        """Batches that one epoch holds."""
        return -(-self.clips_per_epoch // self.batch_size)

    def class_counts(self) -> dict[str, int]:
        """Clips of each class in one epoch."""
        return {self.labels[i]: self._planner.sizes[i] for i in range(len(self.labels))}

    def epoch(self, number: int) -> Iterator[tuple[Int16, Labels]]:
        """Yield int16 clips ``[B, samples]`` and int32 classes ``[B]`` of epoch ``number``."""
        for make in self.pieces(number):
            yield make()

    def pieces(self, number: int) -> Iterator[Callable[[], tuple[Int16, Labels]]]:
        """What makes each batch of epoch ``number``; they may be called in any order and from any thread."""
        plan, levels = self._plan(number)
        for first in range(0, len(plan.labels), self.batch_size):
            yield partial(
                self._make, number, plan, levels, range(first, min(first + self.batch_size, len(plan.labels)))
            )

    def _plan(self, number: int) -> tuple[EpochPlan, Sequence[float]]:
        rng = np.random.default_rng([self.seed, number])
        plan = self._planner.plan(rng)
        return plan, draw_places(rng, int((plan.kinds == MADE_SILENCE).sum()))

    def _make(self, number: int, plan: EpochPlan, levels: Sequence[float], places: range) -> tuple[Int16, Labels]:
        window = slice(places.start, places.stop)
        sources = self.clips.gather(np.maximum(plan.first[window], 0))
        variations = Variations(sources.astype(np.float32))
        clips = np.empty_like(sources)
        silent = int((plan.kinds[: places.start] == MADE_SILENCE).sum())
        for row, (place, rng) in enumerate(zip(places, generators((self.seed, number), places), strict=True)):
            if plan.kinds[place] == MADE_SILENCE:
                clips[row], _ = silence_clip(rng, self.noise, "train", levels[silent], fast=True)
                variations.rows[row]["skip"] = 1
                silent += 1
                continue
            self._source(variations.clips[row], plan, place, sources[row])
            label = plan.labels[place]
            is_word, is_unknown = label != self._silence, label == self._planner.unknown
            self.draw_variation(rng, variations, row, is_word=is_word, is_unknown=is_unknown)
        variations.into(clips)
        return clips, plan.labels[window]

    def _source(self, into: augment.Float, plan: EpochPlan, place: int, clip: Int16) -> None:
        """Turn a clip that is there already into what the plan makes of it."""
        if plan.kinds[place] == REVERSED:
            into[:] = clip[::-1]
        elif plan.kinds[place] == SPLICED:
            second = self.clips.gather(plan.second[place : place + 1])[0]
            (_, middle, _), (_, other, _) = augment.word_bounds(np.stack([clip, second])).tolist()
            into[:] = augment.splice(clip.astype(np.float32), middle, second.astype(np.float32), other)

    def draw_variation(
        self, rng: np.random.Generator, to: Variations, row: int, *, is_word: bool, is_unknown: bool = False
    ) -> None:
        """Draw every variation of clip ``row`` from ``rng``.

        The order is that of the world: the speaker (speed, pitch, moment), the room, the noise around, the
        microphone (tilt, volume). Clips of ``_silence_`` keep to the moment and the volume; those of ``_unknown_`` may
        be cut (``cut_unknown``).
        """
        settings, mine = self.settings, to.rows[row]
        if is_word and rng.random() < settings.speed_probability:
            to.set_speed(row, 1 + rng.uniform(-1, 1) * settings.speed_percent / 100)
        most = int(settings.shift_ms * self.noise.rate / 1000)
        if is_unknown and settings.cut_unknown and rng.random() < settings.cut_unknown:
            most = int(_CUT_REACH * to.clips.shape[1])
        mine["shift"] = rng.integers(-most, most + 1)
        if is_word and rng.random() < settings.reverb_probability:
            to.set_reflections(row, *augment.draw_reflections(rng, self.noise.rate))
        if is_word and rng.random() < settings.noise_probability:
            to.set_noise(row, self._draw_noise(rng), rng.uniform(*settings.noise_snr_db))
        if is_word and rng.random() < settings.tilt_probability:
            to.set_tilt(row, rng.uniform(-1, 1) * settings.tilt)
        mine["gain"] = 10 ** (rng.uniform(*settings.gain_db) / 20)

    def _draw_noise(self, rng: np.random.Generator) -> augment.Float:
        return self.noise.draw_varied(rng, "train", self.settings.generated_noise_share, fast=True)[0]
