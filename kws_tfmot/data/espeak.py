"""eSpeak NG through ctypes: text and voice -> int16 samples.

Most of its voices carry hidden state from one utterance to the next, so the same call twice gives different samples,
while the same sequence of calls in a fresh process gives the same ones, once the random numbers behind breathy voices
are seeded. :func:`speak_all` therefore runs every
request in a process of its own, in the order given.

The library and its data come from the wheel ``espeakng-loader`` (extra ``tts``; GPL-3, used only to make audio).
"""

from __future__ import annotations

import ctypes
import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kws_tfmot.data.audio import Int16
from kws_tfmot.errors import DataError, ToolchainError, install_extra

ENGLISH = ("en", "en-029", "en-gb-scotland", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-gb-x-rp", "en-us", "en-us-nyc")
_SYNCHRONOUS, _UTF8, _OK = 2, 1, 0
_PARAMETERS = {"rate": 1, "pitch": 3, "range": 4}
_INSTALL = install_extra("tts")
_TIMEOUT_SECONDS = 1800
_SEED = 1


class Utterance(NamedTuple):
    """What to say and how: voice as ``accent+variant``, words a minute, pitch and pitch range (0-99)."""

    text: str
    voice: str
    rate: int = 175
    pitch: int = 50
    range: int = 50


def data_folder() -> Path:
    """Where eSpeak NG's voices lie.

    Raises:
        DataError: The package espeakng-loader is not installed.
    """
    if importlib.util.find_spec("espeakng_loader") is None:
        raise DataError(
            "the synthetic data need eSpeak NG, and the package espeakng-loader is not installed.", _INSTALL
        )
    import espeakng_loader

    return Path(espeakng_loader.get_data_path())


def variants() -> tuple[str, ...]:
    """Names of the voice variants (they change pitch, formants and timbre of any accent), sorted."""
    return tuple(sorted(path.name for path in (data_folder() / "voices" / "!v").iterdir() if path.is_file()))


def speak_all(utterances: Sequence[Utterance], scratch: Path) -> tuple[list[Int16], int]:
    """Samples of every utterance, and their rate (22,050 Hz). An utterance with no sound comes back empty.

    Args:
        utterances: In the order in which they are to be spoken; the order is part of the result.
        scratch: An existing folder for the samples on their way between the processes.

    Raises:
        DataError: The package espeakng-loader is not installed, or a voice is unknown.
        ToolchainError: The speaking process failed.
    """
    output = scratch / f"speech-{os.getpid()}.npz"
    try:
        _ask({"output": str(output), "utterances": [list(utterance) for utterance in utterances]})
        with np.load(output) as archive:
            samples, lengths, rate = archive["samples"], archive["lengths"], int(archive["rate"])
    finally:
        output.unlink(missing_ok=True)
    return np.split(samples, np.cumsum(lengths)[:-1]), rate


def phonemes(words: Sequence[str], voice: str = "en-us") -> list[tuple[str, ...]]:
    """The phonemes of every word in eSpeak NG's own notation, without stress and pauses.

    Raises:
        DataError: The package espeakng-loader is not installed, or the voice is unknown.
        ToolchainError: The speaking process failed.
    """
    return [tuple(found) for found in json.loads(_ask({"phonemes": list(words), "voice": voice}))]


def _ask(request: dict[str, Any]) -> str:
    """What a process of its own answers to ``request``."""
    folder = data_folder()
    import espeakng_loader

    request = {"library": espeakng_loader.get_library_path(), "data": str(folder), **request}
    package_root = str(Path(__file__).resolve().parents[2])
    paths = os.pathsep.join(filter(None, (package_root, os.environ.get("PYTHONPATH", ""))))
    try:
        done = subprocess.run(
            [sys.executable, "-m", "kws_tfmot.data.espeak"],
            input=json.dumps(request),
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=_TIMEOUT_SECONDS,
            env={**os.environ, "PYTHONPATH": paths},
        )
    except subprocess.TimeoutExpired:
        raise ToolchainError(f"eSpeak NG did not finish within {_TIMEOUT_SECONDS} s.", _INSTALL) from None
    if done.returncode == 3:
        raise DataError(done.stderr.strip().splitlines()[-1], f"English accents: {', '.join(ENGLISH)}.")
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise ToolchainError(f"eSpeak NG failed with code {done.returncode}: {last}", _INSTALL)
    return done.stdout


class _Speaker:
    """The library, initialised once in this process."""

    def __init__(self, library: str, data: str) -> None:
        self._library = ctypes.CDLL(library)
        self.rate = self._library.espeak_Initialize(_SYNCHRONOUS, 0, data.encode("utf-8"), 0)
        if self.rate <= 0:
            raise OSError(f"espeak_Initialize returned {self.rate} with data in {data!r}")
        # Breath is made of random numbers that the library seeds with the time of day.
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(_SEED))
        self._pieces: list[Int16] = []
        callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
        self._callback = callback(self._receive)  # kept: the library holds only a pointer to it
        self._library.espeak_SetSynthCallback(self._callback)
        self._library.espeak_Synth.argtypes = [
            ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int, ctypes.c_uint, ctypes.c_uint,
            ctypes.c_void_p, ctypes.c_void_p,
        ]  # fmt: skip

    def _receive(self, samples: Any, count: int, _events: Any) -> int:
        if samples and count > 0:
            self._pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    def phonemes(self, word: str) -> list[str]:
        """The phonemes of a word, stress and length marks taken off."""
        text = ctypes.c_void_p(ctypes.cast(ctypes.c_char_p(word.encode("utf-8") + b"\0"), ctypes.c_void_p).value)
        self._library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        found = ""
        while text.value:  # clause by clause
            found += self._library.espeak_TextToPhonemes(ctypes.byref(text), _UTF8, ord("|") << 8).decode() + "|"
        return [one for sound in re.split(r"[|\s]", found) if (one := re.sub("[',=_:;%]", "", sound))]

    def choose(self, voice: str) -> None:
        """Take a voice; ``LookupError`` if eSpeak NG has none of this name."""
        if self._library.espeak_SetVoiceByName(voice.encode("utf-8")) != _OK:
            raise LookupError(f"eSpeak NG has no voice {voice!r}")

    def say(self, utterance: Utterance) -> Int16:
        """The int16 samples ``[n]`` of an utterance at eSpeak NG's own rate."""
        self.choose(utterance.voice)
        for name, number in _PARAMETERS.items():
            self._library.espeak_SetParameter(number, int(getattr(utterance, name)), 0)
        text = utterance.text.encode("utf-8") + b"\0"
        self._pieces.clear()
        self._library.espeak_Synth(text, len(text), 0, 0, 0, _UTF8, None, None)
        self._library.espeak_Synchronize()
        return np.concatenate(self._pieces) if self._pieces else np.zeros(0, np.int16)


def _serve() -> int:
    """Answer the request on standard input: phonemes on standard output, or samples saved where it says."""
    request = json.load(sys.stdin)
    speaker = _Speaker(request["library"], request["data"])
    try:
        if "phonemes" in request:
            speaker.choose(request["voice"])  # takes longer than all the words
            json.dump([speaker.phonemes(word) for word in request["phonemes"]], sys.stdout)
            return 0
        clips = [speaker.say(Utterance(*fields)) for fields in request["utterances"]]
    except LookupError as err:
        sys.stderr.write(f"{err.args[0]}\n")
        return 3
    samples = np.concatenate(clips) if clips else np.zeros(0, np.int16)
    lengths = np.array([len(clip) for clip in clips], np.int64)
    np.savez(request["output"], samples=samples, lengths=lengths, rate=speaker.rate)
    return 0


if __name__ == "__main__":
    raise SystemExit(_serve())
