"""eSpeak NG: eight accents of English and a hundred voices of formants, and the phonemes of some hundred languages.

The library and its data come from the wheel ``espeakng-loader`` (extra ``tts``; GPL-3, used only to make audio, in a
process of its own, see :mod:`.espeak_process`).
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kws_tfmot.data.speech import espeak_process
from kws_tfmot.data.speech.request import Float, Request, Voice, delivery, generator
from kws_tfmot.errors import DataError, ToolchainError, install_extra

ENGLISH = ("en", "en-029", "en-gb-scotland", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-gb-x-rp", "en-us", "en-us-nyc")
_INSTALL = install_extra("tts")
_SWITCH = re.compile(r"\((?:\^?[\w-])+\)")  # "(en)" where another language takes over for a word
_WORDS_A_MINUTE = 175
_TIMEOUT_SECONDS = 1800
# As it is now, not when it is asked: after an update under a running program the two would speak different formats.
_PROCESS = Path(espeak_process.__file__).read_text(encoding="utf-8")


class ESpeak:
    """Voices are pairs of accent and variant; a variant changes pitch, formants and timbre."""

    name = "espeak"

    def fingerprint(self) -> str:
        """See :class:`~kws_tfmot.data.speech.request.SpeechEngine`."""
        data_folder()
        return f"espeakng-loader {importlib.metadata.version('espeakng-loader')}"

    def voices(self, count: int, rng: np.random.Generator, language: str) -> list[Voice]:
        """Pairs of accent and variant in a random order, no variant much more often than another."""
        accents = accents_of(language)
        names = variants()
        start = {name: int(rng.integers(len(accents))) for name in names}
        found: list[Voice] = []
        for turn in range(len(accents)):
            for i in rng.permutation(len(names)):
                found.append(Voice(self.name, names[i], accents[(start[names[i]] + turn) % len(accents)]))
        return found[:count]

    def speak(self, requests: Sequence[Request]) -> list[tuple[Float, int]]:
        """Say every request in a fork of its own."""
        said = []
        for request in requests:
            how = delivery(request)
            rng = generator(request.seed, "espeak", *request)
            said.append({
                "text": request.text,
                "voice": f"{request.voice.accent}+{request.voice.name}",
                "rate": round(_WORDS_A_MINUTE * min(how.speed / how.pitch, 2.0)),
                "pitch": int(rng.integers(30, 71)),
                "range": int(rng.integers(20, 81)),
            })  # fmt: skip
        with tempfile.TemporaryDirectory(prefix="kws-espeak-") as scratch:
            output = Path(scratch) / "speech.raw"
            answer = json.loads(ask({"say": said, "output": str(output)}))
            samples = np.fromfile(output, "<i2").astype(np.float32) / 32768
        pieces = np.split(samples, np.cumsum(answer["lengths"])[:-1])
        return [(piece, int(answer["rate"])) for piece in pieces]


def accents_of(language: str) -> tuple[str, ...]:
    """eSpeak's voices of a language: eight for ``en``, else the language itself."""
    return ENGLISH if language == "en" else (language,)


def data_folder() -> Path:
    """Where eSpeak NG's voices lie.

    Raises:
        ToolchainError: The package espeakng-loader is not installed.
    """
    if importlib.util.find_spec("espeakng_loader") is None:
        raise ToolchainError("the engine espeak needs the package espeakng-loader, which is not installed.", _INSTALL)
    import espeakng_loader

    return Path(espeakng_loader.get_data_path())


def variants() -> tuple[str, ...]:
    """Names of the voice variants, sorted."""
    return tuple(sorted(path.name for path in (data_folder() / "voices" / "!v").iterdir() if path.is_file()))


def ipa(texts: Sequence[tuple[str, str]]) -> list[list[str]]:
    """IPA of the clauses of each (text, accent); ``^`` ties the parts of one phoneme, as in ``e^ɪ``.

    Raises:
        ToolchainError: The package espeakng-loader is missing, or its process failed.
        DataError: eSpeak NG has no such accent.
    """
    found = json.loads(ask({"phonemes": list(texts), "ipa": True}))
    return [[_SWITCH.sub("", clause) for clause in clauses] for clauses in found]


def ask(request: dict[str, Any]) -> str:
    """What a process of its own, :mod:`.espeak_process`, answers to ``request``.

    Raises:
        ToolchainError: The package espeakng-loader is missing, or the process failed.
        DataError: eSpeak NG has no such voice.
    """
    folder = data_folder()
    import espeakng_loader

    request = {"library": espeakng_loader.get_library_path(), "data": str(folder), **request}
    try:
        # By its text, not by its module: it starts without the packages above it, or anything of the folder we are in.
        done = subprocess.run(
            [sys.executable, "-I", "-X", "utf8", "-c", _PROCESS],
            input=json.dumps(request), capture_output=True, text=True, encoding="utf-8", timeout=_TIMEOUT_SECONDS,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise ToolchainError(f"eSpeak NG did not finish within {_TIMEOUT_SECONDS} s.", _INSTALL) from None
    last = (done.stderr.strip().splitlines() or ["no message"])[-1]
    if done.returncode == espeak_process.UNKNOWN_VOICE:
        raise DataError(last, f"English accents: {', '.join(ENGLISH)}.")
    if done.returncode != 0:
        raise ToolchainError(f"eSpeak NG failed with code {done.returncode}: {last}", _INSTALL)
    return done.stdout
