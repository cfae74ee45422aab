"""What a model and the test of it can and cannot be trusted with, in sentences."""

from __future__ import annotations

from typing import Any

from kws_tfmot.data.clip_index import ClipIndex
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


def trust(speech: Figures | None, accuracy: Figures, begins_with: str | None = None) -> list[str]:
    """Sentences for the console, the report, the model card and the firmware's README.

    Args:
        speech: What :func:`speech_figures` gave.
        accuracy: Of the int8 model on the test split: ``accuracy``, ``n`` and, where they were measured, ``breadth``
            (see :func:`~kws_tfmot.evaluation.model_scores.judge`), ``interval_95``, ``loss`` and ``detector`` (see
            :func:`~kws_tfmot.evaluation.streaming.heard_clips.hear_clips`), which then speaks for the model.
        begins_with: The model whose weights the training began with.
    """
    detector = accuracy.get("detector")
    judged = detector or accuracy
    reach = judged.get("breadth") or {}
    silence = _silence(reach.get("silence"), "without a detection" if detector else "recognised")
    said = [*_lost(accuracy.get("loss")), *_unknown(reach.get("unknown")), *silence, *reach.get("narrow", [])]
    if not speech:
        if not reach:
            return []
        figure = _heard(detector) if detector else _interval(judged)
        return [*_speakers(accuracy.get("split", "test"), reach, figure), *said]
    nothing = {"synthetic": 0, "recorded": 0, "speakers": 0}
    train, test = speech.get("train", nothing), speech.get("test", nothing)
    figure = _heard(detector) if detector else f"{100 * judged['accuracy']:.1f} % (N = {judged['n']})"
    return [*_tested(test, figure), *said, *_trained(train, begins_with), *_always(train)]


def _interval(judged: Figures) -> str:
    low, high = (100 * value for value in judged["interval_95"])
    return f"{100 * judged['accuracy']:.1f} % (N = {judged['n']}, 95 % interval {low:.1f} to {high:.1f})"


def _heard(detector: Figures) -> str:
    """What the detector heard of its keywords' clips, and in how many others it heard one."""
    own = ", ".join(f"{name} in {one['heard']} of {one['n']} clips" for name, one in detector["keywords"].items())
    other = {UNKNOWN: "other words", SILENCE: "silence and noise"}
    taken = " and ".join(f"{one['heard']} of {one['n']} of {other[name]}" for name, one in detector["others"].items())
    levels = set(detector["thresholds"].values())
    at = f"threshold {min(levels):.3g}" if len(levels) == 1 else "thresholds"
    return f"the detector, at its {at}, hears {own}" + (f", and a keyword in {taken}" if taken else "")


def _speakers(split: str, reach: Figures, figure: str) -> list[str]:
    if not reach["speakers"]:
        return [
            f"Tested on clips that name no speaker: {figure}. Voices that trained it may be among them, and flatter."
        ]
    whose = "who did not train it" if split == "test" else "of whom some may have trained it"
    worst = ", ".join(f"{100 * one['accuracy']:.0f} % of {one['n']} clips" for one in reach["worst_speakers"][:3])
    return [
        f"Tested on {reach['speakers']} speakers {whose}: {figure}. Other microphones are not in it."
        + (f" The speakers it hears worst: {worst}." if worst else "")
    ]


def _lost(loss: Figures | None) -> list[str]:
    if not loss or loss["interval_95"][1] >= 0:
        return []
    low, high = (100 * abs(value) for value in loss["interval_95"])
    return [
        f"WARNING: pruning and quantisation cost {-100 * loss['difference']:.1f} points of accuracy (95 % interval "
        f"{high:.1f} to {low:.1f}), more than chance explains. Ask for fewer zeros, train longer, or widen the network."
    ]


def _unknown(unknown: Figures | None) -> list[str]:
    if not unknown or not unknown["unheard"]["n"]:
        return []
    new, known = unknown["unheard"], unknown["heard"]
    text = (
        f"{100 * new['recall']:.0f} % of {new['n']} clips of {unknown['unheard_words']} words that training never heard"
    )
    return [f"Rejected as no keyword: {text}" + (f", {100 * known['recall']:.0f} % of words it knows."
                                                 if known["n"] else ".")]  # fmt: skip


def _silence(silence: list[Figures] | None, right: str) -> list[str]:
    counted = [one for one in silence or [] if one["n"] >= 3]
    if not counted:
        return []
    worst = min(counted, key=lambda one: one["recall"])
    total = sum(one["n"] * one["recall"] for one in counted) / sum(one["n"] for one in counted)
    where = (
        "at digital zero"
        if worst["from_dbfs"] is None
        else f"at {worst['from_dbfs']} to {worst['from_dbfs'] + 10} dBFS"
    )
    more = f"; the worst, {where}, {100 * worst['recall']:.0f} % of {worst['n']}" if worst["recall"] < 1 else ""
    return [f"Silence and noise from digital zero to full scale: {100 * total:.0f} % {right}{more}."]


def _tested(test: Figures, figure: str) -> list[str]:
    if not test["recorded"]:
        return [
            f"Tested on synthesised voices only: {figure}. That is about synthetic speech, not about people. Expect "
            "far less on real voices until you have measured it."
        ]
    voices = f"{test['speakers']} named speakers" if test["speakers"] else "speakers that the files do not name"
    warning = "" if test["speakers"] > 1 else " It says how well these voices are heard, not others."
    return [f"Tested on {test['recorded']} recordings of the keywords by {voices}: {figure}.{warning}"]


def _trained(train: Figures, begins_with: str | None) -> list[str]:
    if begins_with and not train["recorded"]:
        return [
            f"It began with the weights of {begins_with}, and what those knew of people is partly forgotten: synthetic "
            "voices alone have trained it since. `kws evaluate` on recordings says how much is left."
        ]
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
