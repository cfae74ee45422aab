"""Words that sound nearly like the keywords: what a spotter made from words alone must learn to leave alone."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from kws_tfmot.data.espeak_library import phonemes
from kws_tfmot.data.labels import UNKNOWN, label_of

Sounds = tuple[str, ...]

COMMON_WORDS = tuple((Path(__file__).parent / "common_words.txt").read_text(encoding="utf-8").split())
_VOWEL_STARTS = frozenset("aeiouAEIOU03@VI")
_CLASSES = ("pbtdkg?", "fvszSZTDhx", "mnN", "lrwj")


def distance(one: Sounds, other: Sounds) -> float:
    """Edit distance of two sequences of phonemes.

    Inserting or deleting costs 1; changing costs 0.5 within a class (vowels, stops, fricatives, nasals, approximants),
    else 1.

    >>> distance(("d", "aU", "n"), ("t", "aU", "n")), distance(("d", "aU", "n"), ("l", "E", "f", "t"))
    (0.5, 3.5)
    """
    above = [float(i) for i in range(len(other) + 1)]
    for i, sound in enumerate(one, 1):
        row = [float(i)]
        for j, heard in enumerate(other, 1):
            row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + _change(sound, heard)))
        above = row
    return above[-1]


@cache
def _change(one: str, other: str) -> float:
    if one == other:
        return 0.0
    return 0.5 if _class_of(one) == _class_of(other) else 1.0


def _class_of(sound: str) -> int:
    if sound[0] in _VOWEL_STARTS:
        return -1
    return next((i for i, members in enumerate(_CLASSES) if sound[0] in members), len(_CLASSES))


def parts_of(keywords: Sequence[str]) -> tuple[str, ...]:
    """The words and shorter runs of words that keywords of several words are made of, none of them a keyword.

    >>> parts_of(["hey nova", "turn it on", "nova"])
    ('hey', 'turn', 'it', 'on', 'turn it', 'it on')
    """
    names = tuple(word.casefold() for word in keywords)
    found: dict[str, None] = {}
    for name in names:
        words = name.split()
        for length in range(1, len(words)):
            found.update(dict.fromkeys(" ".join(words[i : i + length]) for i in range(len(words) - length + 1)))
    return tuple(part for part in found if label_of(part, names) == UNKNOWN)


def near_words(keywords: Sequence[str], count: int, lexicon: Sequence[str] = COMMON_WORDS) -> tuple[str, ...]:
    """What is easily mistaken for the keywords: their parts, and for each the ``count`` nearest other words.

    For a keyword of several words these are itself with one word replaced by one that sounds near. What sounds
    exactly like a keyword is never among them: nothing could tell the two apart.

    Raises:
        DataError, ToolchainError: As :func:`kws_tfmot.data.espeak_library.phonemes`.
    """
    names = [word.casefold() for word in keywords]
    words = sorted({*lexicon, *(part for name in names for part in name.split()), *names})
    sounds = dict(zip(words, phonemes(words), strict=True))
    taken = {sounds[name] for name in names}
    found: dict[str, None] = {}
    for name in names:
        candidates = _exchanged(name.split(), sounds, lexicon) if " " in name else list(lexicon)
        ranked = sorted(candidates, key=lambda word: (distance(sounds[name], _sounds(word, sounds)), word))
        fresh = [word for word in ranked if word not in found and _sounds(word, sounds) not in taken]
        found.update(dict.fromkeys(fresh[:count]))
    parts = (part for part in parts_of(names) if _sounds(part, sounds) not in taken)
    return tuple(dict.fromkeys([*parts, *found]))


def sound_alike(keywords: Sequence[str], others: Sequence[str]) -> set[str]:
    """Those of ``others`` that sound exactly like a keyword."""
    if not others:
        return set()
    sounds = phonemes([*(word.casefold() for word in keywords), *others])
    taken = set(sounds[: len(keywords)])
    return {word for word, sound in zip(others, sounds[len(keywords) :], strict=True) if sound in taken}


def _exchanged(words: list[str], sounds: dict[str, Sounds], lexicon: Sequence[str]) -> list[str]:
    return [
        " ".join([*words[:place], other, *words[place + 1 :]])
        for place, word in enumerate(words)
        for other in lexicon
        if sounds[other] != sounds[word]
    ]


def _sounds(text: str, sounds: dict[str, Sounds]) -> Sounds:
    return sounds[text] if text in sounds else tuple(sound for word in text.split() for sound in sounds[word])
