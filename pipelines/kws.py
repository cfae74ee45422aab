"""The `kws` command: every stage under one roof. A command's module is imported only when it is run."""

from __future__ import annotations

import importlib
import sys

import typer

# command -> one line of help; each is `command`, or a `group` of them, in the module of its name
COMMANDS = {
    "build": "Build a whole recipe: from clips to C code.",
    "prepare": "Read, check and split the clips of a recipe.",
    "train": "Train the dense float model of a recipe.",
    "compress": "Make weights zero and the network ready for int8.",
    "convert": "Convert a recipe's model to .tflite files.",
    "evaluate": "Accuracy of a .tflite on a data set.",
    "benchmark": "Desktop latency of a .tflite.",
    "inspect": "What a .tflite holds.",
    "export": "A .tflite as C code for a firmware.",
    "omni": "Omni-sparsity: train once, search the best sub-network for a board, or make a menu of them.",
    "search": "Search the cells of an MBConv network under a budget; the result is a recipe.",
    "compare": "Compare variants of a recipe at several sparsities and seeds.",
    "sweep": "Many trials of a recipe on Ray Tune, here or on a cluster, the worst stopped early.",
    "det": "False accepts an hour against false rejects on long streams, and the threshold for a target.",
    "stream": "The keywords in a sound file, as the firmware would decide.",
    "listen": "The keywords a microphone hears, live.",
    "report": "A finished build as one HTML page, and a model card.",
    "choose": "Of the models built, the best that fits a board and a latency.",
    "emulate": "Run a .tflite on an emulated board: instructions, flash, RAM, every byte compared.",
}

app = typer.Typer(
    name="kws",
    help="Sparse, quantised keyword spotting from clips to Cortex-M firmware.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def _group() -> None:
    """Keep `kws COMMAND` a group even when only one command is registered."""


def _register(names: list[str]) -> None:
    for name in names:
        module = importlib.import_module(f"pipelines.{name}")
        if hasattr(module, "group"):
            app.add_typer(module.group, name=name, help=COMMANDS[name])
        else:
            app.command(name, help=COMMANDS[name])(module.command)


def main() -> None:
    """Entry point: with a command's name given, only its module is loaded, so that `kws inspect` starts fast."""
    asked = next((argument for argument in sys.argv[1:] if not argument.startswith("-")), None)
    _register([asked] if asked in COMMANDS else list(COMMANDS))
    app()


if __name__ == "__main__":
    main()
