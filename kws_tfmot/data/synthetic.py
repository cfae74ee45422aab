"""The built-in data: keywords spoken by eSpeak NG, by many voices, in many rooms, reproducible from a seed.

What is rendered lies in the cache folder in the layout of Speech Commands, so it can be listened to, and is read like
any folder. Every voice-accent pair is a speaker. Such data show that a build works and how methods compare; they do
not show how a model does on people.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from kws_tfmot.data.audio import Int16, fit_length, resample, to_int16
from kws_tfmot.data.data_settings import DataSettings
from kws_tfmot.data.espeak_library import SpokenText, speak_all
from kws_tfmot.data.labels import NOISE_FOLDER, UNKNOWN, label_of
from kws_tfmot.data.near_words import near_words, parts_of, sound_alike
from kws_tfmot.data.noise import COLOURS, coloured_noise
from kws_tfmot.data.rooms import Float, hum, in_a_room, sum_of_voices, trim
from kws_tfmot.data.speech import RATE, Request, choose_voices, render_speech, usable_engines
from kws_tfmot.data.speech.espeak import ENGLISH, accents_of, data_folder, variants
from kws_tfmot.data.speech.scripts import check_script
from kws_tfmot.data.store import Progress, store_key, unwritable
from kws_tfmot.errors import DataError
from kws_tfmot.files import staged_folder
from kws_tfmot.progress import Silent, Task

UNKNOWN_WORDS = (
    "yes", "no", "on", "off", "stop", "bed", "bird", "cat", "dog", "happy", "house", "marvin", "sheila", "tree", "wow",
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "water", "music", "window",
    "please", "tomorrow", "kitchen", "open", "garden", "light", "morning", "number",
)  # fmt: skip
_VERSION = 1
_CHUNK = 4000  # utterances spoken by one process
_BABBLE_SPEAKERS = 8


class _Take(NamedTuple):
    """One clip to render: which word, by which speaker (number), the how-manieth of that pair."""

    word: str
    speaker: int
    number: int


def render(settings: DataSettings, cache_dir: Path, progress: Progress | None = None) -> Path:
    """Render the synthetic data set under ``cache_dir`` and return its folder; nothing where it is there already.

    Raises:
        DataError: A word makes no sound, or is keyword and unknown.
        ToolchainError: The package espeakng-loader is missing, or eSpeak NG failed.
        CacheError: The cache cannot be written.
    """
    data_folder()
    for word in settings.keywords:
        check_script(word, settings.synthetic.language)
    words = unknown_words(settings)
    engine: object = importlib.metadata.version("espeakng-loader")
    if not _espeak_alone(settings):
        engine = usable_engines(settings.synthetic.engines)
    key = store_key(_VERSION, engine, settings.keywords, words, settings.synthetic.model_dump(), settings.seed,
                    settings.sample_rate, settings.clip_ms)  # fmt: skip
    folder = cache_dir / f"synthetic-{key}"
    if folder.is_dir():
        return folder
    try:
        with staged_folder(folder) as staged:
            if _espeak_alone(settings):
                _render_into(staged, settings, words, progress)
            else:
                _render_with_engines(staged, settings, words, cache_dir, progress)
    except OSError as error:
        raise unwritable(cache_dir, error) from None
    return folder


def unknown_words(settings: DataSettings) -> tuple[str, ...]:
    """The words that make ``_unknown_``: those asked for, or the built-in ones without the keywords; then near words.

    Raises:
        DataError: A word asked for is a keyword.
    """
    keywords = tuple(word.casefold() for word in settings.keywords)
    asked = settings.synthetic.unknown_words
    clash = [word for word in asked if label_of(word.casefold(), keywords) != UNKNOWN]
    if clash:
        raise DataError(f"unknown_words holds keywords: {clash}", "Leave them out of data.synthetic.unknown_words.")
    words = asked or tuple(word for word in UNKNOWN_WORDS if word not in keywords)
    if not settings.synthetic.near_words:
        return words
    alike = set() if asked or settings.synthetic.language != "en" else sound_alike(keywords, words)
    # The list of common words is English; in other languages the parts of the keywords are what is near.
    english = settings.synthetic.language == "en"
    near = near_words(keywords, settings.synthetic.near_words) if english else parts_of(keywords)
    return tuple(dict.fromkeys([*(word for word in words if word not in alike), *near]))


def missing_engines(settings: DataSettings) -> list[str]:
    """A note for every engine asked for that is not installed."""
    notes = _Notes()
    if not _espeak_alone(settings):
        usable_engines(settings.synthetic.engines, notes)
    return notes.texts


class _Notes(Silent):
    """A reporter that keeps the notes it is given."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def note(self, text: str) -> None:
        """Keep ``text``."""
        self.texts.append(text)


