"""eSpeak NG's IPA -> the alphabet of Kokoro and hibari (that of the grapheme-to-phoneme step misaki).

It writes diphthongs and affricates as one letter and, for English, no length marks. The pairs are facts of that
alphabet (hexgrad/misaki, Apache-2.0).
"""

from __future__ import annotations

_TIED = {
    "a^ɪ": "I", "a^ʊ": "W", "e^ɪ": "A", "ɔ^ɪ": "Y", "o^ʊ": "O", "ə^ʊ": "Q",
    "t^ʃ": "ʧ", "d^ʒ": "ʤ", "t^s": "ʦ", "d^z": "ʣ", "ə^l": "ᵊl",
}  # fmt: skip
_ENGLISH = {
    "aɪ": "I", "aʊ": "W", "eɪ": "A", "ɔɪ": "Y", "oʊ": "O", "əʊ": "Q", "tʃ": "ʧ", "dʒ": "ʤ",
    "ɚ": "əɹ", "ɜː": "ɜɹ", "ɜɹɹ": "ɜɹ", "r": "ɹ", "x": "k", "ɬ": "l", "ɐ": "ə", "e": "ɛ",
}  # fmt: skip


def kokoro_phonemes(clauses: list[str], accent: str) -> str:
    """Kokoro's letters for the ``clauses`` of :func:`~kws_tfmot.data.speech.espeak.ipa`.

    >>> kokoro_phonemes(["ɐlˈɛksə"], "en-us"), kokoro_phonemes(["hˈe^ɪ ˈæpə^l"], "en-us")
    ('əlˈɛksə', 'hˈA ˈæpᵊl')
    """
    text = ", ".join(clause.strip() for clause in clauses if clause.strip())
    for pair, letter in _TIED.items():
        text = text.replace(pair, letter)
    if accent.startswith("en"):
        for pair, letter in _ENGLISH.items():
            text = text.replace(pair, letter)
        if accent.startswith("en-us"):
            text = text.replace("ː", "")
    return text.replace("^", "")
