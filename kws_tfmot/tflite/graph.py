"""A TFLite model as immutable Python values: what the reader returns and everything else consumes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Quantization:
    """Affine quantisation of a tensor: ``real = scale * (q - zero_point)``.

    ``scales`` and ``zero_points`` have one entry (per tensor) or one per slice along ``axis`` (per channel).
    """

    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int = 0

    @property
    def per_channel(self) -> bool:
        """Whether there is more than one scale."""
        return len(self.scales) > 1


@dataclass(frozen=True)
class Tensor:
    """One tensor. ``data`` is ``None`` for activations; batch -1 in a signature is given as 1 in ``shape``."""

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: str  # "int8", "int16", "int32", "int64", "uint8", "float32", "bool", "int4", ...
    data: np.ndarray | None = None
    quantization: Quantization | None = None
    sparse: bool = False
    is_variable: bool = False


@dataclass(frozen=True)
class Operator:
    """One operator. ``inputs`` holds tensor indices, -1 for an optional input that is absent.

    ``options`` are the builtin options under their schema names in snake_case, enumerations as strings
    (``{"padding": "SAME", "stride_w": 1, "fused_activation_function": "RELU"}``).
    """

    index: int
    code: str  # "CONV_2D", ... ; for a custom operator its own name
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: dict[str, Any] = field(default_factory=dict)
    version: int = 1
    custom: bool = False
    intermediates: tuple[int, ...] = ()  # tensors that hold quantisation alone, as of an LSTM's gates


@dataclass(frozen=True)
class Variable:
    """A resource variable: a tensor that keeps its value from one inference to the next.

    ``initial`` is what the initialiser subgraph assigns, ``None`` without one: then it starts at its zero point.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: str
    quantization: Quantization | None
    initial: np.ndarray | None = None


@dataclass(frozen=True)
class Graph:
    """What a model computes at each inference, its operators in execution order.

    ``variables`` are kept from one inference to the next; ``handles`` says which of them a handle's tensor names.
    """

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    metadata: dict[str, bytes] = field(default_factory=dict)
    description: str = ""
    size: int = 0  # bytes of the file it was read from
    variables: tuple[Variable, ...] = ()
    handles: dict[int, int] = field(default_factory=dict)  # tensor -> index of its variable

    @property
    def stateful(self) -> bool:
        """Whether an inference depends on those before it."""
        return bool(self.variables) or any(tensor.is_variable for tensor in self.tensors)

    def tensor(self, index: int) -> Tensor:
        """The tensor at ``index``."""
        return self.tensors[index]
