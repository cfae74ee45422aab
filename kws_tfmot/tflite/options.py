"""Builtin options of an operator as a dictionary with names instead of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from kws_tfmot.errors import ModelError
from kws_tfmot.tflite.document import Table
from kws_tfmot.tflite.schema import OPTION_ENUMS, Field, Kind, enum_names, table_fields

MAX_OPTION_ENTRIES = 4096

# The options an operator must carry; other operators are decoded by what the file says.
EXPECTED_OPTIONS = {
    "ADD": "AddOptions",
    "AVERAGE_POOL_2D": "Pool2DOptions",
    "CALL_ONCE": "CallOnceOptions",
    "CONCATENATION": "ConcatenationOptions",
    "CONV_2D": "Conv2DOptions",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
    "FULLY_CONNECTED": "FullyConnectedOptions",
    "MAX_POOL_2D": "Pool2DOptions",
    "MEAN": "ReducerOptions",
    "MUL": "MulOptions",
    "RESHAPE": "ReshapeOptions",
    "SOFTMAX": "SoftmaxOptions",
    "SPLIT": "SplitOptions",
    "SPLIT_V": "SplitVOptions",
    "SQUEEZE": "SqueezeOptions",
    "STRIDED_SLICE": "StridedSliceOptions",
    "SUB": "SubOptions",
    "SUM": "ReducerOptions",
    "SVDF": "SVDFOptions",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "UnidirectionalSequenceLSTMOptions",
    "VAR_HANDLE": "VarHandleOptions",
}
_AT_LEAST_ONE = {"stride_w", "stride_h", "dilation_w_factor", "dilation_h_factor", "filter_width", "filter_height"}
_MAX_EXTENT = 1 << 16


def read_options(operator: Table, code: str, custom: bool, where: str) -> dict[str, Any]:
    """Decode the options of one operator table.

    Every field of the options is present in the result, with the schema's default where the file leaves it out;
    enumerations are strings, vectors are lists. Raw bytes of a custom operator stand under ``"custom_options"``.

    Raises:
        ModelError: If the options belong to another operator, or a value is not one of its enumeration.
    """
    if custom:
        raw = operator.get("custom_options")
        return {} if raw is None else {"custom_options": raw.tobytes()}
    expected = EXPECTED_OPTIONS.get(code)
    kind, values = operator.get("builtin_options") or operator.get("builtin_options_2") or (expected, {})
    if expected is not None and kind != expected:
        raise ModelError(f"{where}: expected {expected}. Received: {kind}")
    if kind is None:
        return {}
    return {
        field.name: _decode(field, values, where)
        for field in table_fields(kind)
        if field.kind not in (Kind.TABLE, Kind.TABLES, Kind.UNION)
    }


def _decode(field: Field, values: Table, where: str) -> Any:
    value = values.get(field.name, field.default)
    if field.kind is Kind.SCALAR and field.name in OPTION_ENUMS and field.flags.bytewidth == 1:
        names = enum_names(OPTION_ENUMS[field.name])
        if value not in names:
            raise ModelError(f"{where}: unknown {field.name} {value}. Allowed: {', '.join(names.values())}")
        return names[value]
    if field.name in _AT_LEAST_ONE and not 1 <= value <= _MAX_EXTENT:
        raise ModelError(f"{where}: expected {field.name} from 1 to {_MAX_EXTENT}. Received: {value}")
    if field.kind is Kind.SCALARS:
        array = np.asarray(values.get(field.name, ()))
        if array.size > MAX_OPTION_ENTRIES:
            raise ModelError(f"{where}: expected at most {MAX_OPTION_ENTRIES} entries of {field.name}.")
        return array.tolist()
    if field.kind is Kind.STRING:
        return (value or b"").decode("utf-8", "replace")
    if field.kind is Kind.STRINGS:
        return [each.decode("utf-8", "replace") for each in value or []]
    return value
