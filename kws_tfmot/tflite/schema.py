"""The TFLite schema: the object API that FlatBuffers' compiler generated for the pinned LiteRT package.

LiteRT ships it as one module that needs ``flatbuffers`` alone: a reader (``Model``, ``Tensor``, ...) and an editable
object (``ModelT``, ``TensorT``, ...) for each table, and the enumerations. Its readers believe the file, and its
packers write equal parts again and again and do not align buffers. So it is loaded once more here, for this package
alone, with readers on :class:`~kws_tfmot.tflite.checked_table.CheckedTable` and packers that tell
:class:`~kws_tfmot.tflite.sharing_builder.SharingBuilder` what they pack. The package itself is not imported: that would
load its native library.
"""

from __future__ import annotations

import functools
import importlib.util
import re
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any

import flatbuffers

from kws_tfmot.errors import ModelError
from kws_tfmot.tflite.checked_table import CheckedTable

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


def _load() -> Any:
    package = importlib.util.find_spec("ai_edge_litert")
    if package is None or not package.submodule_search_locations:
        raise ModelError("the package ai-edge-litert is missing.", "Install what requirements.txt names: make setup.")
    path = Path(package.submodule_search_locations[0]) / "schema_py_generated.py"
    spec = importlib.util.spec_from_file_location(f"{__name__}.generated", path)
    if spec is None or spec.loader is None:
        raise ModelError(f"the package ai-edge-litert has no {path.name}.", "Install the version of requirements.txt.")
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    checked = types.SimpleNamespace(Table=CheckedTable)
    module.flatbuffers = types.SimpleNamespace(**vars(flatbuffers) | {"table": checked})
    for name, cls in vars(module).items():
        if hasattr(cls, "Pack"):
            cls.Pack = _named(name, cls)
    return module


def _named(name: str, cls: Any) -> Any:
    """The packer of a table, which says what it packs and refuses attributes that the schema does not have."""
    known, pack = set(vars(cls())), cls.Pack

    def packed(self: Any, builder: Any) -> int:
        """Write the object as a table; ``ModelError`` for an attribute that the schema does not have."""
        unknown = sorted(set(vars(self)) - known)
        if unknown:
            raise ModelError(f"the table {name[:-1]} has no fields {unknown}. Allowed: {sorted(known)}.")
        return int(builder.table(name, functools.partial(pack, self)))

    return packed


if TYPE_CHECKING:
    from ai_edge_litert import schema_py_generated as generated
else:
    generated = _load()

BufferT = generated.BufferT
DimensionMetadataT = generated.DimensionMetadataT
Int32VectorT = generated.Int32VectorT
MetadataT = generated.MetadataT
ModelT = generated.ModelT
OperatorCodeT = generated.OperatorCodeT
OperatorT = generated.OperatorT
QuantizationParametersT = generated.QuantizationParametersT
SparsityParametersT = generated.SparsityParametersT
SubGraphT = generated.SubGraphT
TensorT = generated.TensorT
Uint8VectorT = generated.Uint8VectorT


@functools.cache
def snake_case(name: str) -> str:
    """Name of a generated attribute as it is in the schema.

    >>> snake_case("dilationWFactor"), snake_case("builtinOptions2Type")
    ('dilation_w_factor', 'builtin_options_2_type')
    """
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=Options)(?=2)", "_", name)
    return spaced.lower()


def camel_case(name: str) -> str:
    """Name of a field of the schema as the generated attribute has it.

    >>> camel_case("dilation_w_factor"), camel_case("stride_w")
    ('dilationWFactor', 'strideW')
    """
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


@functools.cache
def enum_names(enumeration: str) -> dict[int, str]:
    """Names of an enumeration's values, by value.

    >>> enum_names("Padding")
    {0: 'SAME', 1: 'VALID'}
    """
    cls = getattr(generated, enumeration)
    return {value: name for name, value in vars(cls).items() if isinstance(value, int)}


@functools.cache
def enum_values(enumeration: str) -> dict[str, int]:
    """Values of an enumeration, by name.

    >>> enum_values("Padding")["VALID"]
    1
    """
    return {name: value for value, name in enum_names(enumeration).items()}


def make_options(table: str, **values: Any) -> Any:
    """Builtin options of the table ``table``, its fields by their names in the schema.

    >>> make_options("Conv2DOptions", stride_w=2).strideW
    2

    Raises:
        ModelError: If the table has no such field.
    """
    options = getattr(generated, f"{table}T")()
    for name, value in values.items():
        if not hasattr(options, camel_case(name)):
            raise ModelError(f"the table {table} has no field {name!r}. Allowed: {sorted(vars(options))}.")
        setattr(options, camel_case(name), value)
    return options
