"""What stretches are composed of, from words alone: utterances by every installed engine, near words and sentences."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from kws_tfmot.data.audio import Int16, to_int16
from kws_tfmot.data.labels import UNKNOWN, label_of
from kws_tfmot.data.near_words import COMMON_WORDS, near_words, parts_of, sound_alike
from kws_tfmot.data.speech import (
    ENGINES,
    Request,
    SpokenClip,
    Voice,
    choose_voices,
    deal,
    open_engine,
    render_parts,
    usable_engines,
)
from kws_tfmot.data.speech.engines import is_folder
from kws_tfmot.data.speech.foreign_accents import foreign_voices, split_accent
from kws_tfmot.data.speech.request import generator
from kws_tfmot.data.speech.slips import SLIP, slip_voices
from kws_tfmot.data.speech.tempo import stretch_time
from kws_tfmot.data.speech.vocal_tract import warp_formants
from kws_tfmot.data.stretch_settings import SpeechSettings
from kws_tfmot.data.stretches import Recording, Speech, word_of
from kws_tfmot.data.utterances import loudest_span
from kws_tfmot.errors import DataError
from kws_tfmot.progress import SILENT, Reporter

_HELD_OUT = 8  # one voice of so many validates
_SHARES = {"espeak": 0.2, "hibari": 0.1, "kokoro": 0.5}
_OTHER_SHARE, _CROWD_SHARE = 0.2, 0.5  # a folder of Piper voices by its speakers: few, or people by the dozen
_CROWD = 16
# Kokoro's lone words are said twice, each time by another vocal tract and slower, as people say them.
_AGAIN = {"kokoro": 2}
_LONGER, _FORMANTS = (0.85, 1.6), (0.88, 1.16)
_MOST_VOICES = {"espeak": 400, "kokoro": 400, "hibari": 24, "piper": 1}
_MOST_OF_A_FOLDER = 1000


def spoken(
    keywords: Sequence[str], settings: SpeechSettings, seed: int, cache: Path, rate: int, reporter: Reporter = SILENT,
    without: Collection[str] = (), language: str = "en", words: Sequence[str] = (), folders: Sequence[str] = (),
) -> tuple[Speech, Speech]:  # fmt: skip
    """Speech by training voices and by held-out voices.

    Args:
        keywords: What is to be heard.
        settings: How much each engine says.
        seed: Of voices, texts and utterances.
        cache: Where utterances are kept.
        rate: Samples a second of what is composed.
        reporter: Is told of engines that are missing or do not speak the language.
        without: Words that are not said.
        language: eSpeak NG's name of it. Near words, foreign accents and slips are English alone.
        words: Other words to say, of that language; the built-in English ones beside English words, or for want of any.
        folders: Engines ``piper:FOLDER`` beside those of ``settings``.

    Raises:
        DataError: No voice speaks the language, or no other word is left.
        DataError, ToolchainError: As :func:`kws_tfmot.data.speech.render_parts`.
    """
    names = tuple(word.casefold() for word in keywords)
    unsaid = {word.casefold() for word in without}
    english = language == "en"
    known = dict.fromkeys([*COMMON_WORDS, *words] if english else words or COMMON_WORDS)
    lexicon = [word for word in known if word.casefold() not in {*names, *unsaid}]
    if not lexicon:
        raise DataError(f"no other word is left to say. Received: {', '.join(words)}",
                        "Name more in data.synthetic.unknown_words, none of them a keyword or recorded.")  # fmt: skip
    if not english and not words:
        reporter.note(
            f"other words are said in English by voices of {language!r}; data.synthetic.unknown_words names better"
        )
    beside = _near(keywords, settings.near_words) if english else _beside(keywords, lexicon, settings.near_words)
    near = [text for text in beside if not unsaid & set(text.split())]
    sentences = _sentences(lexicon, 3000, seed)
    alike = sound_alike(keywords, lexicon) if english else set()
    others = [word for word in lexicon if word not in alike]
    engines = dict.fromkeys([*(settings.engines or ENGINES), *folders])
    wanted: dict[str, list[list[Request]]] = {}
    few: dict[str, bool] = {}
    shares = dict(_SHARES)
    for engine in usable_engines(tuple(engines), reporter):
        if not (voices := _voices_of(engine, seed, language, reporter)):
            continue
        few[engine] = len(voices) < 2 * _HELD_OUT
        shares.setdefault(engine, _CROWD_SHARE if _is_crowd(engine, voices) else _OTHER_SHARE)
        wanted[engine] = _of_engine(engine, voices, keywords, near, sentences, others, settings, seed, english)
    if not wanted:
        raise DataError(f"no voice that is installed speaks {language!r}.",
                        "Choose another data.synthetic.language, or add the engine espeak.")  # fmt: skip
    # Each part by itself, so that it is found in the cache whatever else is spoken.
    parts = iter(render_parts([part for own in wanted.values() for part in own], cache, reporter))
    sides: tuple[list[list[SpokenClip]], list[list[SpokenClip]]] = ([], [])
    for engine, own in wanted.items():
        said = [_as_written(clip) for _ in own for clip in next(parts)]
        for held_out, side in enumerate(sides):
            # Few voices (hibari, Piper) all train; their absence from validation costs nothing.
            side.append([clip for clip in said if (_validates(clip) and not few[engine]) == bool(held_out)
                         and not _says_unwritten(clip, names, alike)])  # fmt: skip
    train, held = (_as_speech(side, keywords, rate, shares) for side in sides)
    return train, held


def _voices_of(engine: str, seed: int, language: str, reporter: Reporter) -> list[Voice]:
    """The voices of an engine that speak ``language``, as many as serve; none are told to ``reporter``.

    Of a folder with many speakers each is one voice; with few, every speaker in twelve vocal tracts.
    """
    most = _MOST_OF_A_FOLDER if is_folder(engine) else _MOST_VOICES[engine]
    offered = open_engine(engine).voices(most, generator(seed, "voices", engine), language)
    if not offered:
        reporter.note(f"{engine} has no voice of {language!r}; the others speak without it")
        return []
    count = len({voice.name for voice in offered}) if _is_crowd(engine, offered) else len(offered)
    return choose_voices(count, seed, (engine,), language)


def _is_crowd(engine: str, voices: Sequence[Voice]) -> bool:
    """Whether a folder of a user's own holds many speakers, who count as much as Kokoro's mixed ones."""
    return is_folder(engine) and len({voice.name for voice in voices}) >= _CROWD


def _of_engine(
    engine: str, voices: Sequence[Voice], keywords: Sequence[str], near: Sequence[str], sentences: Sequence[str],
    others: Sequence[str], settings: SpeechSettings, seed: int, english: bool,
) -> list[list[Request]]:  # fmt: skip
    """Everything that ``engine`` is to say, in parts that do not depend on each other."""
    words, near_ones, talk = settings.counts(engine)
    # Every speaker of a crowd says each keyword, and something else, once at least.
    least = len({voice.name for voice in voices}) if _is_crowd(engine, voices) else 0
    counts = max(words, least), near_ones, max(talk, least)
    requests = _requests(keywords, near, sentences, voices, counts, seed, settings.paused)
    fewer = settings.foreign_counts(engine)
    if english and any(fewer):
        requests += _requests(keywords, near, sentences, foreign_voices(voices), fewer, seed, settings.paused)
    if english and settings.slips and engine != "espeak":
        requests += [deal([word], slip_voices(voices), round(settings.slips * counts[0]), seed) for word in keywords]
    if count := settings.kokoro_other_words if engine == "kokoro" else settings.other_words:
        requests.append(deal(others, voices, count, seed))
    return requests


def _says_unwritten(clip: SpokenClip, keywords: Collection[str], alike: Collection[str]) -> bool:
    """Whether a clip other than of a keyword has a word in it that sounds just like one ("write" in a sentence)."""
    return clip.text.casefold() not in keywords and not set(clip.text.casefold().split()).isdisjoint(alike)


def _near(keywords: Sequence[str], count: int) -> tuple[str, ...]:
    """Near words and parts of the keywords, all of them single words or runs of the keywords' own.

    A phrase with one word exchanged ("start mirror" for "smart mirror") is left out: nobody says it, and telling it
    apart made the detector miss people, whose accents differ by as much.

    >>> near = _near(["smart mirror"], 4)
    >>> "smart" in near, "mirror" in near, any(" " in text for text in near)
    (True, True, False)
    """
    phrases = [keyword for keyword in keywords if " " in keyword]
    alone = [keyword for keyword in keywords if " " not in keyword]
    parts = parts_of(keywords)
    single = [*alone, *(word for phrase in phrases for word in phrase.casefold().split())]
    near = near_words(single, count) if single else ()
    alike = sound_alike(keywords, near) if near else set()
    return tuple(dict.fromkeys([*parts, *(text for text in near if text not in alike)]))


def _beside(keywords: Sequence[str], lexicon: Sequence[str], count: int) -> tuple[str, ...]:
    """Parts of the keywords and other words, where nothing tells which sound near.

    >>> _beside(["guten morgen"], ["haus", "baum"], 3)
    ('guten', 'morgen', 'haus')
    """
    return tuple(dict.fromkeys([*parts_of(keywords), *lexicon]))[:count]


def _requests(
    keywords: Sequence[str], near: Sequence[str], sentences: Sequence[str], voices: Sequence[Voice],
    counts: Sequence[int], seed: int, paused: float,
) -> list[list[Request]]:  # fmt: skip
    """Utterances of each keyword, the share ``paused`` of a phrase's with pauses, of near words, and sentences."""
    texts: list[tuple[Sequence[str], int]] = []
    for keyword in keywords:
        apart = round(paused * counts[0]) if " " in keyword else 0
        texts += [([keyword], counts[0] - apart), (paused_texts(keyword), apart)]
    texts += [(near, counts[1]), (sentences[: counts[2]], counts[2])]
    return [deal(words, voices, count, seed) for words, count in texts if words and count]


