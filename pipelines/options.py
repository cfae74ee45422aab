"""Options that the stage commands share, and how they become a build."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from kws_tfmot.errors import RecipeError
from kws_tfmot.recipe import Recipe, find_recipe, load_recipe
from kws_tfmot.runs import ASIDE, Run
from kws_tfmot.without_effect import without_effect
from kws_tfmot.zoo import find_shipped
from pipelines.console import RichReporter, friendly_errors, line
from pipelines.custom import ALL, clip_length, every_word
from pipelines.outputs import FolderOption
from pipelines.stages.build import Build


def named_model(text: str) -> Path:
    """The file of a model as it is named on the command line; the name of one that ships is the file that ships."""
    shipped = find_shipped(text)
    return shipped.model if shipped else Path(text)


RecipeArgument = Annotated[
    Path, typer.Argument(help="A recipe (YAML), or the name of one that ships with the project.")
]
DataOption = Annotated[str, typer.Option("--data", help="folder:PATH, tfds:NAME, synthetic (built in).")]
OutOption = Annotated[Path | None, FolderOption("--out", help="The run's directory; runs/NAME of the recipe.")]
SetOption = Annotated[list[str], typer.Option("--set", help="Change the recipe: key=value, dotted keys.")]
KeywordsOption = Annotated[
    str, typer.Option("--keywords", help='The words to spot: "hey nova,stop"; all those of a folder: "all".')
]
SpeakerOption = Annotated[str, typer.Option("--speaker-pattern", help="Regular expression; group 1 is the speaker.")]
ForceOption = Annotated[bool, typer.Option("--force", help="Do every stage again.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else on standard output.")]
ModelArgument = Annotated[
    Path, typer.Argument(parser=named_model, metavar="MODEL", help="A .tflite file, or a model that ships: `kws zoo`.")
]
StreamOption = Annotated[
    bool,
    typer.Option("--stream", help="Compute each row of time once, step by step, instead of whole windows."),
]
HopOption = Annotated[int | None, typer.Option("--hop", help="With --stream: rows a step takes; default the least.")]
RecipeOption = Annotated[Path | None, typer.Option("--recipe", help="For a model that carries no settings of its own.")]


CoreOption = Annotated[
    str,
    typer.Option(
        "--core",
        help="Engine: whose cycles decide how weights are stored: cortex-m0, m0plus, m3, m4, m7, m33 or m55 "
        "(default: the board's core, else cortex-m4).",
    ),
]


def check_hop(stream: bool, hop: int | None) -> None:
    """Refuse ``--hop`` where nothing is streamed."""
    if hop is not None and not stream:
        raise RecipeError(f"--hop {hop} needs --stream: whole windows have no steps.")


def resolve_recipe(recipe: Path, overrides: list[str], keywords: str = "", speaker_pattern: str = "") -> Recipe:
    """Load ``recipe`` (a path, or the name of a shipped one) with overrides from the command line."""
    extra: list[str] = list(overrides)
    if keywords:
        words = [word.strip() for word in keywords.split(",") if word.strip()]
        if not words:
            raise RecipeError(f"expected words separated by commas. Received: --keywords {keywords!r}")
        extra.append(f"data.keywords={_yaml_list(words)}")
    if speaker_pattern:
        extra.append(f"data.speaker_pattern={_yaml_list([speaker_pattern])[1:-1]}")
    return load_recipe(find_recipe(recipe), extra)


def _yaml_list(words: list[str]) -> str:
    return json.dumps(words)  # between single quotes YAML would make a space of a line's end


def default_folder(name: str, keywords: str = "", kind: str = "") -> Path:
    """The directory of a recipe that is given none: no other recipe has the same.

    >>> default_folder("wake_word", "hey nova, stop").as_posix()
    'runs/wake_word-hey_nova-stop'
    >>> default_folder("flagship", kind="compare").as_posix()
    'runs/compare/flagship'
    """
    words = [word.strip() for word in keywords.split(",") if word.strip()]
    return Path("runs", kind, "-".join(re.sub(r"[^\w.-]+", "_", part) for part in (name, *words)))


def open_build(
    recipe: Path,
    data: str,
    out_dir: Path | None,
    overrides: list[str],
    keywords: str,
    speaker_pattern: str,
    force: bool,
    kind: str = "",
    name: str = "",
) -> Build:
    """The build that the options of a recipe's command mean.

    Keywords ``all`` are the words of the folder of recordings; no other words are left to test ``_unknown_`` on then.
    ``kind`` is a folder for runs that end in no model; ``name`` names the folder where the recipe has no name.
    """
    spoken = keywords
    if keywords.strip() == ALL and (words := every_word(data)) != (ALL,):
        spoken, overrides = ",".join(words), ["data.unknown_share=0", *overrides]
    resolved = resolve_recipe(recipe, overrides, spoken, speaker_pattern)
    if keywords and (longer := clip_length(recipe, overrides, resolved, data)):
        resolved = resolve_recipe(recipe, [*overrides, *longer], spoken, speaker_pattern)
    name = name or (resolved.name if "name" in resolved.model_fields_set else recipe.stem)
    reporter = RichReporter()
    for note in without_effect(resolved):
        reporter.note(note)
    return Build(resolved, data, Run(out_dir or default_folder(name, keywords, kind), force), reporter)


def say_moved(build: Build) -> None:
    """Name the files of an earlier recipe that are out of the way now."""
    if moved := build.run.moved_aside:
        line(f"of an earlier recipe, moved to {build.run.path(ASIDE)}: {', '.join(moved)}", markup=False)


def recipe_command(work: Callable[[Build], None]) -> Callable[..., None]:
    """A command over a recipe: opens the build, locks its run and hands it to ``work``, whose docstring is the help."""

    def command(
        recipe: RecipeArgument,
        data: DataOption = "synthetic",
        out_dir: OutOption = None,
        overrides: SetOption = [],  # noqa: B006 - typer copies it
        keywords: KeywordsOption = "",
        speaker_pattern: SpeakerOption = "",
        force: ForceOption = False,
    ) -> None:
        """Run the stages of a recipe up to this command's."""
        with friendly_errors():
            build = open_build(recipe, data, out_dir, overrides, keywords, speaker_pattern, force)
            with build.run.locked():
                work(build)
            say_moved(build)

    command.__doc__ = work.__doc__
    return command


WaitStatesOption = Annotated[
    int,
    typer.Option(
        min=0,
        max=30,
        help="Of the board's flash: each jump and each read of data from flash is assumed to wait as many cycles.",
    ),
]
