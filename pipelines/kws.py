"""The `kws` command: every stage under one roof. A command's module is imported only when it is run."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Annotated

import typer

from kws_tfmot import __version__
from pipelines.interrupted import leave

# command -> one line of help; each is `command`, or a `group` of them, in the module of its name
COMMANDS = {
    "recipes": "The recipes that ship, and what each key of a recipe means.",
    "zoo": "The models that ship: small, int8, measured on people.",
    "build": "Build a whole recipe: from clips to C code.",
    "prepare": "Read, check and split the clips of a recipe.",
    "train": "Train the dense float model of a recipe.",
    "compress": "Make weights zero and the network ready for int8.",
    "convert": "Convert a recipe's model to .tflite files.",
    "evaluate": "Accuracy of a .tflite on a data set.",
    "benchmark": "Desktop latency of a .tflite.",
    "inspect": "What a .tflite holds.",
    "adapt": "Give a .tflite from elsewhere the front end and labels it needs.",
    "export": "A .tflite as C code for a firmware.",
    "omni": "Omni-sparsity: train once, search the best sub-network for a board, or make a set of them.",
    "search": "Search the cells of an MBConv network under a budget; the result is a recipe.",
    "compare": "Compare variants of a recipe at several sparsities and seeds.",
    "sweep": "Many trials of a recipe on Ray Tune, here or on a cluster, the worst stopped early.",
    "det": "False accepts an hour against false rejects on long streams, and the threshold for a target.",
    "stream": "The keywords in a sound file, as the firmware would decide.",
    "listen": "The keywords a microphone hears, live.",
    "report": "A finished build as one HTML page, and a model card.",
    "demo": "A model as one web page that listens.",
    "choose": "Of the models built, the best that fits a board and a latency.",
    "cache": "What is kept on disk between runs; clear or bound it.",
    "bench": "Cycles on your own board: C source that measures itself, and its log read back.",
    "emulate": "Run a .tflite on an emulated board: instructions, cycles, flash, RAM, every byte compared.",
}

HELP_OPTIONS = {"help_option_names": ["-h", "--help"]}
app = typer.Typer(
    name="kws",
    help="Sparse, quantised keyword spotting from clips to Cortex-M firmware.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings=HELP_OPTIONS,
)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"kws-tfmot {__version__}")
        raise typer.Exit


@app.callback()
def _group(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Keep `kws COMMAND` a group even when only one command is registered."""


def _register(name: str) -> None:
    module = importlib.import_module(f"pipelines.{name}")
    if hasattr(module, "group"):
        app.add_typer(module.group, name=name, help=COMMANDS[name])
    else:
        app.command(name, help=COMMANDS[name], context_settings=HELP_OPTIONS)(module.command)


def _name_only(name: str) -> None:
    """Let the help list ``name`` without loading its module."""
    app.command(name, help=COMMANDS[name])(lambda: None)


def main() -> None:
    """Entry point: only the module of the command that is called is loaded, so that help and small ones start fast."""
    try:
        typed = sys.argv[1:] or os.environ.get("_TYPER_COMPLETE_ARGS", "").split()[1:]  # the shell's completion
        asked = next((argument for argument in typed if not argument.startswith("-")), None)
        for name in COMMANDS:
            (_register if name == asked else _name_only)(name)
        app()
    except KeyboardInterrupt:  # while modules were still loading
        leave()


if __name__ == "__main__":
    main()