def paused_texts(keyword: str) -> tuple[str, ...]:
    """``keyword`` with a pause in it, at each place between two words.

    >>> paused_texts("turn it on"), paused_texts("alexa")
    (('turn, it on', 'turn it, on'), ())
    """
    words = keyword.split()
    return tuple(f"{' '.join(words[:place])}, {' '.join(words[place:])}" for place in range(1, len(words)))


def _as_written(clip: SpokenClip) -> SpokenClip:
    """``clip`` without the commas that paused in it."""
    return clip._replace(text=clip.text.replace(",", ""))


def with_recordings(
    speech: Speech, clips: Sequence[tuple[str, Int16]], noise: Sequence[Int16], keywords: Sequence[str], rate: int,
    enough: int | None = None,
) -> Speech:  # fmt: skip
    """``speech`` with recordings, (word, samples) each, which come at least as often as what is synthetic of a kind.

    A keyword with ``enough`` recordings is heard in these alone. Of other words, those with few recordings come oftener
    than these are, by the square root of their number.
    """
    labels = tuple(keywords)
    own: list[list[Recording]] = [[] for _ in labels]
    others: dict[str, list[Recording]] = {}
    for word, samples in clips:
        label = label_of(word, labels)
        recording = Recording(samples, *loudest_span(samples, rate))
        (others.setdefault(word, []) if label == UNKNOWN else own[labels.index(label)]).append(recording)
    words = tuple(
        tuple(mine) if enough and len(mine) >= enough else (*made, *_as_many(mine, len(made)))
        for made, mine in zip(speech.keywords, own, strict=True)
    )
    most = max((len(said) for said in others.values()), default=0)
    balanced = [one for said in others.values() for one in _as_many(said, round((most * len(said)) ** 0.5))]
    # A folder of other words says not which: as one class of words it would be that of people.
    names = {word: "" if word == UNKNOWN else word for word in others}
    texts = [names[word] for word, said in others.items() for _ in _as_many(said, round((most * len(said)) ** 0.5))]
    near = (*_as_many(speech.near, len(balanced)), *_as_many(balanced, len(speech.near)))
    near_texts = (*_as_many(speech.near_texts, len(balanced)), *_as_many(texts, len(speech.near)))
    return speech._replace(keywords=words, near=near, near_texts=near_texts, noise=(*speech.noise, *noise))


