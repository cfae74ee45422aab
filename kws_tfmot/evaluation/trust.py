"""What a model made from synthesised speech, or from few recordings, can and cannot be trusted with, in sentences."""

from __future__ import annotations

from typing import Any

from kws_tfmot.data.index import ClipIndex
from kws_tfmot.data.labels import SILENCE, UNKNOWN

Figures = dict[str, Any]
ADVISED_RECORDINGS = 20  # of each keyword: from here on the test can be made of recordings alone


def speech_figures(index: ClipIndex) -> Figures | None:
    """Keyword clips of every split by where they come from; ``None`` for data that are not synthesised.

    ``{split: {"synthetic": n, "recorded": n, "speakers": named speakers of the recordings}}``.
    """
    if not index.source.startswith("synthetic"):
        return None
    figures: Figures = {}
    for split in index.splits:
        clips = [clip for clip in index.clips if clip.split == split and clip.label not in (UNKNOWN, SILENCE)]
        recorded = [clip for clip in clips if clip.recorded]
        figures[split] = {
            "synthetic": len(clips) - len(recorded),
            "recorded": len(recorded),
            "speakers": len({clip.speaker for clip in recorded if clip.speaker}),
        }
    return figures


def trust(speech: Figures | None, accuracy: Figures) -> list[str]:
    """Sentences for the console, the report, the model card and the firmware's README; empty without synthetic speech.

    Args:
        speech: What :func:`speech_figures` gave.
        accuracy: Of the int8 model on the test split: ``accuracy``, ``n``.
    """
    if not speech:
        return []
    nothing = {"synthetic": 0, "recorded": 0, "speakers": 0}
    train, test = speech.get("train", nothing), speech.get("test", nothing)
    figure = f"{100 * accuracy['accuracy']:.1f} % (N = {accuracy['n']})"
    return [*_tested(test, figure), *_trained(train, test), *_always(train)]


def _tested(test: Figures, figure: str) -> list[str]:
    if not test["recorded"]:
        return [
            f"Tested on synthesised voices only: {figure} is about synthetic speech, not about people. Expect far less "
            "on real voices until you have measured it."
        ]
    voices = f"{test['speakers']} named speakers" if test["speakers"] else "speakers that the files do not name"
    warning = "" if test["speakers"] > 1 else " It says how well these voices are heard, not others."
    return [f"Tested on {test['recorded']} recordings of the keywords by {voices}: {figure}.{warning}"]


def _trained(train: Figures, test: Figures) -> list[str]:
    if not train["recorded"]:
        return ["No recording of a person has trained it: voices, accents and microphones of people are new to it."]
    share = f"{train['recorded']} recordings and {train['synthetic']} synthetic clips of the keywords have trained it."
    return [share + (" It may know these voices far better than others." if train["speakers"] < 10 else "")]


def _always(train: Figures) -> list[str]:
    more = "more people" if train["recorded"] else f"{ADVISED_RECORDINGS} or more of each word, by several people"
    return [
        "False accepts an hour were not measured on your noise and talk: play hours of them to `kws det --recordings` "
        "before you rely on it, and choose the threshold there.",
        f"To improve it: record the words in the place and with the microphone of use ({more}), a few minutes of "
        "background and of other talk, and build again with --recordings.",
    ]
