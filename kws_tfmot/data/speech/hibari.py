"""hibari: one American voice of 8 MB, 130 times faster than real time, with American and British pronunciation."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from kws_tfmot.data.speech.foreign_accents import split_accent, with_accent
from kws_tfmot.data.speech.onnx_models import versions_of
from kws_tfmot.data.speech.request import Float, Request, Voice, delivery, generator

_VARIANTS = 24  # vocal tracts and pitches that one voice is worth
_RATE = 24000


class Hibari:
    """Its voices are vocal tracts and pitches of the one voice in the wheel; more voices it would download: never."""

    name = "hibari"

    def fingerprint(self) -> str:
        """See :class:`~kws_tfmot.data.speech.request.SpeechEngine`."""
        return versions_of(self.name, ("onnxruntime", "hibari-tts"))

    def voices(self, count: int, rng: np.random.Generator, language: str) -> list[Voice]:
        """At most 24, for English only."""
        if not language.startswith("en"):
            return []
        accents = ("en-us", "en-gb-x-rp")
        numbers = rng.permutation(_VARIANTS)[:count]
        return [Voice(self.name, "heart", accents[int(number) % 3 == 2], int(number)) for number in numbers]

    def speak(self, requests: Sequence[Request]) -> list[tuple[Float, int]]:
        """See :class:`~kws_tfmot.data.speech.request.SpeechEngine`."""
        tts = _loaded()
        said = []
        for request in requests:
            how = delivery(request)
            seed = int(generator(request.seed, "hibari", *request).integers(2**31))
            base, foreign = split_accent(request.voice.accent)
            phonemes = _pronounce(base.startswith("en-gb"))(request.text)
            phonemes = with_accent(phonemes, foreign, generator(request.seed, "accent", *request))
            audio = tts.from_phonemes(phonemes, speed=how.speed / how.pitch, seed=seed) if phonemes else np.zeros(0)
            said.append((np.asarray(audio, np.float32), _RATE))
        return said


@functools.cache
def _loaded() -> Any:
    import hibari

    return hibari.Hibari(threads=1)


@functools.cache
def _pronounce(british: bool) -> Any:
    from hibari.g2p import G2P

    return G2P(british=british)
