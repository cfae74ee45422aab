"""Training clips, drawn and varied afresh every epoch, from (seed, epoch) alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial

import numpy as np
import numpy.typing as npt

from kws_tfmot.data import augment
from kws_tfmot.data.audio import Int16
from kws_tfmot.data.batch_draws import LEFT_ALONE, MADE_NOISE, RECORDED_SILENCE, UNKNOWN_WORD, WORD, BatchDraws
from kws_tfmot.data.clip_index import AudioSplit
from kws_tfmot.data.data_settings import AugmentSettings
from kws_tfmot.data.epoch_plan import MADE_SILENCE, REVERSED, SPLICED, EpochPlan, EpochPlanner
from kws_tfmot.data.labels import SILENCE
from kws_tfmot.data.noise import NoiseBank
from kws_tfmot.data.noise_shapes import Shaping, level_gain, shape_all
from kws_tfmot.data.seeds import generators
from kws_tfmot.data.silence import draw_places, draw_silence, is_noise, noise_level
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
        self.native = True  # C where a compiler is found; Python draws the same
        self._planner = EpochPlanner(audio_split.labels, audio_split.words, self.labels, settings, audio_split.recorded)

    @cached_property
    def _shifts(self) -> tuple[int, int]:
        """Most samples that a clip is moved by, and one that is cut."""
        return int(self.settings.shift_ms * self.noise.rate / 1000), int(_CUT_REACH * self.noise.length)

    @cached_property
    def _draws(self) -> BatchDraws:
        return BatchDraws(self.noise, self.settings, *self._shifts)

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
        variations = Variations(sources)
        clips = np.empty_like(sources)
        kinds = plan.kinds[window]
        for row in np.flatnonzero((kinds == SPLICED) | (kinds == REVERSED)).tolist():
            variations.set_sound(row, self._source(plan, places[row], sources[row]))
        silent = (kinds == MADE_SILENCE).nonzero()[0]
        before = int((plan.kinds[: places.start] == MADE_SILENCE).sum())
        level_of = dict(zip(silent.tolist(), levels[before : before + len(silent)], strict=True))
        self._vary(number, places, plan.labels[window], level_of, variations, clips)
        variations.into(clips)
        return clips, plan.labels[window]

    def _vary(
        self, number: int, places: range, labels: Labels, silence: Mapping[int, float], to: Variations, clips: Int16
    ) -> None:
        """Draw what happens to every clip; those of ``silence`` (place of their level by row) are made."""
        noises = PendingNoise(to, self.noise.rate)
        ready = {row for row, place in silence.items() if not is_noise(place)}
        tasks = np.where(labels == self._silence, RECORDED_SILENCE, WORD).astype(np.int8)
        tasks[labels == self._planner.unknown] = UNKNOWN_WORD
        tasks[[*silence]], tasks[[*ready]] = MADE_NOISE, LEFT_ALONE
        drawn = self._draws.draw((self.seed, number), places, tasks, to) if self.native else None
        for row, shaping, snr_db in drawn or ():
            if row in silence:
                noises.be_heard_alone(row, shaping, noise_level(silence[row]))
            else:
                noises.mix_in(row, shaping, snr_db)
        left = range(len(places)) if drawn is None else sorted(ready)
        seeds = [places[row] for row in left]
        for row, rng in zip(left, generators((self.seed, number), seeds), strict=True):
            if row in silence:
                made, _ = draw_silence(rng, self.noise, "train", silence[row])
                if isinstance(made, np.ndarray):
                    clips[row], to.rows[row]["skip"] = made, 1
                else:
                    noises.be_heard_alone(row, *made)
            else:
                self.draw_variation(rng, to, noises, row, task=int(tasks[row]))
        noises.shape()

    def _source(self, plan: EpochPlan, place: int, clip: Int16) -> augment.Float:
        """A clip reversed, or spliced with another one, as the plan says."""
        if plan.kinds[place] == REVERSED:
            return clip[::-1].astype(np.float32)
        second = self.clips.gather(plan.second[place : place + 1])[0]
        (_, middle, _), (_, other, _) = augment.word_bounds(np.stack([clip, second])).tolist()
        return augment.splice(clip.astype(np.float32), middle, second.astype(np.float32), other)

    def draw_variation(
        self, rng: np.random.Generator, to: Variations, noises: PendingNoise, row: int, *, task: int = WORD
    ) -> None:
        """Draw every variation of clip ``row`` from ``rng``; its noise is mixed in when ``noises`` are shaped.

        The order is that of the world: the speaker (speed, pitch, moment), the room, the noise around, the
        microphone (tilt, volume). Clips of ``_silence_`` keep to the moment and the volume; those of ``_unknown_`` may
        be cut (``cut_unknown``).
        """
        settings, mine = self.settings, to.rows[row]
        is_word, is_unknown = task in (WORD, UNKNOWN_WORD), task == UNKNOWN_WORD
        if is_word and rng.random() < settings.speed_probability:
            to.set_speed(row, 1 + rng.uniform(-1, 1) * settings.speed_percent / 100)
        most, cut = self._shifts
        if is_unknown and settings.cut_unknown and rng.random() < settings.cut_unknown:
            most = cut
        mine["shift"] = rng.integers(-most, most + 1)
        if is_word and rng.random() < settings.reverb_probability:
            to.set_reflections(row, *augment.draw_reflections(rng, self.noise.rate))
        if is_word and rng.random() < settings.noise_probability:
            shaping, _ = self.noise.draw_shaping(rng, "train", settings.generated_noise_share)
            noises.mix_in(row, shaping, rng.uniform(*settings.noise_snr_db))
        if is_word and rng.random() < settings.tilt_probability:
            to.set_tilt(row, rng.uniform(-1, 1) * settings.tilt)
        mine["gain"] = 10 ** (rng.uniform(*settings.gain_db) / 20)


class PendingNoise:
    """Noise that the clips of a batch wait for: shaped together, see :func:`~kws_tfmot.data.noise_shapes.shape_all`."""

    def __init__(self, variations: Variations, rate: int) -> None:
        self._variations = variations
        self._rate = rate
        self._shapings: list[Shaping] = []
        self._then: list[Callable[[augment.Float], None]] = []

    def mix_in(self, row: int, shaping: Shaping, snr_db: float) -> None:
        """Clip ``row`` is to have it around it, ``snr_db`` below its word."""
        self._shapings.append(shaping)
        self._then.append(lambda wave: self._variations.set_noise(row, wave, snr_db))

    def be_heard_alone(self, row: int, shaping: Shaping, decibels: float) -> None:
        """Clip ``row`` is to be nothing but it, at ``decibels`` of full scale."""

        def take(wave: augment.Float) -> None:
            """Put it in place of the clip."""
            self._variations.set_sound(row, wave)
            self._variations.rows[row]["gain"] = level_gain(wave, decibels)

        self._shapings.append(shaping)
        self._then.append(take)

    def shape(self) -> None:
        """Give every clip its noise."""
        for wave, take in zip(shape_all(self._shapings, self._rate), self._then, strict=True):
            take(wave)
