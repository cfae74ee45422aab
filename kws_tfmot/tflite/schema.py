"""The TFLite schema as data: which fields a table has, where they are and of what type they are.

The PyPI package ``tflite`` holds one generated accessor class a table. Calling each accessor once on a probe that
answers every question and notes what was asked yields slot, type and default of every field, so that reading and
writing need no schema of their own (schema: tensorflow/lite/schema/schema.fbs, as of the package's version).
"""

from __future__ import annotations

import enum
import functools
import importlib
import re
from dataclasses import dataclass
from typing import Any


class Kind(enum.Enum):
    """What a field holds."""

    SCALAR = "scalar"
    STRING = "string"
    TABLE = "table"
    UNION = "union"
    SCALARS = "vector of scalars"
    STRINGS = "vector of strings"
    TABLES = "vector of tables"


@dataclass(frozen=True)
class Field:
    """One field of a table: ``slot`` is its byte position in the vtable, ``flags`` the flatbuffers number type."""

    name: str
    slot: int
    kind: Kind
    flags: Any = None
    default: Any = None
    table: str = ""

    @property
    def width(self) -> int:
        """Bytes the field takes inside its table (references take 4)."""
        return self.flags.bytewidth if self.kind is Kind.SCALAR else 4


# The enumeration that names the type of a union field, by the field's name.
UNION_TYPES = {
    "builtin_options": "BuiltinOptions",
    "builtin_options_2": "BuiltinOptions2",
    "details": "QuantizationDetails",
    "array_segments": "SparseIndexVector",
    "array_indices": "SparseIndexVector",
}

# The enumeration behind an integer field of the builtin options, by the field's name.
OPTION_ENUMS = {
    "padding": "Padding",
    "fused_activation_function": "ActivationFunctionType",
    "weights_format": "FullyConnectedOptionsWeightsFormat",
    "quantized_bias_type": "TensorType",
    "in_data_type": "TensorType",
    "out_data_type": "TensorType",
    "output_type": "TensorType",
    "out_type": "TensorType",
    "idx_out_type": "TensorType",
    "key_dtype": "TensorType",
    "value_dtype": "TensorType",
    "mode": "MirrorPadMode",
    "kernel_type": "LSTMKernelType",
    "combiner": "CombinerType",
    "type": "LSHProjectionType",
}


def snake_case(name: str) -> str:
    """Name of a generated accessor as it is in the schema.

    >>> snake_case("DilationWFactor"), snake_case("BuiltinOptions2Type")
    ('dilation_w_factor', 'builtin_options_2_type')
    """
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=Options)(?=2)", "_", name)
    return spaced.lower()


@functools.cache
def enum_names(enumeration: str) -> dict[int, str]:
    """Names of an enumeration's values, by value.

    >>> enum_names("Padding")
    {0: 'SAME', 1: 'VALID'}
    """
    cls = getattr(importlib.import_module(f"tflite.{enumeration}"), enumeration)
    return {value: name for name, value in vars(cls).items() if isinstance(value, int)}


@functools.cache
def enum_values(enumeration: str) -> dict[str, int]:
    """Values of an enumeration, by name.

    >>> enum_values("Padding")["VALID"]
    1
    """
    return {name: value for value, name in enum_names(enumeration).items()}


@functools.cache
def table_fields(table: str) -> tuple[Field, ...]:
    """Fields of the table class ``table``, in schema order.

    >>> [field.name for field in table_fields("Metadata")]
    ['name', 'buffer']
    """
    cls = getattr(importlib.import_module(f"tflite.{table}"), table)
    methods = [name for name, value in vars(cls).items() if callable(value) and not name.startswith("_")]
    helpers = {f"{name}{suffix}" for name in methods for suffix in ("AsNumpy", "Length", "IsNone")}
    boring = {"Init", "GetRootAs", f"GetRootAs{table}", f"{table}BufferHasIdentifier"}
    return tuple(_probe_field(cls, name) for name in methods if name not in helpers | boring)


def _probe_field(cls: Any, accessor: str) -> Field:
    """Find slot, type and default of one field by calling its accessor on a probe, present and absent."""
    instance = cls()
    arguments = (0,) * (vars(cls)[accessor].__code__.co_argcount - 1)
    instance._tab = absent = _Probe(present=False)
    default = getattr(instance, accessor)(*arguments)
    instance._tab = probe = _Probe(present=True)
    result = getattr(instance, accessor)(*arguments)
    table = type(result).__name__ if probe.seen & {"indirect"} else ""
    kind = {
        frozenset({"number"}): Kind.SCALAR,
        frozenset({"string"}): Kind.STRING,
        frozenset({"indirect"}): Kind.TABLE,
        frozenset({"union"}): Kind.UNION,
        frozenset({"vector", "number"}): Kind.SCALARS,
        frozenset({"vector", "string"}): Kind.STRINGS,
        frozenset({"vector", "indirect"}): Kind.TABLES,
    }[frozenset(probe.seen)]
    return Field(snake_case(accessor), absent.slot, kind, probe.flags, default, table)


class _Probe:
    """Stands in for ``flatbuffers.table.Table`` and notes how an accessor reads its field."""

    Bytes = bytes(16)
    Pos = 0

    def __init__(self, present: bool) -> None:
        self._present = present
        self.slot = 0
        self.seen: set[str] = set()
        self.flags: Any = None

    def Offset(self, slot: int) -> int:
        self.slot = self.slot or slot  # the first: an accessor may fall back on another field
        return 4 if self._present else 0

    def Get(self, flags: Any, _position: int) -> Any:
        self.seen.add("number")
        self.flags = self.flags or flags
        return flags.py_type(0)

    def String(self, _position: int) -> bytes:
        self.seen.add("string")
        return b""

    def Indirect(self, _position: int) -> int:
        self.seen.add("indirect")
        return 0

    def Vector(self, _offset: int) -> int:
        self.seen.add("vector")
        return 0

    def Union(self, _table: Any, _offset: int) -> None:
        self.seen.add("union")
