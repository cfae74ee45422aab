"""`kws zoo`: the models that ship, their cards, and copies of their files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from kws_tfmot.errors import RecipeError, did_you_mean
from kws_tfmot.files import write_files
from kws_tfmot.zoo import PREFIX, Shipped, find_shipped, model_names, shipped_models
from pipelines.console import friendly_errors, line, table
from pipelines.outputs import FolderOption

group = typer.Typer(help=__doc__, context_settings={"help_option_names": ["-h", "--help"]})
NameArgument = Annotated[str, typer.Argument(help="A model that ships, as `kws zoo` lists them.")]


@group.callback(invoke_without_command=True)
def list_command(context: typer.Context) -> None:
    """The models that ship; a command that takes a model takes a name."""
    if context.invoked_subcommand:
        return
    with friendly_errors():
        rows = [
            [
                model.name,
                f"{model.model.stat().st_size:,}",
                ", ".join(model.card["words"]),
                model.card["measured"]["short"],
            ]
            for model in shipped_models()
        ]
        table("models that ship, int8", ["name", "bytes", "words", "measured on people"], rows)
        first = shipped_models()[0].name
        line(f"hear one: kws zoo try {first}; its card: kws zoo show {first}", markup=False)


@group.command("show")
def show_command(name: NameArgument) -> None:
    """A model's card: what it was trained on, licences, figures, limits."""
    with friendly_errors():
        model = named(name)
        for text in card_lines(model.card):
            line(text, markup=False)
        line(f"file: {model.model}", markup=False)


@group.command("try")
def try_command(name: NameArgument) -> None:
    """Play the recording that ships with a model to it: synthetic speakers, in no training, saying its words."""
    from kws_tfmot.evaluation.streaming.spotter import StreamModel
    from pipelines.live_view import heard_line
    from pipelines.openers import opener_of
    from pipelines.stream import hear, show

    with friendly_errors():
        model = named(name)
        if model.sample is None:
            raise RecipeError(
                f"no recording ships with {model.name}.", f"Play one of yours: kws stream FILE {model.name}"
            )
        opened = StreamModel.open(model.model, opener_of("engine"))
        result = hear(opened, model.sample)
        line(f"{model.sample.name}: {model.card['sample']['what']}", markup=False)
        line(f"said:  {' '.join(model.card['sample']['said'])}", markup=False)
        for each in result.heard:
            line(heard_line(each), markup=False)
        show(opened, result)
        line(f"a file of yours: kws stream FILE {model.name}; a microphone: kws listen {model.name}", markup=False)


@group.command("copy")
def copy_command(
    name: NameArgument, out_dir: Annotated[Path, FolderOption("--out", help="A new folder for its files.")]
) -> None:
    """Copy a model's files: the .tflite, the float model, the recipe, the card and the recording."""
    with friendly_errors():
        model = named(name)
        files = {path.name: path.read_bytes() for path in sorted(model.folder.iterdir()) if path.is_file()}
        write_files(files, out_dir)
        line(f"{out_dir}: {', '.join(files)}", markup=False)


def named(name: str) -> Shipped:
    """The model called ``name``.

    Raises:
        RecipeError: If none is, with the nearest name.
    """
    found = find_shipped(name if name.startswith(PREFIX) else f"{PREFIX}{name}")
    if found is None:
        names = model_names()
        guess = did_you_mean(name.removeprefix(PREFIX).lower(), names)
        raise RecipeError(f"no model {name!r} ships.{guess}", f"Those that do: {', '.join(names)}.")
    return found


def card_lines(value: Any, indent: str = "") -> list[str]:
    """A card as lines of text: keys as they are, lists and groups below their key."""
    rows = []
    for key, inner in value.items():
        if isinstance(inner, dict):
            rows += [f"{indent}{key}:", *card_lines(inner, f"{indent}  ")]
        elif isinstance(inner, list):
            rows += [f"{indent}{key}:", *(f"{indent}  - {each}" for each in inner)]
        else:
            rows.append(f"{indent}{key}: {inner}")
    return rows