_Said = TypeVar("_Said")


def _as_many(said: Sequence[_Said], count: int) -> list[_Said]:
    """``said`` as often as makes about ``count``, and once at least.

    >>> _as_many([1, 2, 3], 8), _as_many([1, 2, 3], 1), _as_many([], 5)
    ([1, 2, 3, 1, 2, 3, 1, 2, 3], [1, 2, 3], [])
    """
    return list(said) * max(1, round(count / max(1, len(said))))


def _validates(clip: SpokenClip) -> bool:
    return int(clip.speaker, 16) % _HELD_OUT == 0


def _is_slip(clip: SpokenClip) -> bool:
    return split_accent(clip.voice.accent)[1] == SLIP


def _as_speech(
    parts: Sequence[Sequence[SpokenClip]], keywords: Sequence[str], rate: int, shares: Mapping[str, float]
) -> Speech:
    """Keywords, single words and talk out of all engines' clips.

    All of it is balanced between the engines: the most human voices count most, and where they said little but the
    keyword, a human voice would be taken for the keyword.
    """
    clips = [other for part in parts for clip in part for other in _versions(clip)]
    slips = [clip for clip in clips if _is_slip(clip)]
    words = {
        word: tuple(_balanced([(c.voice.engine, word_of(c.samples, rate)) for c in clips
                               if c.text == word and not _is_slip(c)], shares)) for word in keywords
    }  # fmt: skip
    single = [c for c in clips if c.text not in words and len(c.text.split()) < 3] + slips
    talk = [c for c in clips if c.text not in words and len(c.text.split()) >= 3]
    said = [(c.voice.engine, (word_of(c.samples, rate), "" if _is_slip(c) else c.text)) for c in single]
    near, texts = zip(*_balanced(said, shares), strict=True) if said else ((), ())
    spoken = tuple(_balanced([(c.voice.engine, c.samples) for c in talk], shares))
    return Speech(tuple(words.values()), near, spoken, near_texts=texts)


