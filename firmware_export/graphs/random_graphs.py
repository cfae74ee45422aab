"""Random small int8 models of every operator the engine has, for tests that compare it with the reference kernels."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from firmware_export.graphs.graph_writer import GraphWriter
from firmware_export.operators import conv_2d, fully_connected, softmax
from firmware_export.operators.registry import operators
from firmware_export.operators.shared.random_model import Chooser, RandomModel

T = TypeVar("T")


class SeededChooser:
    """Decisions of a seeded generator.

    >>> SeededChooser(1).pick("abc") in "abc"
    True
    """

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def integer(self, low: int, high: int) -> int:
        """A number from ``low`` to ``high``, both possible."""
        return int(self._rng.integers(low, high, endpoint=True))

    def pick(self, options: Sequence[T]) -> T:
        """One of the options."""
        return options[self.integer(0, len(options) - 1)]


@functools.cache
def body() -> tuple[Callable[[RandomModel], None], ...]:
    """What may be in the middle of a model: the samples of every operator."""
    return tuple(sample for registration in operators().values() for sample in registration.samples)


def _head(m: RandomModel) -> None:
    """Flatten, one or two fully connected layers, softmax."""
    source, size = m.last, int(np.prod(m.shape))
    constant = m.writer.constant(np.array([1, size], np.int32))
    m.writer.operator("RESHAPE", [source, constant], [m.same((1, size))], new_shape=np.array([1, size], np.int32))
    for _ in range(m.choose.integer(1, 2)):
        fully_connected.sample(m)
    if m.choose.pick((True, False)):
        softmax.sample(m)


def random_model(choose: Chooser, most_layers: int = 5) -> bytes:
    """A random model with one input and one output.

    Args:
        choose: Where decisions come from.
        most_layers: How many operators of :func:`body` it has at most.
    """
    m = RandomModel(choose, GraphWriter())
    height, width, channels = choose.integer(1, 13), choose.integer(1, 9), choose.integer(1, 9)
    scale = choose.pick((0.05, 0.003, 0.9))
    dtype = choose.pick(("int8", "int8", "int8", "uint8", "float32"))
    shape = (1, height, width, channels)
    first = _entry(m, dtype, shape, scale)
    for _ in range(choose.integer(1, most_layers)):
        if m.shape[1] * m.shape[2] * m.shape[3] > 6000:
            break
        choose.pick(body())(m)
    if choose.pick((True, True, False)):
        _head(m)
    if m.last == first:
        conv_2d.pointwise(m)
    last = m.last
    if choose.pick((False, False, False, True)):
        last = m.writer.tensor(m.shape, "float32")
        m.writer.operator("DEQUANTIZE", [m.last], [last])
    return m.writer.finish([first], [last])


def _entry(m: RandomModel, dtype: str, shape: tuple[int, ...], scale: float) -> int:
    if dtype == "int8":
        return m.activation(shape, scale, m.zero_point())
    if dtype == "uint8":
        first = m.writer.activation(shape, scale, 128, "uint8")
        m.writer.operator("QUANTIZE", [first], [m.activation(shape, scale, 0)])
        return first
    first = m.writer.tensor(shape, "float32")
    m.writer.operator("QUANTIZE", [first], [m.activation(shape, 1 / 127, m.zero_point())])
    return first
