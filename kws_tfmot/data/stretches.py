"""Training audio for a detector: stretches of a stream with speech, noise and pauses, and what each moment is.

A stretch is some seconds of sound in one room through one microphone: keywords, words that sound nearly like them,
sentences, words cut short, and pauses, over noise, at any level. The network is trained on every decision that it
would make in it, so that a word that is half in the window is not the word, whatever the moment.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from kws_tfmot.data.audio import Int16, to_int16
from kws_tfmot.data.augment import tilt_spectrum
from kws_tfmot.data.made_noise import made_noises
from kws_tfmot.data.noise import COLOURS
from kws_tfmot.data.rooms import Float, room_response, trim
from kws_tfmot.data.stretch_settings import StretchSettings
from kws_tfmot.data.stretch_targets import OTHER, Stretch

_SPEECH_BELOW_PEAK_DB = 35.0
_WANDER_S = 0.15
_HURRIED = 1.3
_QUIET_S = (1.0, 2.5)
_WORDS_ALONE = {"shares": (0.1, 0.0, 0.9, 0.0), "quiet_before": 0.3}
_LONG_TALK_S, _SHORT_TALK_S = (1.0, 4.0), (0.25, 0.9)
_HEAD, _TAIL = (0.35, 0.6), (0.4, 0.65)  # how much of a word is its head, and where its tail begins
_COLOURS = len(COLOURS)  # the first of the made noises


class Recording(NamedTuple):
    """A recorded clip, int16, and where the word in it begins and ends."""

    samples: Int16
    first: int
    last: int


Word = Int16 | Recording


class Speech(NamedTuple):
    """What can be said in a stretch, int16 at the data set's rate.

    Attributes:
        keywords: For each keyword, its utterances.
        near: Words that sound nearly like a keyword, and other single words.
        talk: Sentences and longer recordings; they are read by pieces.
        noise: Recordings of noise; may be empty.
        near_texts: What each of ``near`` says, ``""`` where that is no word of its own; empty where nobody asks.
    """

    keywords: tuple[tuple[Word, ...], ...]
    near: tuple[Word, ...]
    talk: tuple[Int16, ...]
    noise: tuple[Int16, ...] = ()
    near_texts: tuple[str, ...] = ()

    @property
    def word_names(self) -> tuple[str, ...]:
        """The different words among ``near``."""
        return tuple(sorted({*self.near_texts} - {""}))

    @property
    def word_classes(self) -> int:
        """Classes of single words: those of ``word_names``, then the keywords."""
        return len(self.word_names) + len(self.keywords)


class _Said(NamedTuple):
    """An utterance: a keyword's number or :data:`OTHER`, its sound, samples behind the word, the word's class."""

    number: int
    wave: Float
    after: int = 0
    word: int = OTHER


@functools.lru_cache(maxsize=2)
def _noises(rate: int) -> tuple[Float, ...]:
    """Made noises of 20 s each, the same in every run: making them takes seconds."""
    return tuple(made_noises(np.random.default_rng(20120609), 20 * rate, rate))


class StretchComposer:
    """Makes stretches; the one drawn with a generator depends on speech, settings and that generator alone."""

    def __init__(self, speech: Speech, settings: StretchSettings, rate: int, longest: int | None = None) -> None:
        """Keywords longer than ``longest`` samples are hurried, by up to 1.3: the window must hold a whole one."""
        self._speech = speech
        self._keywords = tuple(_recorded(words) for words in speech.keywords)
        self._others = _recorded(speech.near)
        self._longest = longest
        self._settings = settings
        self._words_alone = settings.model_copy(update=_WORDS_ALONE)
        places = {name: number for number, name in enumerate(speech.word_names)}
        self._classes = [places.get(text, OTHER) for text in speech.near_texts] or [OTHER] * len(speech.near)
        self._first_class = len(places)
        self._rate = rate
        self._made_noise = _noises(rate)

    def draw(self, rng: np.random.Generator) -> Stretch:
        """One stretch of ``settings.seconds``."""
        settings, rate = self._settings, self._rate
        if settings.words_share and rng.random() < settings.words_share:
            settings = self._words_alone
        size = round(settings.seconds * rate)
        mixed = np.zeros(size, np.float32)
        ends: list[tuple[int, int]] = []
        words: list[tuple[int, int]] = []
        speech: list[tuple[int, int]] = []
        if rng.random() >= settings.silent_share:
            at = int((rng.uniform(*_QUIET_S) if _after_quiet(rng, settings) else rng.uniform(0.0, 1.5)) * rate)
            while at < size:
                said = self._utterance(rng, settings)
                length = len(said.wave)
                room = min(length, size - at)
                mixed[at : at + room] += said.wave[:room]
                speech.append((at, at + room))
                for known, found in ((said.number, ends), (said.word, words)):
                    if known != OTHER and room == length:
                        found.append((known, at + length - said.after))
                at += length + int(_pause(rng, settings) * rate)
        if rng.random() < settings.bursts_probability:
            self._add_bursts(rng, mixed)
        return Stretch(self._recorded(rng, mixed, speech), tuple(ends), tuple(speech), tuple(words))

    def _utterance(self, rng: np.random.Generator, settings: StretchSettings) -> _Said:
        """What is said next, at a level and with a vocal tract length of its own."""
        words = self._speech
        kind = rng.choice(4, p=settings.shares)
        if kind == 0:
            number = int(rng.integers(len(words.keywords)))
            wave, after, _ = self._said(rng, words.keywords[number], self._longest)
            said = _Said(number, wave, after, self._first_class + number)
        elif kind == 1:
            said = _Said(OTHER, self._cut(rng))
        elif kind == 2 and words.near:
            if self._splices(rng):
                said = _Said(OTHER, self._pseudo_word(rng))
            else:
                wave, after, place = self._said(rng, words.near)
                said = _Said(OTHER, wave, after, self._classes[place])
        else:
            said = _Said(OTHER, self._talk(rng))
        return said._replace(wave=said.wave * np.float32(10 ** (rng.uniform(-6.0, 3.0) / 20)))

    def _splices(self, rng: np.random.Generator) -> bool:
        share = self._settings.spliced_share
        return bool(share) and rng.random() < share

    def _pseudo_word(self, rng: np.random.Generator) -> Float:
        """The head of one word and the tail of another, keywords too, as loud as the head and of one pace.

        A human voice that says no keyword: where few people's other words train, their voices alone are taken for one.
        """
        (number, head), (other, tail) = self._whole_word(rng), self._whole_word(rng)
        while number == other != OTHER:
            other, tail = self._whole_word(rng)
        head = head[: max(1, int(rng.uniform(*_HEAD) * len(head)))]
        tail = tail[int(rng.uniform(*_TAIL) * len(tail)) :]
        loud, soft = (float(np.sqrt(np.mean(np.square(part)))) + 1.0 for part in (head, tail))
        tail = tail * np.float32(loud / soft * 10 ** (rng.uniform(-4.0, 4.0) / 20))
        fade = self._rate // 100
        overlap = min(fade, len(head), len(tail))
        rise = np.linspace(0.0, 1.0, overlap, dtype=np.float32)
        seam = head[len(head) - overlap :] * (1 - rise) + tail[:overlap] * rise
        wave = np.concatenate([head[: len(head) - overlap], seam, tail[overlap:]])
        return self._changed(rng, _faded(_faded(wave, fade)[::-1], fade)[::-1])

    def _whole_word(self, rng: np.random.Generator) -> tuple[int, Float]:
        """A keyword or another word with equal chance, recordings of people alone where there are some."""
        number = int(rng.integers(len(self._keywords))) if rng.random() < 0.5 else OTHER
        pool = self._others if number == OTHER else self._keywords[number]
        said = pool[int(rng.integers(len(pool)))]
        wave = said.samples[said.first : said.last] if isinstance(said, Recording) else said
        return number, wave.astype(np.float32)

    def _said(
        self, rng: np.random.Generator, pool: Sequence[Word], longest: int | None = None
    ) -> tuple[Float, int, int]:
        """One of ``pool``, a recording at times with what its clip has around the word; samples behind; its place."""
        place = int(rng.integers(len(pool)))
        said = pool[place]
        if not isinstance(said, Recording):
            return self._changed(rng, said.astype(np.float32), longest), 0, place
        first, last = said.first, said.last
        if rng.random() < self._settings.surroundings:
            first = int(rng.integers(0, first + 1))
            last = int(rng.integers(last, len(said.samples) + 1))
        fade = self._rate // 100
        wave = _faded(_faded(said.samples[first:last].astype(np.float32), fade)[::-1], fade)[::-1]
        if longest:  # the word must fit, not what is around it
            longest = longest * len(wave) // max(1, said.last - said.first)
        changed = self._changed(rng, wave, longest)
        return changed, round((last - said.last) * len(changed) / max(1, len(wave))), place

    def _talk(self, rng: np.random.Generator) -> Float:
        if not self._speech.talk:
            return self._spoken(rng, self._speech.near)
        pool = self._speech.talk
        whole = pool[int(rng.integers(len(pool)))]
        short = rng.random() < self._settings.short_talk
        length = int(rng.uniform(*(_SHORT_TALK_S if short else _LONG_TALK_S)) * self._rate)
        first = int(rng.integers(0, max(1, len(whole) - length + 1)))
        piece = whole[first : first + length].astype(np.float32)
        return self._changed(rng, _faded(_faded(piece, self._rate // 100)[::-1], self._rate // 200)[::-1]
                             if short else piece)  # fmt: skip

    def _cut(self, rng: np.random.Generator) -> Float:
        """A keyword of which a part is missing, or in which the parts are out of order, or backwards."""
        words = self._speech
        wave = self._spoken(rng, words.keywords[int(rng.integers(len(words.keywords)))])
        how = rng.random()
        if how < 0.3:
            kept = len(wave) - int(rng.uniform(*self._settings.cut_ms) * self._rate / 1000)
            wave = wave[: max(kept, len(wave) // 4)]
        elif how < 0.5:
            wave = wave[int(rng.uniform(0.35, 0.7) * len(wave)) :]
        elif how < 0.7:
            wave = self._spliced(rng, wave)
        elif how < 0.85:
            corners = np.sort(rng.uniform(0.15, 0.85, int(rng.integers(1, 4)))) * len(wave)
            pieces = np.split(wave, corners.astype(int))
            shift = int(rng.integers(1, len(pieces)))
            wave = np.concatenate([_faded(piece, self._rate // 200) for piece in pieces[shift:] + pieces[:shift]])
        else:
            wave = wave[::-1]
        return _faded(wave, self._rate // 100)

    def _spliced(self, rng: np.random.Generator, wave: Float) -> Float:
        """The beginning or the end of ``wave`` with another word's part in place of the rest."""
        other = self._spoken(rng, self._speech.near) if self._speech.near else self._talk(rng)
        mine, its = rng.uniform(0.35, 0.6), rng.uniform(0.4, 0.6)
        head, tail = wave[: int(mine * len(wave))], wave[int(mine * len(wave)) :]
        if rng.random() < 0.5:
            return np.concatenate([head, other[int(its * len(other)) :]])
        return np.concatenate([other[: int(its * len(other))], tail])

    def _spoken(self, rng: np.random.Generator, pool: Sequence[Word], longest: int | None = None) -> Float:
        said = pool[int(rng.integers(len(pool)))]
        wave = said.samples[said.first : said.last] if isinstance(said, Recording) else said
        return self._changed(rng, wave.astype(np.float32), longest)

    def _changed(self, rng: np.random.Generator, wave: Float, longest: int | None = None) -> Float:
        """Another vocal tract and pace: resampled by a factor of the range that wanders within the utterance."""
        low, high = self._settings.vocal_tract
        if longest:
            low = min(max(low, len(wave) / longest), max(_HURRIED, low))
            high = max(low, high)
        percent = round(100 * float(np.exp(rng.uniform(np.log(low), np.log(high)))))
        if not len(wave):
            return wave
        import soxr

        if not self._settings.wander:
            return np.asarray(soxr.resample(wave, percent, 100, quality="LQ"), np.float32)
        # Twice as many samples as needed, so that reading between them linearly dulls nothing below 4 kHz.
        finer = soxr.resample(wave, percent, 200, quality="LQ")
        return wandering(rng, finer, 2.0, self._settings.wander, self._rate)

    def _add_bursts(self, rng: np.random.Generator, mixed: Float) -> None:
        """Breaths, clicks and rustle: short noises anywhere, most often just behind something that was said."""
        sounding = np.flatnonzero(mixed)
        loud = float(np.sqrt(np.mean(np.square(mixed[sounding])))) if len(sounding) else 1500.0
        edges = sounding[np.flatnonzero(np.diff(sounding) > self._rate // 50)] if len(sounding) else sounding
        for _ in range(int(rng.integers(1, 7))):
            length = int(rng.uniform(0.02, 0.3) * self._rate)
            anywhere = not len(edges) or rng.random() < 0.4
            at = (
                int(rng.integers(len(mixed))) if anywhere else int(rng.choice(edges) + rng.uniform(0, 0.4) * self._rate)
            )
            burst = _piece(rng, self._made_noise[int(rng.integers(_COLOURS))], length)
            burst = burst * np.hanning(length) if rng.random() < 0.5 else burst * np.linspace(1, 0, length)
            burst = burst[: max(0, len(mixed) - at)]
            mixed[at : at + len(burst)] += (loud * 10 ** (rng.uniform(-35, 0) / 20) * burst).astype(np.float32)

    def _recorded(self, rng: np.random.Generator, mixed: Float, speech: Sequence[tuple[int, int]]) -> Int16:
        """In one place, or cut together from recordings of several: every part between two utterances in another."""
        quietest, loudest = self._settings.level_db
        level = loudest + (quietest - loudest) * rng.random() ** self._settings.level_skew
        if len(speech) < 2 or rng.random() >= self._settings.cut_together:
            return self._in_the_world(rng, mixed, level)
        seams = [int(rng.integers(last, max(first, last) + 1)) for (_, last), (first, _) in itertools.pairwise(speech)]
        parts = [part for part in np.split(mixed, seams) if len(part)]
        return np.concatenate([self._in_the_world(rng, part, min(level + rng.uniform(-12, 12), 0.0))
                               for part in parts])  # fmt: skip

    def _in_the_world(self, rng: np.random.Generator, mixed: Float, level: float) -> Int16:
        """Room, noise, microphone and level; a stretch without speech is noise or near silence at any level."""
        settings = self._settings
        sounding = np.flatnonzero(mixed)
        if len(sounding) and rng.random() < settings.room_probability:
            mixed = _convolved(mixed, room_response(rng, self._rate))
        if rng.random() < settings.equaliser_probability:
            mixed = _convolved(mixed, _equaliser(rng, settings.equaliser_db, self._rate))
        loud = float(np.sqrt(np.mean(np.square(mixed[sounding])))) if len(sounding) else 1500.0
        if rng.random() < settings.noise_probability:
            noise = self._noise(rng, len(mixed))
            ratio = rng.uniform(*settings.noise_snr_db)
            mixed = mixed + noise * np.float32(loud * 10 ** (-ratio / 20))
        mixed = tilt_spectrum(mixed, rng.uniform(-settings.tilt, settings.tilt))
        peak = max(float(np.abs(mixed).max()), 1.0)
        mixed = mixed * np.float32(32767 / peak * 10 ** (level / 20))
        hiss = 10 ** rng.uniform(-0.5, 1.0)
        return to_int16(mixed + rng.standard_normal(len(mixed), dtype=np.float32) * np.float32(hiss))

    def _noise(self, rng: np.random.Generator, size: int) -> Float:
        """Noise of unit power: a recording, a colour, other voices, or one that comes and goes."""
        recorded = self._speech.noise
        if recorded and rng.random() < 0.6:
            wave = _piece(rng, recorded[int(rng.integers(len(recorded)))].astype(np.float32), size)
        elif rng.random() < 0.35 and self._speech.talk:
            talk = self._speech.talk
            wave = np.zeros(size, np.float32)
            backwards = -1 if rng.random() < 0.3 else 1
            for _ in range(int(rng.integers(1, 6))):
                wave += _piece(rng, talk[int(rng.integers(len(talk)))].astype(np.float32)[::backwards], size)
        else:
            wave = _piece(rng, self._made_noise[int(rng.integers(len(self._made_noise)))], size)
        if rng.random() < 0.3:
            slow = np.interp(np.arange(size), np.linspace(0, size, 8), 10 ** (rng.uniform(-20, 0, 8) / 20))
            wave = wave * slow.astype(np.float32)
        return wave / np.float32(np.sqrt(np.mean(np.square(wave))) + 1e-6)


def wandering(rng: np.random.Generator, wave: Float, pace: float, wander: float, rate: int) -> Float:
    """``wave`` read at ``pace`` samples a sample, times a factor that changes along the way: intonation and rhythm.

    The logarithm of the factor is a line through normal numbers of standard deviation ``wander``, 150 ms apart.
    """
    corners = max(2, round(len(wave) / pace / rate / _WANDER_S) + 1)
    steps = np.interp(np.linspace(0, corners - 1, int(len(wave) / pace)), np.arange(corners),
                      pace * np.exp(rng.normal(0.0, wander, corners)))  # fmt: skip
    places = np.cumsum(steps)
    length = int(np.searchsorted(places, len(wave) - 1))
    if length == len(places) and length:  # read on at the last pace to the end
        more = np.arange(places[-1], len(wave) - 1, steps[-1])[1:]
        places = np.concatenate([places, more])
        length = len(places)
    return np.interp(places[:length], np.arange(len(wave)), wave).astype(np.float32)


def word_of(samples: Int16, rate: int) -> Int16:
    """The word in a recording or rendering: what is within 35 dB of its peak, with 10 ms around."""
    return to_int16(trim(samples.astype(np.float32), _SPEECH_BELOW_PEAK_DB, rate // 100))


def _after_quiet(rng: np.random.Generator, settings: StretchSettings) -> bool:
    share = settings.quiet_before
    return bool(share) and rng.random() < share


def _pause(rng: np.random.Generator, settings: StretchSettings) -> float:
    if _after_quiet(rng, settings):
        return float(rng.uniform(*_QUIET_S))
    return float(rng.uniform(0.0, 0.15) if rng.random() < 0.3 else rng.uniform(0.1, 1.6))


def _recorded(words: Sequence[Word]) -> Sequence[Word]:
    """Those of ``words`` that people said, or all where none are."""
    return [word for word in words if isinstance(word, Recording)] or words


def _piece(rng: np.random.Generator, wave: Float, size: int) -> Float:
    first = int(rng.integers(0, max(1, len(wave))))
    repeated = np.resize(np.roll(wave, -first) if len(wave) <= size else wave[first:], size) if len(wave) else None
    return np.zeros(size, np.float32) if repeated is None else np.asarray(repeated, np.float32)


def _faded(wave: Float, samples: int) -> Float:
    fade = min(samples, len(wave) // 2)
    if fade:
        wave = wave.copy()
        wave[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
    return wave


def _convolved(wave: Float, response: Float) -> Float:
    import scipy.fft

    size = scipy.fft.next_fast_len(len(wave) + len(response) - 1, real=True)
    product = scipy.fft.rfft(wave, size) * scipy.fft.rfft(response, size)
    return np.asarray(scipy.fft.irfft(product, size)[: len(wave)], np.float32)


def _equaliser(rng: np.random.Generator, spread_db: float, rate: int) -> Float:
    """Filter of 64 taps with a smooth random response, ``spread_db`` in each of eight bands; a third cuts the top."""
    points = np.interp(np.arange(33), np.linspace(0, 32, 8), rng.normal(0, spread_db, 8))
    if rng.random() < 0.33:
        cut = rng.uniform(2800, 7500) / (rate / 64)
        points = points - 6.0 * np.maximum(0.0, np.arange(33) - cut)
    spectrum = 10 ** (points / 20)
    taps = np.roll(np.fft.irfft(spectrum, 64), 32) * np.hanning(64)
    return taps.astype(np.float32)
