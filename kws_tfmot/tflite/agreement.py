"""How far two interpreters agree on a model, and which operator is the first to differ.

Seen on int8 models (tests repeat it on single operators, x86-64):

- CONV_2D, FULLY_CONNECTED and, in LiteRT 2.3, DEPTHWISE_CONV_2D: the builtin kernels round ties up where TFLM rounds
  them away from zero; it shows on negative results that no activation clamps, about one in a thousand
  (:mod:`kws_tfmot.tflite.rewrite` avoids it for the logits).
- FULLY_CONNECTED: LiteRT's reference kernel rounds in float (since TensorFlow 2.20), and so does XNNPACK.
- SOFTMAX: a float table in the builtin kernels, fixed point in TFLM and the reference kernels; about 1 byte in 50,000.
- MEAN, pooling, ADD, SUB, MUL, LOGISTIC and QUANTIZE: identical in all but XNNPACK.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kws_tfmot.errors import ModelError
from kws_tfmot.tflite.document import read_source
from kws_tfmot.tflite.edit import cut
from kws_tfmot.tflite.interpreter import Interpreter, open_interpreter


@dataclass(frozen=True)
class Agreement:
    """Outcome of :func:`compare`.

    Attributes:
        interpreters: Names of the two, with versions.
        samples: Number of samples run.
        differing_samples: Those with at least one differing output value.
        values: Output values in all.
        differing_values: Those that differ (one byte each in an int8 model).
        max_difference: Largest absolute difference, in LSB for integer outputs.
        differing_argmax: Samples whose largest output is another one.
        first_operators: ``{"FULLY_CONNECTED #10": 3}``: how often an operator was the first whose output differs.
        traced: Differing samples that were looked into for ``first_operators``.
    """

    interpreters: tuple[str, str]
    samples: int
    differing_samples: int
    values: int
    differing_values: int
    max_difference: float
    differing_argmax: int
    first_operators: dict[str, int]
    traced: int

    @property
    def identical(self) -> bool:
        """Whether every output byte was equal."""
        return self.differing_values == 0


def compare(
    model: str | Path | bytes,
    inputs: np.ndarray,
    kinds: tuple[str, str] = ("tflm", "builtin"),
    *,
    max_traced: int = 100,
) -> Agreement:
    """Run ``inputs[N, ...]`` through two interpreters and compare every output.

    Args:
        model: Path or bytes of a ``.tflite``.
        inputs: Samples in the model's own input type.
        kinds: Two of :data:`kws_tfmot.tflite.interpreter.KINDS`.
        max_traced: At most so many differing samples are traced to an operator.

    Raises:
        ModelError: If there is no sample, or an interpreter refuses the model or the inputs.
    """
    if not len(inputs):
        raise ModelError("expected at least one sample to compare interpreters on. Received: none.")
    data = read_source(model)
    first, second = (open_interpreter(data, kind) for kind in kinds)
    return compare_outputs(data, inputs, (first, second), (first.run(inputs), second.run(inputs)), max_traced)


def compare_outputs(
    model: bytes,
    inputs: np.ndarray,
    interpreters: tuple[Interpreter, Interpreter],
    outputs: tuple[np.ndarray, np.ndarray],
    max_traced: int = 100,
) -> Agreement:
    """:func:`compare` for outputs that were computed already."""
    one, other = (array.reshape(len(inputs), -1) for array in outputs)
    difference = np.abs(one.astype(np.float64) - other.astype(np.float64))
    differing = np.flatnonzero((one != other).any(axis=1))
    tracers = [_Tracer(model, interpreter) for interpreter in interpreters]
    found = Counter(_first_operator(tracers, inputs[number]) for number in differing[:max_traced])
    return Agreement(
        interpreters=(interpreters[0].name, interpreters[1].name),
        samples=len(inputs),
        differing_samples=len(differing),
        values=one.size,
        differing_values=int((one != other).sum()),
        max_difference=float(difference.max()),
        differing_argmax=int((one.argmax(axis=1) != other.argmax(axis=1)).sum()),
        first_operators=dict(sorted(found.items())),
        traced=min(len(differing), max_traced),
    )


class _Tracer:
    """Output of every operator for a sample; where an interpreter keeps none, by cutting the model behind each."""

    def __init__(self, model: bytes, interpreter: Interpreter) -> None:
        self._model = model
        self.interpreter = interpreter
        self._cut: dict[int, Interpreter] = {}

    def outputs(self, sample: np.ndarray) -> dict[int, np.ndarray]:
        """Every operator's outputs for one sample, by tensor."""
        if self.interpreter.kind != "xnnpack":
            return self.interpreter.intermediates(sample)
        written = [index for operator in self.interpreter.graph.operators for index in operator.outputs]
        return {index: self._opened(index).run(sample[None]) for index in written}

    def _opened(self, index: int) -> Interpreter:
        if index not in self._cut:
            self._cut[index] = open_interpreter(cut(self._model, [index]), self.interpreter.kind)
        return self._cut[index]


def _first_operator(tracers: list[_Tracer], sample: np.ndarray) -> str:
    one, other = (tracer.outputs(sample) for tracer in tracers)
    for operator in tracers[0].interpreter.graph.operators:
        if any(one[index].tobytes() != other[index].tobytes() for index in operator.outputs):
            return f"{operator.code} #{operator.index}"
    return "none when run step by step"
