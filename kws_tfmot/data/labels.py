"""The two classes every keyword spotter has beside its keywords, and the names of splits and folders."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

UNKNOWN = "_unknown_"
SILENCE = "_silence_"
MADE_SILENCE = f"{SILENCE}/made: "
"""Before the name of a silence clip that was made, in place of a path."""
NOT_KEYWORDS = 2  # the last classes: other words and silence
NOISE_FOLDER = "_background_noise_"
SPLITS = ("train", "validation", "test")
_NOISE_WORDS = frozenset(
    {"background", "backgrounds", "backgroundnoise", "noise", "noises", "bg", "ambient", "ambience"}
)


def class_labels(keywords: tuple[str, ...]) -> tuple[str, ...]:
    """The classes in the order of the model's outputs.

    >>> class_labels(("go", "stop"))
    ('go', 'stop', '_unknown_', '_silence_')
    """
    return (*keywords, UNKNOWN, SILENCE)


def same_name(name: str) -> str:
    """``name`` in Unicode's composed form: some file systems store ``ä`` as ``a`` and two dots.

    >>> same_name("tu\\u0308r") == "t\\u00fcr"
    True
    """
    return unicodedata.normalize("NFC", name)


def spelling_key(name: str) -> str:
    """Equal for names that differ in case, in spaces, dashes and underscores, or in Unicode's form alone.

    >>> spelling_key("Hey_Nova ") == spelling_key("hey nova")
    True
    """
    return re.sub(r"[\s_-]+", " ", same_name(name)).strip().casefold()


def is_noise_folder(name: str) -> bool:
    """Whether a folder holds recordings of background noise, by a word of its name.

    >>> [is_noise_folder(name) for name in ("Background-Noise", "bg", "_noise_", "noisy", "go")]
    [True, True, True, False, False]
    """
    return not _NOISE_WORDS.isdisjoint(name.lower().replace("_", " ").replace("-", " ").split())


def is_printable(text: str) -> bool:
    """Whether ``text`` has no control characters and no half of a surrogate pair.

    The two joiners, which Unicode counts among these, belong to words of Persian and of India, and to emoji.

    >>> is_printable("\u0645\u06cc\u200c\u062e\u0648"), is_printable("a\u202eb"), is_printable("\u200c")
    (True, False, False)
    """
    return text.replace("\u200c", "").replace("\u200d", "").isprintable() and bool(text.strip("\u200c\u200d"))


@lru_cache(maxsize=4096)
def label_of(word: str, keywords: tuple[str, ...]) -> str:
    """The class of a clip that lies in the folder ``word``.

    >>> [label_of(word, ("go",)) for word in ("go", "happy", "_silence_", "_unknown_")]
    ['go', '_unknown_', '_silence_', '_unknown_']
    """
    name = same_name(word)
    for keyword in keywords:
        if name == same_name(keyword):
            return keyword
    return SILENCE if word == SILENCE else UNKNOWN
