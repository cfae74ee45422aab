"""What the training on streams hears: synthesised speech, a user's negatives, and the recordings of the data."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kws_tfmot.data.audio import Int16
from kws_tfmot.data.clip_table import ClipTable
from kws_tfmot.data.labels import SILENCE
from kws_tfmot.data.long_recordings import pieces_of
from kws_tfmot.data.speech.engines import is_folder
from kws_tfmot.data.stretch_speech import spoken, with_recordings
from kws_tfmot.data.stretches import Speech
from kws_tfmot.recipe import Recipe
from kws_tfmot.spare_cache import with_spare_folder
from kws_tfmot.training.stream_settings import StreamTrainSettings
from pipelines.stages.build import Build

_HOURS_OF_NEGATIVES = 4.0
_ENOUGH_TO_VALIDATE = 20  # recordings of every keyword
_MOST_OF_A_WORD, _MOST_OF_OTHERS = 1500, 6000


class StreamSpeech(NamedTuple):
    """Speech to train with and of held-out voices, and whether the latter's words are recordings of people alone."""

    train: Speech
    held: Speech
    recorded: bool


def speech_of(build: Build, settings: StreamTrainSettings) -> StreamSpeech:
    """Everything that may be said in the streams of a build.

    Words that are recorded and held out of training are not synthesised either. Where validation has 20 recordings of
    every keyword, its words are recordings alone: what helps with synthetic voices need not help with people.
    """
    recipe = build.recipe
    rate, keywords = recipe.frontend.sample_rate, recipe.data.keywords
    people, clips = _people(build), build.index.clips
    trains = clips.of_split("train") & clips.used & people
    validates = clips.of_split("validation") & people
    recorded, trained, judged = (_words(clips.where(chosen)) for chosen in (people, trains, validates & clips.used))
    # Beyond the few that accuracy is counted on, all that these speakers say but words that only the test may hear.
    validates &= np.isin(clips.source.words.codes, [*trained, *judged])
    train_clips, held_clips = (_recordings(build, clips.where(chosen)) for chosen in (trains, validates))
    unheard = {clips.source.words.names[code] for code in recorded - trained} if trained else set()
    (train, held), note = with_spare_folder(
        build.cache,
        lambda cache: spoken(
            keywords, settings.speech, recipe.seed, cache, rate, build.reporter, unheard, **voices_asked(recipe)
        ),
    )
    if note:
        build.reporter.note(note)
    if recipe.data.negatives:
        pieces, notes = pieces_of(recipe.data.negatives, rate, _HOURS_OF_NEGATIVES, recipe.seed)
        for note in notes:
            build.reporter.note(note)
        train, held = (_with_pieces(*pair) for pair in ((train, pieces[::2] + pieces[3::4]), (held, pieces[1::4])))
    enough = all(sum(word == said for said, _ in held_clips) >= _ENOUGH_TO_VALIDATE for word in keywords)
    if enough:
        held = held._replace(keywords=tuple(() for _ in keywords), near=(), near_texts=())
    alone = settings.speech.enough_recordings
    train = with_recordings(train, train_clips, _noise(build, "train"), keywords, rate, alone)
    held = with_recordings(held, held_clips, _noise(build, "validation"), keywords, rate)
    return StreamSpeech(train, held, enough)


def voices_asked(recipe: Recipe) -> dict[str, Any]:
    """Language, other words and folders of voices of ``data.synthetic``: those that speak clips speak streams too."""
    synthetic = recipe.data.synthetic
    folders = tuple(engine for engine in synthetic.engines if is_folder(engine))
    return {"language": synthetic.language, "words": synthetic.unknown_words, "folders": folders}


def _words(clips: ClipTable) -> set[int]:
    """Numbers of the words that ``clips`` say."""
    return set(np.unique(clips.source.words.codes).tolist())


def _with_pieces(speech: Speech, pieces: list[Int16]) -> Speech:
    return speech._replace(talk=speech.talk + tuple(pieces), noise=speech.noise + tuple(pieces))


def _people(build: Build) -> npt.NDArray[np.bool_]:
    """Which clips are recordings of words: all but those of a synthetic source that are not marked as such."""
    clips = build.index.clips
    spoken_too = build.source.startswith("synthetic") or build.recipe.data.spoken
    people = clips.source.recorded if spoken_too else np.ones(len(clips), bool)
    return people & (clips.labels != clips.names.index(SILENCE))


def _recordings(build: Build, clips: ClipTable) -> list[tuple[str, Int16]]:
    """Word and samples of each clip; of a large set, so many of each word as memory holds."""
    codes, names = clips.source.words.codes, clips.source.words.names
    found = np.unique(codes).tolist()
    keywords = [code for code in found if names[code] in build.recipe.data.keywords]
    rng = np.random.default_rng([build.recipe.seed, len(clips)])
    chosen: list[int] = []
    for code in found:
        own = np.flatnonzero(codes == code)
        most = _MOST_OF_A_WORD if code in keywords else max(1, _MOST_OF_OTHERS // (len(found) - len(keywords)))
        chosen += sorted(rng.choice(own, min(len(own), most), replace=False).tolist())
    store = build.index.store
    return [(names[codes[place]], store.gather(clips.rows[place : place + 1])[0]) for place in chosen]


def _noise(build: Build, split: str) -> list[Int16]:
    """Recorded noise of ``split``; what a synthetic set has was made, as the composer makes more of."""
    bank = build.index.noise
    made = build.source.startswith("synthetic")
    return [bank.samples[piece.first : piece.last] for piece in bank.stretches(split)
            if piece.name.startswith("recorded/") or not made]  # fmt: skip
