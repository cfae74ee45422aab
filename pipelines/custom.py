"""Words of a user's own: the recipe, the source and the length of clip that they need."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from kws_tfmot.data.clip_folder import list_folder
from kws_tfmot.data.custom import needed_clip_ms
from kws_tfmot.data.own_recordings import recorded_files
from kws_tfmot.data.stretch_speech import paused_texts
from kws_tfmot.errors import RecipeError
from kws_tfmot.recipe import Recipe, recipe_values, shipped_recipes
from pipelines.console import line

RECIPE = Path("wake_word")
RECORDED, ENOUGH = Path("wake_word_recorded"), 100  # from so many recordings of every keyword on
OptionalRecipe = Annotated[
    Path | None,
    typer.Argument(
        help=f"A recipe (YAML), or the name of one that ships; with --keywords alone: {RECIPE}, or {RECORDED} "
        f"beside {ENOUGH} --recordings of every keyword."
    ),
]
RecordingsOption = Annotated[
    Path | None,
    typer.Option("--recordings", help="Your own recordings beside synthetic speech: a folder for each keyword."),
]


def chosen_recipe(recipe: Path | None, keywords: str, recordings: Path | None = None) -> Path:
    """The recipe given, or the one for keywords of a user's own, by how many recordings there are of each.

    Raises:
        RecipeError: Neither a recipe nor keywords are given.
    """
    if recipe is None and not keywords:
        raise RecipeError(
            "expected a recipe, or keywords of your own.",
            f'kws build --keywords "hey nova,stop", or one of {", ".join(shipped_recipes())}.',
        )
    if recipe or not recordings:
        return recipe or RECIPE
    words = [word.strip() for word in keywords.split(",") if word.strip()]
    fewest = min(recorded_files(recordings, words).values(), default=0)
    if fewest < ENOUGH:
        return RECIPE
    line(f"{fewest} recordings or more of every keyword: recipe {RECORDED}", stderr=True)
    return RECORDED


def chosen_source(data: str, recordings: Path | None) -> str:
    """The source of clips: ``data``, or synthetic speech with recordings.

    Raises:
        RecipeError: Recordings beside other data than synthetic speech.
    """
    if recordings is None:
        return data
    if data != "synthetic":
        raise RecipeError(
            f"--recordings are used beside synthetic speech. Received: --data {data}",
            "Leave --data out; recordings enough for a data set of their own are --data folder:PATH.",
        )
    return f"synthetic+folder:{recordings}"


ALL = "all"


def every_word(data: str) -> tuple[str, ...]:
    """The words of a folder of recordings, for ``--keywords all``; ``("all",)`` where it has a word of that name.

    Raises:
        RecipeError: Other data than a folder.
        DataError: As :func:`~kws_tfmot.data.clip_folder.list_folder`.
    """
    kind, _, path = data.partition(":")
    if kind != "folder":
        raise RecipeError(
            f"--keywords {ALL} means the words of a folder of recordings. Received: --data {data}",
            "Name the words, or give --data folder:PATH.",
        )
    words = [word for word in list_folder(Path(path), r"()").folders if not word.startswith("_")]
    return (ALL,) if ALL in words else tuple(words)


def clip_length(recipe: Path, overrides: list[str], resolved: Recipe, source: str) -> list[str]:
    """Overrides that make clips as long as the slowest keyword, where nothing else says how long they are.

    Raises:
        DataError: A keyword is too long to be spotted, or cannot be spoken.
    """
    # A recipe for streams names the least length of its window, others the length of their clips.
    values = {} if resolved.streams else recipe_values(recipe)
    if not source.startswith("synthetic") or _sets_length(values, overrides):
        return []
    streams, said, least = resolved.streams, resolved.data.keywords, resolved.frontend.clip_ms
    after = streams.after_ms[1] if streams else 0  # a window still holds the word so long after its end
    if streams:  # people may pause between the words of a phrase
        said = (*said, *(text for keyword in said for text in paused_texts(keyword)))
    needed = needed_clip_ms(said, least - after, resolved.data.synthetic.language) + after
    needed = -(-needed // 100) * 100
    if needed <= least:
        return []
    line(f"[yellow]note[/] clips of {needed / 1000:g} s, as the keywords take so long to say", stderr=True)
    return [f"frontend.clip_ms={needed}"]


def _sets_length(values: dict[str, Any], overrides: list[str]) -> bool:
    groups = [values.get(name) for name in ("data", "frontend")]
    keys = [override.split("=", 1)[0].strip() for override in overrides]
    return any(isinstance(group, dict) and "clip_ms" in group for group in groups) or any(
        key in ("data.clip_ms", "frontend.clip_ms") for key in keys
    )
