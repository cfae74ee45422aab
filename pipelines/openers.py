"""Which interpreter a command over streams opens a model with."""

from __future__ import annotations

import functools
from typing import Annotated

import typer

from firmware_export.emulation.host import EngineInterpreter
from kws_tfmot.evaluation.streaming.spotter import Opener
from kws_tfmot.tflite.interpreter import KINDS, open_interpreter

InterpreterOption = Annotated[
    str,
    typer.Option(help=f"engine: the C that is flashed, built for this computer and fast; or {', '.join(KINDS)}."),
]


def opener_of(interpreter: str) -> Opener:
    """A function that opens a model: the device engine for ``engine``, else one of :data:`KINDS`."""
    return EngineInterpreter if interpreter == "engine" else functools.partial(open_interpreter, kind=interpreter)