def speakers(count: int, seed: int) -> list[str]:
    """``count`` different voices, ``accent+variant``, in a seeded order, no variant much more often than another.

    Raises:
        DataError: There are not so many.
    """
    rng = np.random.default_rng([seed, 1])
    names = variants()
    if count > len(names) * len(ENGLISH):
        raise DataError(f"expected at most {len(names) * len(ENGLISH)} speakers. Received: {count}",
                        "Lower data.synthetic.speakers.")  # fmt: skip
    start = {name: int(rng.integers(len(ENGLISH))) for name in names}
    pairs: list[str] = []
    for turn in range(len(ENGLISH)):
        pairs += [f"{ENGLISH[(start[names[i]] + turn) % len(ENGLISH)]}+{names[i]}" for i in rng.permutation(len(names))]
    return pairs[:count]


def speaker_id(voice: str) -> str:
    """Eight hexadecimal digits that represent ``voice``, as in the file names of Speech Commands.

    >>> len(speaker_id("en-us+f1"))
    8
    """
    return hashlib.sha1(voice.encode("utf-8"), usedforsecurity=False).hexdigest()[:8]


def _espeak_alone(settings: DataSettings) -> bool:
    return settings.synthetic.engines == ("espeak",) and settings.synthetic.language == "en"


def _render_with_engines(
    folder: Path, settings: DataSettings, others: Sequence[str], cache_dir: Path, progress: Progress | None
) -> None:
    """As :func:`_render_into`, by the voices of several engines or of another language."""
    synthetic = settings.synthetic
    count = min(synthetic.speakers, synthetic.clips_per_word)
    voices = choose_voices(count, settings.seed, synthetic.engines, synthetic.language)
    murmur = [f"{accents_of(synthetic.language)[0]}+{name}" for name in variants()[:_BABBLE_SPEAKERS]]
    noises = _noises(settings, others, murmur)
    for name, wave in noises.items():
        _write(folder / NOISE_FOLDER / f"{name}.wav", to_int16(wave), settings.sample_rate)
    takes = _plan(settings, others, count)
    requests = [Request(take.word, voices[take.speaker], take.number, settings.seed) for take in takes]
    said = render_speech(requests, cache_dir, _Counting(progress))
    for take, clip in zip(takes, said, strict=True):
        name = f"{clip.speaker}_nohash_{take.number}.wav"
        _write(folder / take.word / name, _finish(clip.samples, RATE, take, noises, settings), settings.sample_rate)


