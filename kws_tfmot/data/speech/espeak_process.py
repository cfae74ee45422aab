"""The process in which eSpeak NG lives: requests as JSON on standard input, phonemes or samples back.

Every utterance is spoken by a fork of the freshly opened library, unless they are to be said in turn, since most voices
carry hidden state from one utterance to the next, and breath is made of random numbers that the library would seed with
the time of day.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from pathlib import Path
from typing import Any

_SYNCHRONOUS, _UTF8, _OK = 2, 1, 0
_IPA, _TIE = 0x02, 0x80
_PARAMETERS = {"rate": 1, "pitch": 3, "range": 4}
_SEED = 1
UNKNOWN_VOICE = 3


class Library:
    """libespeak-ng, opened in this process."""

    def __init__(self, library: str, data: str) -> None:
        self._library = ctypes.CDLL(library)
        self.rate = self._library.espeak_Initialize(_SYNCHRONOUS, 0, data.encode("utf-8"), 0)
        if self.rate <= 0:
            raise OSError(f"espeak_Initialize returned {self.rate} with data in {data!r}")
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(_SEED))
        self._pieces: list[bytes] = []
        callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
        self._callback = callback(self._receive)  # kept: the library holds only a pointer to it
        self._library.espeak_SetSynthCallback(self._callback)
        self._library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        self._library.espeak_Synth.argtypes = [
            ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int, ctypes.c_uint, ctypes.c_uint,
            ctypes.c_void_p, ctypes.c_void_p,
        ]  # fmt: skip

    def _receive(self, samples: Any, count: int, _events: Any) -> int:
        if samples and count > 0:
            self._pieces.append(ctypes.string_at(samples, 2 * count))
        return 0

    def choose(self, voice: str) -> None:
        """Speak as ``voice`` from now on."""
        if self._library.espeak_SetVoiceByName(voice.encode("utf-8")) != _OK:
            raise LookupError(f"eSpeak NG has no voice {voice!r}")

    def phonemes(self, text: str, ipa: bool) -> list[str]:
        """The phonemes of every clause: eSpeak's own notation divided by ``|``, or IPA with ``^`` inside a phoneme."""
        mode = _IPA | _TIE | ord("^") << 8 if ipa else ord("|") << 8
        buffer = ctypes.create_string_buffer(text.encode("utf-8"))
        position = ctypes.c_void_p(ctypes.addressof(buffer))
        clauses = []
        while position.value:
            found = self._library.espeak_TextToPhonemes(ctypes.byref(position), _UTF8, mode)
            clauses.append((found or b"").decode("utf-8"))
        return clauses

    def say(self, text: str, voice: str, **parameters: int) -> bytes:
        """Little-endian int16 samples."""
        self.choose(voice)
        for name, number in _PARAMETERS.items():
            self._library.espeak_SetParameter(number, int(parameters[name]), 0)
        encoded = text.encode("utf-8") + b"\0"
        self._pieces.clear()
        self._library.espeak_Synth(encoded, len(encoded), 0, 0, 0, _UTF8, None, None)
        self._library.espeak_Synchronize()
        return b"".join(self._pieces)


def _forked(library: Library, request: dict[str, Any]) -> bytes:
    """What a fork of this process says."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(reading)
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(library.say(**request))
            code = 0
        except LookupError as error:
            sys.stderr.write(f"{error.args[0]}\n")
            code = UNKNOWN_VOICE
        finally:
            sys.stderr.flush()
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        samples = pipe.read()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code == UNKNOWN_VOICE:
        raise SystemExit(UNKNOWN_VOICE)
    if code != 0:
        raise OSError(f"eSpeak NG ended with code {code} on {request['text']!r}")
    return samples


def _say(library: Library, request: dict[str, Any]) -> dict[str, Any]:
    """Rate and lengths of what was said; the samples are in the request's file."""
    lengths = []
    with Path(request["output"]).open("wb") as output:
        for one in request["say"]:
            samples = library.say(**one) if request.get("in_turn") else _forked(library, one)
            output.write(samples)
            lengths.append(len(samples) // 2)
    return {"rate": library.rate, "lengths": lengths}


def _phonemes(library: Library, request: dict[str, Any]) -> list[list[str]]:
    """The clauses of every text."""
    found: list[list[str]] = []
    chosen = ""
    for text, voice in request["phonemes"]:
        if voice != chosen:
            library.choose(voice)  # takes longer than all the words
            chosen = voice
        found.append(library.phonemes(text, request["ipa"]))
    return found


def main() -> int:
    """Answer the request on standard input; the exit code."""
    request = json.load(sys.stdin)
    library = Library(request["library"], request["data"])
    try:
        json.dump((_say if "say" in request else _phonemes)(library, request), sys.stdout)
    except LookupError as error:
        sys.stderr.write(f"{error.args[0]}\n")
        return UNKNOWN_VOICE
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
