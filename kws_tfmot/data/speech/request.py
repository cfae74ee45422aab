"""Voices, requests for utterances, and what every speech engine offers."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from kws_tfmot.data.audio import Int16

Float = npt.NDArray[np.float32]
_RUNNING = (0.75, 1.3)  # speeds of sentences
# People say a word that is alone a third slower than eSpeak NG and Piper do; hibari is slower by itself. Kokoro
# takes long for slow speech: it is stretched afterwards (see :mod:`.tempo`).
_LONE, _LONE_WORDS = (0.5, 1.15), 3
_LONE_BY = {"hibari": (0.62, 1.42), "kokoro": _RUNNING}


class Voice(NamedTuple):
    """One speaker.

    Attributes:
        engine: Which engine speaks (``espeak``, ``kokoro``, ``hibari``, ``piper``).
        name: The engine's name for the voice: a variant, a number that a style is drawn from, a file.
        accent: eSpeak NG's name of the language or accent whose phonemes are spoken.
        variant: Number of a vocal tract and a pitch, drawn from the voice's own names and this number.
    """

    engine: str
    name: str
    accent: str = "en-us"
    variant: int = 0

    @property
    def speaker(self) -> str:
        """Eight hexadecimal digits that represent the voice, as speakers are named in Speech Commands.

        >>> len(Voice("espeak", "f1").speaker)
        8
        """
        text = f"{self.engine}/{self.name}/{self.accent}/{self.variant}"
        return hashlib.sha1(text.encode("utf-8"), usedforsecurity=False).hexdigest()[:8]


class Request(NamedTuple):
    """One utterance to be spoken; its sound follows from these four, and from the engine's version, alone.

    Attributes:
        text: A word, a phrase or a sentence.
        voice: Who says it.
        take: The how-manieth time; every take has a speed, a pitch and a level of its own.
        seed: Another seed gives other speeds, pitches and levels.
    """

    text: str
    voice: Voice
    take: int = 0
    seed: int = 0


class Delivery(NamedTuple):
    """How a request is spoken: factors on speed, pitch and formants of the voice, and the peak in dB of full scale."""

    speed: float
    pitch: float
    formants: float
    peak_db: float


class SpokenClip(NamedTuple):
    """One spoken utterance at 16 kHz.

    Attributes:
        samples: int16, from 50 ms before the first sound to 100 ms after the last.
        text: What is said.
        voice: Who says it; ``speaker`` names it.
        word_start: Sample of the first sound.
        word_end: Sample after the last sound.
    """

    samples: Int16
    text: str
    voice: Voice
    word_start: int
    word_end: int

    @property
    def speaker(self) -> str:
        """See :attr:`Voice.speaker`."""
        return self.voice.speaker

    @property
    def word_end_ms(self) -> float:
        """Where the word ends, in milliseconds from the first sample."""
        return self.word_end / 16.0


class SpeechEngine(Protocol):
    """A synthesiser of speech. Its constructor is cheap; models are loaded when it first speaks."""

    name: str

    def fingerprint(self) -> str:
        """Versions of all that the sound depends on.

        Raises:
            ToolchainError: What the engine needs is not installed; the text says how to install it.
        """

    def voices(self, count: int, rng: np.random.Generator, language: str) -> list[Voice]:
        """At most ``count`` different voices for eSpeak's ``language``; fewer, or none, where there are no more."""

    def speak(self, requests: Sequence[Request]) -> list[tuple[Float, int]]:
        """Samples within about -1 to 1, and their rate, of every request; empty where nothing sounds.

        Speed is the engine's to apply; pitch and formants are changed afterwards (see :mod:`.vocal_tract`).
        """


def generator(seed: int, *parts: object) -> np.random.Generator:
    """Random numbers that follow from ``seed`` and ``parts``."""
    digest = hashlib.sha256("\0".join(map(str, parts)).encode("utf-8")).digest()
    return np.random.default_rng([seed, int.from_bytes(digest[:8], "little")])


def delivery(request: Request) -> Delivery:
    """Speed, pitch and formants of the voice with a little change at each take, peak -18 to -2 dB.

    Speeds are 0.75 to 1.3, of lone words by most engines such that these last as long as people's.
    Formants (the inverse of the length of the vocal tract) differ between voices by 0.86 to 1.18, pitch by half an
    octave; the two go together by half, as in people.

    >>> delivery(Request("go", Voice("espeak", "f1"))) == delivery(Request("go", Voice("espeak", "f1")))
    True
    """
    own = generator(0, "voice", *request.voice)
    size = own.uniform(-1.0, 1.0)
    formants = 1.0 + (0.18 if size > 0 else 0.14) * size
    pitch = 2.0 ** (0.25 * (0.5 * size + own.uniform(-0.75, 0.75)))
    take = generator(request.seed, "take", request.text, *request.voice, request.take)
    return Delivery(
        speed=float(np.exp(take.uniform(*np.log(_speeds(request))))),
        pitch=float(pitch * 2.0 ** take.uniform(-0.08, 0.08)),
        formants=float(formants * take.uniform(0.98, 1.02)),
        peak_db=float(take.uniform(-18.0, -2.0)),
    )


def _speeds(request: Request) -> tuple[float, float]:
    if len(request.text.split()) > _LONE_WORDS:
        return _RUNNING
    return _LONE_BY.get(request.voice.engine, _LONE)
