"""Which engines there are, which of them are installed, and a crowd of voices from several."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from kws_tfmot.data.speech.espeak import ESpeak
from kws_tfmot.data.speech.hibari import Hibari
from kws_tfmot.data.speech.kokoro import Kokoro
from kws_tfmot.data.speech.piper import Piper, packaged_voices
from kws_tfmot.data.speech.request import SpeechEngine, Voice, generator
from kws_tfmot.errors import DataError, RecipeError, ToolchainError, did_you_mean
from kws_tfmot.files import user_path
from kws_tfmot.progress import SILENT, Reporter

_MADE: dict[str, Callable[[], SpeechEngine]] = {
    "espeak": ESpeak,
    "kokoro": Kokoro,
    "hibari": Hibari,
    "piper": packaged_voices,
}
ENGINES = tuple(_MADE)
_PIPER = "piper:"


def is_folder(name: str) -> bool:
    """Whether an engine is a folder of Piper voices of a user's own.

    >>> is_folder("piper:voices"), is_folder("piper")
    (True, False)
    """
    return name.startswith(_PIPER)


def open_engine(name: str) -> SpeechEngine:
    """The engine called ``name``: ``espeak``, ``kokoro``, ``hibari``, ``piper`` (a voice in a wheel), ``piper:FOLDER``.

    Raises:
        RecipeError: There is none of that name.
    """
    if is_folder(name):
        return Piper(user_path(name[len(_PIPER) :]))
    if name not in _MADE:
        raise RecipeError(f"expected an engine of speech out of {', '.join(ENGINES)}, piper:FOLDER. Received: {name!r}."
                          f"{did_you_mean(name, ENGINES)}", "Set data.synthetic.engines.")  # fmt: skip
    return _MADE[name]()


def usable_engines(names: Sequence[str] = (), reporter: Reporter = SILENT) -> dict[str, str]:
    """Fingerprint of every engine of ``names`` (all that need no folder, where empty) that is installed.

    Those that are not are reported to ``reporter``, and the rest goes on.

    Raises:
        RecipeError: A name is unknown.
        DataError: A folder of Piper voices holds none.
        ToolchainError: None of them is installed.
    """
    found: dict[str, str] = {}
    missing: list[ToolchainError] = []
    for name in names or ENGINES:
        try:
            found[name] = open_engine(name).fingerprint()
        except ToolchainError as error:
            missing.append(error)
            reporter.note(f"{error.message} The other voices do without it. {error.hint}")
    if not found:
        raise missing[0]
    return found


def choose_voices(
    count: int, seed: int = 0, engines: Sequence[str] = (), language: str = "en", reporter: Reporter = SILENT
) -> list[Voice]:
    """``count`` different voices of the installed ``engines``, shared out evenly, mixed in a seeded order.

    An engine with fewer voices than its share leaves the rest to the others (hibari has 24).

    Raises:
        DataError: All engines together have not so many voices for the language.
        RecipeError, ToolchainError: As :func:`usable_engines`.
    """
    names = list(usable_engines(engines, reporter))
    offered = {}
    for name in names:
        voices = open_engine(name).voices(count, generator(seed, "voices", name), language)
        offered[name] = [voice._replace(engine=name) for voice in voices]
    shares = _share(count, {name: len(voices) for name, voices in offered.items()})
    if sum(shares.values()) < count:
        have = ", ".join(f"{name} {len(voices)}" for name, voices in offered.items())
        raise DataError(f"expected at most {sum(shares.values())} voices of {language!r} ({have}). Received: {count}.",
                        "Ask for fewer (data.synthetic.speakers), or add an engine.")  # fmt: skip
    found = [voice for name, share in shares.items() for voice in offered[name][:share]]
    return [found[i] for i in generator(seed, "order").permutation(len(found))]


def _share(count: int, limits: Mapping[str, int]) -> dict[str, int]:
    """``count`` shared out as evenly as ``limits`` allow.

    >>> _share(10, {"a": 20, "b": 2, "c": 20})
    {'a': 4, 'b': 2, 'c': 4}
    """
    shares = dict.fromkeys(limits, 0)
    for _ in range(count):
        open_ones = [name for name in limits if shares[name] < limits[name]]
        if not open_ones:
            break
        shares[min(open_ones, key=lambda name: shares[name])] += 1
    return shares
