"""What the sentences of trust say, word for word, on either side of each of their bounds."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from kws_tfmot.evaluation.trust import _silence, speech_figures, trust


def test_the_first_sentence_says_of_whom_the_accuracy_is() -> None:
    worst = [{"speaker": str(share), "n": 5, "accuracy": share} for share in (0.2, 0.4, 0.6, 0.61)]
    figures = {"accuracy": 0.5, "n": 9, "interval_95": [0.4, 0.61]}
    figure = "50.0 % (N = 9, 95 % interval 40.0 to 61.0)"
    assert trust(None, figures | {"breadth": {"speakers": 7, "worst_speakers": worst}}) == [
        f"Tested on 7 speakers who did not train it: {figure}. Other microphones are not in it. The speakers it hears "
        "worst: 20 % of 5 clips, 40 % of 5 clips, 60 % of 5 clips."
    ]
    assert trust(None, figures | {"split": "all", "breadth": {"speakers": 7, "worst_speakers": []}}) == [
        f"Tested on 7 speakers of whom some may have trained it: {figure}. Other microphones are not in it."
    ]
    (nobody,) = trust(None, figures | {"breadth": {"speakers": 0, "worst_speakers": []}})
    assert nobody.startswith(
        f"Tested on clips that name no speaker: {figure}. Voices that trained it may be among them"
    )


def counts(synthetic: int = 0, recorded: int = 0, speakers: int = 0) -> dict[str, int]:
    return {"synthetic": synthetic, "recorded": recorded, "speakers": speakers}


@pytest.mark.parametrize(
    ("train", "begins_with", "said"),
    [
        (counts(90), None, "No recording of a person has trained it"),
        (
            counts(90),
            "commands",
            "It began with the weights of commands, and what those knew of people is partly forgotten",
        ),
        (
            counts(90, 7, 9),
            "commands",
            "7 recordings and 90 synthetic clips of the keywords have trained it. It may know",
        ),
        (counts(0, 70, 10), None, "70 recordings and 0 synthetic clips of the keywords have trained it."),
    ],
)
def test_words_alone_are_told_who_trained(train: dict[str, int], begins_with: str | None, said: str) -> None:
    tested, trained, accepts, improve = trust(
        {"train": train, "test": counts(40)}, {"accuracy": 0.9, "n": 40}, begins_with=begins_with
    )
    assert tested.startswith("Tested on synthesised voices only: 90.0 % (N = 40). That is about synthetic speech")
    assert trained.startswith(said) and ("It may know" in trained) == (0 < train["speakers"] < 10)
    assert "--recordings" in accepts and ("more people" in improve) == (train["recorded"] > 0)


@pytest.mark.parametrize(
    ("speakers", "by", "alone"),
    [(0, "speakers that the files do not name", True), (1, "1 named", True), (2, "2 named", False)],
)
def test_recordings_of_one_voice_say_little(speakers: int, by: str, alone: bool) -> None:
    tested = trust({"test": counts(0, 12, speakers)}, {"accuracy": 0.5, "n": 20})[0]
    assert tested.startswith(f"Tested on 12 recordings of the keywords by {by}") and ": 50.0 % (N = 20)." in tested
    assert tested.endswith(" It says how well these voices are heard, not others.") == alone


ACCURACY = {"accuracy": 0.5, "n": 9, "interval_95": [0.4, 0.61]}
OF_TEST = (
    "Tested on clips that name no speaker: 50.0 % (N = 9, 95 % interval 40.0 to 61.0). Voices that trained it may be "
    "among them, and flatter."
)


def said(reach: dict[str, Any], **more: Any) -> list[str]:
    """What is said beside the first sentence of clips that nobody synthesised."""
    first, *others = trust(None, ACCURACY | {"breadth": {"speakers": 0, "worst_speakers": []} | reach} | more)
    assert first == OF_TEST
    return others


def test_of_data_that_nobody_synthesised_nothing_is_said_without_their_breadth() -> None:
    assert (
        trust(None, ACCURACY)
        == trust({}, ACCURACY | {"breadth": {}})
        == trust(None, ACCURACY | {"breadth": None})
        == []
    )
    assert said({"narrow": ["One.", "Two."]}) == ["One.", "Two."]


def test_a_loss_beyond_chance_is_a_warning() -> None:
    def loss(low: float, high: float) -> list[str]:
        return said({}, loss={"difference": -0.1239, "interval_95": [low, high], "against": "float.keras"})

    assert loss(-0.2345, -0.0123) == [
        "WARNING: pruning and quantisation cost 12.4 points of accuracy (95 % interval 1.2 to 23.4), more than chance "
        "explains. Ask for fewer zeros, train longer, or widen the network."
    ]
    assert loss(-0.05, 0.0) == loss(-0.05, 0.01) == said({}, loss=None) == []
    assert len(loss(-0.05, -1e-9)) == 1
    assert trust(None, ACCURACY | {"loss": {"difference": -0.03, "interval_95": [-0.05, -0.01]}}) == []


def test_words_that_training_never_heard_are_told_apart() -> None:
    def unknown(new: int, known: int) -> list[str]:
        shares = {"unheard": {"n": new, "recall": 0.25}, "heard": {"n": known, "recall": 0.875}}
        return said({"unknown": {"words": 9, "unheard_words": 3} | shares})

    first = "Rejected as no keyword: 25 % of 4 clips of 3 words that training never heard"
    assert unknown(4, 2) == [first + ", 88 % of words it knows."]
    assert unknown(4, 0) == [first + "."]
    assert unknown(0, 9) == said({"unknown": None}) == []


def test_silence_is_told_with_its_worst_level() -> None:
    rows = [
        {"from_dbfs": None, "n": 10, "recall": 1.0},
        {"from_dbfs": -40, "n": 30, "recall": 0.5},
        {"from_dbfs": -20, "n": 3, "recall": 0.75},
        {"from_dbfs": -10, "n": 2, "recall": 0.0},  # too few to say anything of
    ]
    whole = "Silence and noise from digital zero to full scale:"
    assert said({"silence": rows}) == [
        f"{whole} 63 % recognised; the worst, at -40 to -30 dBFS, 50 % of 30."  # 27.25 of 43
    ]
    assert _silence([rows[0] | {"recall": 0.9}], "recognised") == [
        f"{whole} 90 % recognised; the worst, at digital zero, 90 % of 10."
    ]
    assert _silence(rows[:1], "recognised") == [f"{whole} 100 % recognised."]
    assert _silence(rows[2:], "recognised") == [f"{whole} 75 % recognised; the worst, at -20 to -10 dBFS, 75 % of 3."]
    assert _silence(rows[3:], "recognised") == _silence([], "recognised") == _silence(None, "recognised") == []


def test_the_worst_speakers_are_the_first_three() -> None:
    one = {"speaker": "s", "n": 4, "accuracy": 0.255}
    (first,) = trust(None, ACCURACY | {"breadth": {"speakers": 2, "worst_speakers": [one]}, "split": "test"})
    assert first == (
        "Tested on 2 speakers who did not train it: 50.0 % (N = 9, 95 % interval 40.0 to 61.0). Other microphones are "
        "not in it. The speakers it hears worst: 26 % of 4 clips."
    )


FALSE_ACCEPTS = (
    "False accepts an hour were not measured on your noise and talk: play hours of them to `kws det --recordings` "
    "before you rely on it, and choose the threshold there."
)


def improve(more: str) -> str:
    return (
        f"To improve it: record the words in the place and with the microphone of use ({more}), a few minutes of "
        "background and of other talk, and build again with --recordings."
    )


SYNTHETIC = (
    "Tested on synthesised voices only: 50.0 % (N = 9). That is about synthetic speech, not about people. Expect far "
    "less on real voices until you have measured it."
)


NOBODY = "No recording of a person has trained it: voices, accents and microphones of people are new to it."
SMALL = (
    "It began with the weights of small, and what those knew of people is partly forgotten: synthetic voices alone "
    "have trained it since. `kws evaluate` on recordings says how much is left."
)
TRAINED = "1 recordings and 5 synthetic clips of the keywords have trained it."
FLATTERED = TRAINED + " It may know these voices far better than others."
FEW = "20 or more of each word, by several people"
NAMELESS = "speakers that the files do not name"
MORE = "more people"
ALONE = " It says how well these voices are heard, not others."


def by_people(clips: int, by: str, warning: str = "") -> str:
    return f"Tested on {clips} recordings of the keywords by {by}: 50.0 % (N = 9).{warning}"


@pytest.mark.parametrize(
    ("train", "test", "begins_with", "first", "trained", "more"),
    [
        (None, None, None, SYNTHETIC, NOBODY, FEW),
        (counts(5), counts(5), "small", SYNTHETIC, SMALL, FEW),
        (counts(5, 1, 9), counts(0, 3, 2), "small", by_people(3, "2 named speakers"), FLATTERED, MORE),
        (counts(5, 1, 10), counts(0, 1, 1), None, by_people(1, "1 named speakers", ALONE), TRAINED, MORE),
        (counts(5, 1, 10), counts(0, 1), None, by_people(1, NAMELESS, ALONE), TRAINED, MORE),
    ],
)  # fmt: skip
def test_synthesised_words_word_for_word(train, test, begins_with, first: str, trained: str, more: str) -> None:
    speech = {name: each for name, each in (("train", train), ("test", test)) if each} or {"validation": counts()}
    figures = ACCURACY | {"breadth": {"narrow": ["Narrow."]}}
    assert trust(speech, figures, begins_with) == [first, "Narrow.", trained, FALSE_ACCEPTS, improve(more)]


def test_keyword_clips_are_counted_by_where_they_come_from() -> None:
    def clip(split: str, label: str, speaker: str, recorded: bool) -> SimpleNamespace:
        return SimpleNamespace(split=split, label=label, speaker=speaker, recorded=recorded)

    clips = [clip("train", "go", speaker, True) for speaker in ("ann", "ann", "", "bob")]
    clips += [clip("train", "go", "voice", False), clip("train", "stop", "voice", False)]
    clips += [
        clip("train", label, "cat", recorded) for label in ("_unknown_", "_silence_") for recorded in (True, False)
    ]
    clips += [clip("test", "go", "voice", False)]
    index: Any = SimpleNamespace(source="synthetic+folder:x", splits=("train", "test"), clips=clips)
    assert speech_figures(index) == {"train": counts(2, 4, 2), "test": counts(1)}
    index.source = "folder:synthetic"
    assert speech_figures(index) is None


DETECTOR = {
    "keywords": {"alexa": {"n": 18, "heard": 15}, "jarvis": {"n": 9, "heard": 2}},
    "others": {"_unknown_": {"n": 17, "heard": 1}, "_silence_": {"n": 20, "heard": 3}},
    "thresholds": {"alexa": 0.52074, "jarvis": 0.52074},
    "breadth": {"speakers": 4, "worst_speakers": [], "silence": [{"from_dbfs": -40, "n": 20, "recall": 0.85}]},
}
HEARS = "hears alexa in 15 of 18 clips, jarvis in 2 of 9 clips"
SILENT = (
    "Silence and noise from digital zero to full scale: 85 % without a detection; the worst, at -40 to -30 dBFS, "
    "85 % of 20."
)


def test_a_detector_speaks_for_its_network() -> None:
    figures = ACCURACY | {"breadth": {"speakers": 9, "narrow": ["Of clips."]}, "split": "all", "detector": DETECTOR}
    told = (
        f"the detector, at its threshold 0.521, {HEARS}, and a keyword in 1 of 17 of other words and 3 of 20 of "
        "silence and noise"
    )
    assert trust(None, figures) == [
        f"Tested on 4 speakers of whom some may have trained it: {told}. Other microphones are not in it.", SILENT,
    ]  # fmt: skip
    first, silence, *_ = trust({"test": counts(7)}, figures)
    assert first.startswith(f"Tested on synthesised voices only: {told}. That is about") and silence == SILENT
    apart = DETECTOR | {"thresholds": {"alexa": 0.5, "jarvis": 0.6}, "others": {}}
    (first, _) = trust(None, figures | {"detector": apart})
    assert f": the detector, at its thresholds, {HEARS}. Other" in first
    assert trust(None, figures | {"detector": DETECTOR | {"breadth": {}}}) == []
