"""Which languages' voices read a script, so that none spells a word out as "Chinese letter, Chinese letter"."""

from __future__ import annotations

import unicodedata

from kws_tfmot.errors import RecipeError

# The first word of a letter's Unicode name -> eSpeak NG's languages that read it, tried one by one. Latin letters are
# read by all but those of _NO_LATIN, if as English.
LANGUAGES = {
    "CYRILLIC": ("ru", "uk", "bg", "sr", "mk", "kk", "ky", "tt", "ba", "cv"),
    "GREEK": ("el", "grc"),
    "ARABIC": ("ar", "fa", "ur", "sd"),
    "HEBREW": ("he",),
    "DEVANAGARI": ("hi", "mr", "ne"),
    "BENGALI": ("bn", "as", "bpy"),
    "CJK": ("cmn", "yue"),
    "HIRAGANA": ("ja",),
    "KATAKANA": ("ja",),
    "HANGUL": ("ko",),
    "THAI": ("th",),
    "GEORGIAN": ("ka",),
    "ARMENIAN": ("hy",),
    "TAMIL": ("ta",),
    "TELUGU": ("te",),
    "KANNADA": ("kn",),
    "MALAYALAM": ("ml",),
    "GUJARATI": ("gu",),
    "GURMUKHI": ("pa",),
    "SINHALA": ("si",),
    "MYANMAR": ("my",),
    "ETHIOPIC": ("am",),
}

_NO_LATIN = ("ja",)


def foreign_scripts(text: str, language: str) -> list[str]:
    """Scripts in ``text`` whose letters a voice of ``language`` would spell out one by one.

    >>> foreign_scripts("你好", "en"), foreign_scripts("你好", "cmn"), foreign_scripts("naïve", "en")
    (['CJK'], [], [])
    """
    scripts = {unicodedata.name(letter, "UNKNOWN").split()[0] for letter in text if letter.isalpha()}
    own = language.split("-")[0]
    return sorted(s for s in scripts if own in _NO_LATIN or s != "LATIN" if own not in LANGUAGES.get(s, ()))


def check_script(text: str, language: str) -> None:
    """Refuse what the voices of ``language`` would spell out.

    Raises:
        RecipeError: It names the languages that can say ``text``.
    """
    foreign = foreign_scripts(text, language)
    if foreign == ["LATIN"]:
        raise RecipeError(f"the voices of language {language!r} would spell {text!r} out letter by letter.",
                          "Write the word in the language's own letters.")  # fmt: skip
    if foreign:
        able = [one for one in LANGUAGES.get(foreign[0], ()) if not foreign_scripts(text, one)]
        way = f"Set data.synthetic.language to one of: {', '.join(able)}." if able else "No voice here can say it."
        raise RecipeError(f"the voices of language {language!r} would spell {text!r} out letter by letter.", way)
