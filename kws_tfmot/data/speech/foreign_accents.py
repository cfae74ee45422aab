"""English as people of other languages say it: phonemes that their language lacks, replaced by its nearest.

A voice whose accent reads ``en-us+romance`` says the phonemes of ``en-us`` so. Every rule is followed by chance, so
that no two utterances are alike: foreign accents come in all strengths. (The substitutions are textbook facts, see
Swan and Smith, Learner English, 2001.)
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from kws_tfmot.data.speech.request import Voice
from kws_tfmot.data.speech.slips import SLIP, slipped

_FOLLOWED = 0.65

# IPA with eSpeak NG's ties (``e^ɪ``); one letter or letters -> what is heard in their place.
_ROMANCE = {
    "ɪ": "i", "ʊ": "u", "æ": "a", "ʌ": "a", "ɐ": "a", "ə": "a", "ɚ": "er", "ɜː": "er", "θ": "s", "ð": "d", "ɹ": "ɾ",
    "h": "", "d^ʒ": "ʒ", "z": "s", "ɔː": "o", "o^ʊ": "o", "e^ɪ": "e", "ŋ": "n",
}  # fmt: skip
_GERMANIC = {
    "w": "v", "θ": "s", "ð": "z", "z": "s", "æ": "ɛ", "ɹ": "ʁ", "ʌ": "a", "ɐ": "a", "ɚ": "ɐ", "d^ʒ": "t^ʃ", "o^ʊ": "o",
    "e^ɪ": "e", "ɡ": "k", "v": "f",
}  # fmt: skip
_SLAVIC = {
    "w": "v", "θ": "s", "ð": "z", "æ": "e", "ɹ": "r", "ɪ": "i", "ʌ": "a", "ɐ": "a", "ə": "a", "ɚ": "er", "ɜː": "jo",
    "h": "x", "ŋ": "n", "o^ʊ": "o", "e^ɪ": "ej", "ɑː": "a",
}  # fmt: skip
_SOUTH_ASIAN = {
    "t": "ʈ", "d": "ɖ", "v": "ʋ", "w": "ʋ", "ɹ": "ɾ", "θ": "t", "ð": "d", "æ": "ɛ", "ʌ": "a", "ɐ": "a", "ə": "a",
    "z": "s", "o^ʊ": "o", "e^ɪ": "e", "ɚ": "ər", "ɔː": "ɔ",
}  # fmt: skip
_EAST_ASIAN = {
    "θ": "s", "ð": "z", "v": "b", "æ": "a", "ʌ": "a", "ɐ": "a", "ə": "a", "ɪ": "i", "l": "ɾ", "ɹ": "l", "ɚ": "a",
    "ɜː": "a", "ʊ": "u", "z": "d^z", "o^ʊ": "o", "e^ɪ": "e",
}  # fmt: skip
_WEST_ASIAN = {
    "p": "b", "v": "f", "ɹ": "r", "θ": "t", "ð": "d", "æ": "a", "ɪ": "e", "ʊ": "u", "ʌ": "a", "ɐ": "a", "ə": "e",
    "ŋ": "n", "o^ʊ": "o", "e^ɪ": "e", "w": "v", "ɚ": "er",
}  # fmt: skip
# hibari's lexicon writes diphthongs and affricates as one letter.
_ONE_LETTER = {"o^ʊ": "O", "e^ɪ": "A", "d^ʒ": "ʤ"}
FOREIGN: dict[str, dict[str, str]] = {
    "romance": _ROMANCE, "germanic": _GERMANIC, "slavic": _SLAVIC, "south_asian": _SOUTH_ASIAN,
    "east_asian": _EAST_ASIAN, "west_asian": _WEST_ASIAN,
}  # fmt: skip


def split_accent(accent: str) -> tuple[str, str]:
    """eSpeak NG's accent, and the foreign one over it or nothing.

    >>> split_accent("en-us+slavic"), split_accent("en-us")
    (('en-us', 'slavic'), ('en-us', ''))
    """
    base, _, foreign = accent.partition("+")
    return base, foreign


def foreign_voices(voices: Sequence[Voice]) -> list[Voice]:
    """``voices`` of English with foreign accents, one after the other.

    >>> [voice.accent for voice in foreign_voices([Voice("kokoro", "1", "en-gb-x-rp"), Voice("kokoro", "2")])]
    ['en-gb-x-rp+romance', 'en-us+germanic']
    """
    names = itertools.cycle(FOREIGN)
    return [voice._replace(accent=f"{voice.accent}+{name}") for voice, name in zip(voices, names, strict=False)]


def with_accent(ipa: str, foreign: str, rng: np.random.Generator) -> str:
    """``ipa`` with some of the foreign accent's rules followed, or with a slip of the tongue.

    >>> with_accent("wˈɔːtɚ", "germanic", np.random.default_rng(1))
    'vˈɔːtɐ'
    """
    if foreign == SLIP:
        return slipped(ipa, rng)
    rules = FOREIGN.get(foreign)
    if not rules:
        return ipa
    rules = rules | {_ONE_LETTER[sound]: heard for sound, heard in rules.items() if sound in _ONE_LETTER}
    followed = {sound: heard for sound, heard in rules.items() if rng.random() < _FOLLOWED}
    longest = max((len(sound) for sound in followed), default=0)
    said, at = [], 0
    while at < len(ipa):
        for length in range(longest, 0, -1):
            if (sound := ipa[at : at + length]) in followed:
                said.append(followed[sound])
                break
        else:
            length = 1
            said.append(ipa[at])
        at += length
    return "".join(said)