def _versions(clip: SpokenClip) -> list[SpokenClip]:
    """``clip``, or where the engine is slow what makes several speakers of one: other tempos and vocal tracts."""
    count = _AGAIN.get(clip.voice.engine, 0)
    if not count or len(clip.text.split()) > 3:
        return [clip]
    found = []
    for number in range(count):
        rng = generator(number, "version", clip.text, *clip.voice, len(clip.samples))
        longer, formants = (float(np.exp(rng.uniform(*np.log(bounds)))) for bounds in (_LONGER, _FORMANTS))
        changed = stretch_time(warp_formants(clip.samples.astype(np.float32), formants), longer)
        found.append(clip._replace(samples=to_int16(changed), word_start=round(clip.word_start * longer),
                                   word_end=round(clip.word_end * longer)))  # fmt: skip
    return found


def _balanced(said: Sequence[tuple[str, _Said]], shares: Mapping[str, float]) -> list[_Said]:
    """Everything that was said, repeated so that every engine's share is about its weight in ``shares``."""
    by_engine: dict[str, list[_Said]] = {}
    for engine, samples in said:
        by_engine.setdefault(engine, []).append(samples)
    weights = {engine: shares[engine] for engine in by_engine}
    # The engine that has most for its share is not repeated.
    most = max((len(own) / weights[engine] for engine, own in by_engine.items()), default=0.0)
    found: list[_Said] = []
    for engine, own in by_engine.items():
        count = round(most * weights[engine])
        found += [own[i % len(own)] for i in range(count)]
    return found


def _sentences(words: Sequence[str], count: int, seed: int) -> list[str]:
    """Strings of three to eight of ``words``."""
    rng = np.random.default_rng([seed, 0x7A1C])
    return [" ".join(rng.choice(words, int(rng.integers(3, 9)))) for _ in range(count)]
