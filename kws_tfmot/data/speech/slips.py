"""Near misses by phonemes: a keyword said with one sound or two replaced by quite another.

``jarvis`` becomes "jarkis" or "larvis": words that no lexicon holds and that differ from the keyword just as much as a
detector must notice. Only sounds of another family are put in place, as those of the same family are accents.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kws_tfmot.data.speech.request import Voice

SLIP = "slip"
_SOUNDS_FOR_TWO = 5

# IPA with eSpeak NG's ties and the one-letter diphthongs of hibari; reduced vowels are left as they are. The first
# of each family is put in place of a sound of another.
_VOWELS = (
    ("i", "iː", "ɪ", "e", "e^ɪ", "A"), ("u", "uː", "ʊ"), ("ɛ", "æ"),
    ("ɑ", "ɑː", "a", "aː", "ʌ", "a^ɪ", "I", "a^ʊ", "W"),
    ("ɔ", "ɔː", "ɒ", "o", "o^ʊ", "O", "ə^ʊ", "Q", "ɔ^ɪ", "Y"),
)  # fmt: skip
_CONSONANTS = (
    ("p", "b"), ("t", "d"), ("k", "ɡ"), ("f", "v"), ("s", "z", "θ", "ð"), ("ʃ", "ʒ", "t^ʃ", "d^ʒ", "ʧ", "ʤ"),
    ("m", "n", "ŋ"), ("l",), ("ɹ", "r", "ɾ"), ("w",),
)  # fmt: skip
_KINDS = (_VOWELS, _CONSONANTS)
_FAMILY = {sound: (kind, i) for kind in _KINDS for i, family in enumerate(kind) for sound in family}
_LONGEST = max(map(len, _FAMILY))


def slip_voices(voices: Sequence[Voice]) -> list[Voice]:
    """``voices`` whose tongue slips.

    >>> slip_voices([Voice("kokoro", "1")])[0].accent
    'en-us+slip'
    """
    return [voice._replace(accent=f"{voice.accent}+{SLIP}") for voice in voices]


def slipped(ipa: str, rng: np.random.Generator) -> str:
    """``ipa`` with one sound, or one or two where there are more than five, replaced by one of another family.

    >>> slipped("d^ʒˈɑːvɪs", np.random.default_rng(3)) != "d^ʒˈɑːvɪs"
    True
    """
    sounds = _split(ipa)
    places = [place for place, sound in enumerate(sounds) if sound in _FAMILY]
    if not places:
        return ipa
    many = 1 + int(len(places) > _SOUNDS_FOR_TWO and rng.random() < 0.5)
    for place in rng.choice(places, min(many, len(places)), replace=False).tolist():
        kind, own = _FAMILY[sounds[place]]
        others = [family[0] for i, family in enumerate(kind) if i != own]
        sounds[place] = others[int(rng.integers(len(others)))]
    return "".join(sounds)


def _split(ipa: str) -> list[str]:
    found, at = [], 0
    while at < len(ipa):
        length = next((n for n in range(_LONGEST, 1, -1) if ipa[at : at + n] in _FAMILY), 1)
        found.append(ipa[at : at + length])
        at += length
    return found
