"""Which interpreter a command over streams opens a model with."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from firmware_export.emulation.fast import open_fast
from firmware_export.emulation.steps import StepInterpreter, open_engine
from kws_tfmot.errors import RecipeError, ToolchainError
from kws_tfmot.evaluation.streaming.spotter import Opener
from kws_tfmot.tflite.interpreter import KINDS, open_interpreter
from pipelines.options import check_hop

FAST = "fast"

InterpreterOption = Annotated[
    str,
    typer.Option(
        help="engine: the C that is flashed, exact, 4 to 8 times the time of xnnpack; fast: builtin, once its bytes "
        f"have been the engine's on the first windows, else the engine; or {', '.join(KINDS)}."
    ),
]


def opener_of(interpreter: str, stream: bool = False, hop: int | None = None) -> Opener:
    """A function that opens a model: the device engine for ``engine``, ``fast`` or one of :data:`KINDS`.

    Args:
        interpreter: Which.
        stream: Let the engine compute each row of time once, step by step.
        hop: Rows a step takes; the least possible by default.

    Raises:
        RecipeError: For steps of another interpreter, or a hop without steps.
    """
    check_hop(stream, hop)
    if stream:
        if interpreter != "engine":
            raise RecipeError(
                f"--stream steps the device engine. Received: --interpreter {interpreter}",
                "Leave --interpreter out, or --stream: whole windows decide alike in every interpreter.",
            )
        return functools.partial(StepInterpreter, hop=hop)
    if interpreter == FAST:
        return functools.partial(_compiled, open_fast)
    if interpreter == "engine":
        return functools.partial(_compiled, open_engine)
    return functools.partial(open_interpreter, kind=interpreter)


def _compiled(opened: Callable[[Any], Any], model: str | Path | bytes) -> Any:
    """What ``opened`` opens; without a compiler other interpreters are the way out."""
    try:
        return opened(model)
    except ToolchainError as error:
        raise ToolchainError(
            error.message, f"{error.hint} Or give --interpreter tflm (or builtin), which needs none."
        ) from None
