"""Writing small int8 ``.tflite`` files operator by operator, without a training framework.

The benchmark and the tests need models with chosen shapes, zero points, dilations and sparsities; this writes them
through the same model that the reader uses.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from firmware_export.operators.registry import operators
from kws_tfmot.tflite.document import pack
from kws_tfmot.tflite.edit import add_buffer, add_tensor, new_operator, new_quantization
from kws_tfmot.tflite.operator_options import EXPECTED_OPTIONS
from kws_tfmot.tflite.schema import BufferT, ModelT, SubGraphT, TensorT, enum_values

_ENUMS = {"padding": "Padding", "fused_activation_function": "ActivationFunctionType"}


class GraphWriter:
    """A model under construction. Tensors are referred to by index.

    >>> writer = GraphWriter()
    >>> x = writer.activation((1, 4), 0.5, 0)
    >>> y = writer.activation((1, 4), 1 / 256, -128)
    >>> writer.operator("SOFTMAX", [x], [y], beta=1.0)
    >>> len(writer.finish([x], [y])) > 100
    True
    """

    def __init__(self) -> None:
        self.root = ModelT(3, [], [SubGraphT([], [], [], [])], b"", [BufferT()])

    def tensor(
        self,
        shape: tuple[int, ...],
        dtype: str,
        data: np.ndarray | None = None,
        scales: np.ndarray | None = None,
        zero_points: np.ndarray | None = None,
        axis: int = 0,
    ) -> int:
        """Add a tensor of any type; constant where ``data`` is given."""
        number = len(self.root.subgraphs[0].tensors)
        buffer = 0 if data is None else add_buffer(self.root, np.ascontiguousarray(data).tobytes())
        kind = enum_values("TensorType")[dtype.upper()]
        tensor = TensorT(np.array(shape, np.int32), kind, buffer, f"t{number}".encode())
        if scales is not None:
            points = zero_points if zero_points is not None else np.zeros(len(scales))
            tensor.quantization = new_quantization(scales, points, axis)
        return add_tensor(self.root, tensor)

    def activation(self, shape: tuple[int, ...], scale: float, zero_point: int, dtype: str = "int8") -> int:
        """Add an activation."""
        return self.tensor(shape, dtype, None, np.array([scale]), np.array([zero_point]))

    def constant(self, data: np.ndarray, scale: float | None = None, zero_point: int = 0) -> int:
        """Add a constant of ``data``'s type, quantised where ``scale`` is given."""
        scales = None if scale is None else np.array([scale])
        return self.tensor(data.shape, str(data.dtype), data, scales, np.array([zero_point]))

    def weights(self, data: np.ndarray, scales: np.ndarray, axis: int) -> int:
        """Add int8 weights with one scale or one for each slice along ``axis``."""
        return self.tensor(data.shape, "int8", data.astype(np.int8), scales, None, axis)

    def biases(self, data: np.ndarray, scales: np.ndarray) -> int:
        """Add int32 biases."""
        return self.tensor(data.shape, "int32", data.astype(np.int32), scales)

    def handle(self, name: str) -> int:
        """Add a VAR_HANDLE of the variable ``name``."""
        handle = self.tensor((), "resource")
        self.operator("VAR_HANDLE", [], [handle], container=b"", shared_name=name.encode())
        return handle

    def initial(self, name: str, data: np.ndarray, scale: float, zero_point: int) -> None:
        """Let an initialiser subgraph set the variable ``name`` before the first inference."""
        graphs = self.root.subgraphs
        if len(graphs) == 1:
            self.operator("CALL_ONCE", [], [], init_subgraph_index=1)
            graphs.append(SubGraphT([], [], [], []))
        graphs.reverse()  # what follows goes into the other one
        handle = self.handle(name)
        self.operator("ASSIGN_VARIABLE", [handle, self.constant(data, scale, zero_point)], [])
        graphs.reverse()

    def operator(self, code: str, inputs: list[int], outputs: list[int], **options: Any) -> None:
        """Add an operator; enumerations of the options are given as strings."""
        known = operators().get(code)
        table = known.options if known is not None else EXPECTED_OPTIONS.get(code)
        given = options if table else {}
        values: dict[str, Any] = {k: enum_values(_ENUMS[k])[v] if k in _ENUMS else v for k, v in given.items()}
        entry = new_operator(self.root, code, inputs, outputs, table or None, **values)
        self.root.subgraphs[0].operators.append(entry)

    def finish(self, inputs: list[int], outputs: list[int]) -> bytes:
        """The flatbuffer."""
        subgraph = self.root.subgraphs[0]
        subgraph.inputs = np.array(inputs, np.int32)
        subgraph.outputs = np.array(outputs, np.int32)
        return pack(self.root)