class _Counting(Silent):
    """A reporter that counts utterances to ``progress``."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress, self._done, self._total = progress, 0, 0

    @contextmanager
    def task(self, description: str, total: int | None) -> Iterator[Task]:
        """Yield itself as the task."""
        self._done, self._total = 0, total or 0
        yield self

    def advance(self, count: int = 1, note: str = "") -> None:
        """Count on."""
        self.reach(self._done + count, self._total)

    def reach(self, done: int, total: int) -> None:
        """Tell how far it is."""
        self._done, self._total = done, total
        if self._progress:
            self._progress(done, total)


def _render_into(folder: Path, settings: DataSettings, others: Sequence[str], progress: Progress | None) -> None:
    synthetic = settings.synthetic
    # Every speaker says every keyword at least once, so that no split can lack one.
    count = min(synthetic.speakers, synthetic.clips_per_word)
    voices = speakers(count + _BABBLE_SPEAKERS, settings.seed)
    takes = _plan(settings, others, count)
    noises = _noises(settings, others, voices[count:])
    for name, wave in noises.items():
        _write(folder / NOISE_FOLDER / f"{name}.wav", to_int16(wave), settings.sample_rate)
    for first in range(0, len(takes), _CHUNK):
        chunk = takes[first : first + _CHUNK]
        said, rate = speak_all([_utterance(take, voices, settings.seed) for take in chunk])
        for offset, (take, samples) in enumerate(zip(chunk, said, strict=True)):
            if not np.any(samples):
                raise DataError(f"eSpeak NG makes no sound of {take.word!r}", "Choose a word that can be spoken.")
            name = f"{speaker_id(voices[take.speaker])}_nohash_{take.number}.wav"
            clip = _finish(samples, rate, take, noises, settings)
            _write(folder / take.word / name, clip, settings.sample_rate)
            if progress and (offset % 64 == 63 or first + offset + 1 == len(takes)):
                progress(first + offset + 1, len(takes))


def _plan(settings: DataSettings, others: Sequence[str], count: int) -> list[_Take]:
    """All takes, one speaker after the other (changing the voice is what costs time)."""
    wanted = [(word, settings.synthetic.clips_per_word) for word in settings.keywords]
    wanted += [(word, settings.synthetic.clips_per_unknown_word) for word in others]
    takes = []
    for word, clips in wanted:
        first = int(_rng(settings.seed, "first speaker", word).integers(count))
        takes += [_Take(word, (first + i) % count, i // count) for i in range(clips)]
    return sorted(takes, key=lambda take: (take.speaker, take.word, take.number))


def _rng(seed: int, *parts: object) -> np.random.Generator:
    digest = hashlib.sha256("\0".join(map(str, parts)).encode("utf-8")).digest()
    return np.random.default_rng([seed, int.from_bytes(digest[:8], "little")])


def _utterance(take: _Take, voices: Sequence[str], seed: int) -> SpokenText:
    rng = _rng(seed, "voice", *take)
    return SpokenText(
        take.word,
        voices[take.speaker],
        rate=int(rng.integers(125, 236)),
        pitch=int(rng.integers(25, 76)),
        range=int(rng.integers(20, 81)),
    )


def _finish(samples: Int16, rate: int, take: _Take, noises: dict[str, Float], settings: DataSettings) -> Int16:
    """One spoken word as a clip: at its rate, in a room, at a level, in noise, somewhere in the clip."""
    rng = _rng(settings.seed, "room", *take)
    length = settings.clip_samples
    word = trim(_float_at(samples, rate, settings.sample_rate))
    if rng.random() < 0.6:
        word = trim(in_a_room(word, rng, settings.sample_rate))
    peak = 32767 * 10 ** (rng.uniform(-24.0, -1.0) / 20)
    word = word * np.float32(peak / max(float(np.abs(word).max()), 1.0))
    clip = np.zeros(length, np.float32)
    if len(word) <= length:
        first = int((length - len(word)) * rng.beta(3.0, 3.0))
        clip[first : first + len(word)] = word
    else:
        clip[:] = fit_length(to_int16(word), length)
    if rng.random() < 0.8:
        noise = noises[list(noises)[int(rng.integers(len(noises)))]]
        # Only from the part that training may hear: the rest is for the silence of the evaluation splits.
        first = int(rng.integers(0, int(0.8 * len(noise)) - length))
        piece = noise[first : first + length]
        loudness = float(np.sqrt(np.mean(word**2))) * 10 ** (-rng.uniform(10.0, 50.0) / 20)
        clip = clip + piece * np.float32(loudness / (float(np.sqrt(np.mean(piece**2))) + 1.0))
    return to_int16(clip)


def _noises(settings: DataSettings, others: Sequence[str], voices: Sequence[str]) -> dict[str, Float]:
    """White, pink and brown noise, mains hum, and the murmur of voices that speak no clip of the set."""
    rng = np.random.default_rng([settings.seed, 2])
    rate = settings.sample_rate
    size = settings.synthetic.noise_seconds * rate
    noises = {f"{name}_noise": 2000 * coloured_noise(rng, size, exponent) for name, exponent in COLOURS.items()}
    noises["hum"] = 2000 * hum(rng, size, rate)
    spoken, own_rate = speak_all([SpokenText(word, voice) for voice in voices for word in others])
    words = [_float_at(samples, own_rate, rate) for samples in spoken if np.any(samples)]
    noises["babble"] = 2000 * sum_of_voices(rng, words, size, rate)
    return noises


def _float_at(samples: Int16, own_rate: int, rate: int) -> Float:
    return np.asarray(resample(samples, own_rate, rate), np.float32)


def _write(path: Path, clip: Int16, rate: int) -> None:
    import soundfile

    path.parent.mkdir(parents=True, exist_ok=True)
    made = io.BytesIO()  # written by Python: libsndfile does not say why it cannot
    soundfile.write(made, clip, rate, subtype="PCM_16", format="WAV")
    path.write_bytes(made.getvalue())
