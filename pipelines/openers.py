"""Which interpreter a command over streams opens a model with."""

from __future__ import annotations

import functools
from typing import Annotated

import numpy as np
import typer

from firmware_export.emulation.host import EngineInterpreter
from firmware_export.emulation.steps import StepInterpreter, open_engine
from kws_tfmot.errors import RecipeError
from kws_tfmot.evaluation.model_accuracy import Runnable
from kws_tfmot.evaluation.streaming.spotter import Opener
from kws_tfmot.tflite.interpreter import KINDS, open_interpreter
from kws_tfmot.tflite.reader import read_model
from pipelines.options import check_hop

FAST = "fast"
_COMPARED = 32

InterpreterOption = Annotated[
    str,
    typer.Option(
        help="engine: the C that is flashed, exact, 4 to 8 times the time of xnnpack; fast: builtin, once its bytes "
        f"have been the engine's on the first windows, else the engine; or {', '.join(KINDS)}."
    ),
]


def opener_of(interpreter: str, stream: bool = False, hop: int | None = None) -> Opener:
    """A function that opens a model: the device engine for ``engine``, :class:`Fast` or one of :data:`KINDS`.

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
        return open_fast
    return open_engine if interpreter == "engine" else functools.partial(open_interpreter, kind=interpreter)


def open_fast(model: bytes) -> Runnable:
    """:class:`Fast`, or TFLM's interpreter for a model with state."""
    return open_interpreter(model, "tflm") if read_model(model).stateful else Fast(model)


class Fast:
    """LiteRT's builtin kernels where they give the engine's bytes on the first windows of the sound, else the engine.

    Attributes:
        name: Which of the two it is, and on how many windows they were compared.
    """

    def __init__(self, model: bytes) -> None:
        self._engine = EngineInterpreter(model)
        self._builtin = open_interpreter(model, "builtin")
        self._chosen: Runnable | None = None
        self._compared = 0
        self.name = self._engine.name

    def run(self, batch: np.ndarray) -> np.ndarray:
        """Outputs [N, ...] of inputs [N, ...]."""
        if self._chosen is None and len(batch):
            self._compare(batch[: _COMPARED - self._compared])
        return (self._chosen or self._builtin).run(batch)

    def _compare(self, batch: np.ndarray) -> None:
        exact, quick = self._engine.run(batch), self._builtin.run(batch)
        if exact.tobytes() != quick.tobytes():
            self._chosen, self.name = self._engine, f"{self._engine.name}; builtin kernels differ from it"
            return
        self._compared += len(batch)
        self.name = f"{self._builtin.name}, the engine's bytes on {self._compared} windows"
        if self._compared >= _COMPARED:
            self._chosen = self._builtin
