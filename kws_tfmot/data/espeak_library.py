"""Utterances of eSpeak NG one after the other in one process, and the phonemes of words.

Most of its voices carry hidden state from one utterance to the next, so the same call twice gives different samples,
while the same sequence of calls in a fresh process gives the same ones: :func:`speak_all` says a whole list in a
process of its own, in the order given. The engine of :mod:`kws_tfmot.data.speech.espeak` forks for each utterance.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from kws_tfmot.data.audio import Int16
from kws_tfmot.data.speech.espeak import ask

_MARKS = re.compile("[',=_:;%]")  # stress, length and pauses


class SpokenText(NamedTuple):
    """What to say and how: voice as ``accent+variant``, words a minute, pitch and pitch range (0-99)."""

    text: str
    voice: str
    rate: int = 175
    pitch: int = 50
    range: int = 50


def speak_all(utterances: Sequence[SpokenText]) -> tuple[list[Int16], int]:
    """Samples of every utterance, and their rate (22,050 Hz). An utterance with no sound comes back empty.

    Args:
        utterances: In the order in which they are to be spoken; the order is part of the result.

    Raises:
        DataError: A voice is unknown.
        ToolchainError: The package espeakng-loader is not installed, or the speaking process failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "speech.raw"
        said = [utterance._asdict() for utterance in utterances]
        answer = json.loads(ask({"say": said, "in_turn": True, "output": str(output)}))
        samples = np.fromfile(output, "<i2").astype(np.int16, copy=False)
    return np.split(samples, np.cumsum(answer["lengths"], dtype=np.int64)[:-1]), int(answer["rate"])


def phonemes(words: Sequence[str], voice: str = "en-us") -> list[tuple[str, ...]]:
    """The phonemes of every word in eSpeak NG's own notation, without stress and pauses.

    Raises:
        DataError: The voice is unknown.
        ToolchainError: The package espeakng-loader is not installed, or the speaking process failed.
    """
    found = json.loads(ask({"phonemes": [(word, voice) for word in words], "ipa": False}))
    return [
        tuple(one for clause in clauses for sound in re.split(r"[|\s]", clause) if (one := _MARKS.sub("", sound)))
        for clauses in found
    ]
