"""Whether every zero of a Keras kernel is a zero of the converted int8 weights, place by place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]
Element = TypeVar("Element", bound=np.generic)


@dataclass(frozen=True)
class Survival:
    """What became of one layer's zeros. ``operator`` is -1 where no weights of the file can be the layer's."""

    layer: str
    weights: int
    keras_zeros: int
    operator: int = -1
    zeros: int = 0

    @property
    def lost(self) -> bool:
        """Whether some zero of training is no zero in the file."""
        return self.operator < 0


def as_tflite(kernel: npt.NDArray[Element], depthwise: bool) -> npt.NDArray[Element]:
    """A Keras kernel, or its mask, in TFLite's order: HWIO -> OHWI, depthwise HWCM -> 1HW(CM), [in, out] -> [out, in].

    >>> as_tflite(np.zeros((10, 4, 1, 64), bool), False).shape, as_tflite(np.zeros((3, 3, 8, 2), bool), True).shape
    ((64, 10, 4, 1), (1, 3, 3, 16))
    """
    if depthwise:
        return kernel.reshape(1, *kernel.shape[:2], -1)
    return np.moveaxis(kernel, -1, 0)


def match_zeros(layers: Mapping[str, Mask], file: Sequence[tuple[int, Mask]]) -> list[Survival]:
    """Find for every layer the int8 weights of the file that hold all its zeros.

    Names do not survive every conversion, but the pattern of a pruned kernel's zeros does, and is its own. Layers are
    taken from the most zeros to the fewest, so that a dense layer cannot take what belongs to a pruned one.

    Args:
        layers: For each layer where its kernel is zero, in TFLite's order of dimensions.
        file: (operator, where its weights are zero) of everything in the file that has weights.

    Returns:
        One row a layer, in the order of ``layers``.

    >>> a, b = np.array([[True, False]]), np.array([[False, True]])
    >>> [(row.layer, row.operator) for row in match_zeros({"a": a, "b": b}, [(0, b), (1, a)])]
    [('a', 1), ('b', 0)]
    >>> match_zeros({"a": a}, [(0, b)])[0].lost
    True
    """
    free = list(file)
    rows: dict[str, Survival] = {}
    for name, mask in sorted(layers.items(), key=lambda item: -int(item[1].sum())):
        row = Survival(name, int(mask.size), int(mask.sum()))
        for place, (operator, zeros) in enumerate(free):
            if zeros.shape == mask.shape and np.all(zeros[mask]):
                row = Survival(name, row.weights, row.keras_zeros, operator, int(zeros.sum()))
                del free[place]
                break
        rows[name] = row
    return [rows[name] for name in layers]
