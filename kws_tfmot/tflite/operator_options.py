"""Builtin options of an operator as a dictionary with names instead of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from kws_tfmot.errors import ModelError
from kws_tfmot.tflite.schema import OPTION_ENUMS, OperatorT, enum_names, make_options, snake_case

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
_TABLES = {"quant_spec"}  # vectors of tables
_TEXTS = {"container", "shared_name", "name", "call_target_name", "backend_config"}


def read_options(operator: OperatorT, code: str, custom: bool, where: str) -> dict[str, Any]:
    """Decode the options of one operator table.

    Every field of the options is present in the result, with the schema's default where the file leaves it out;
    enumerations are strings, vectors are lists. Raw bytes of a custom operator are under ``"custom_options"``.

    Raises:
        ModelError: If the options belong to another operator, or a value is not one of its enumeration.
    """
    if custom:
        raw = operator.customOptions
        return {} if raw is None else {"custom_options": raw.tobytes()}
    expected = EXPECTED_OPTIONS.get(code)
    options = operator.builtinOptions or operator.builtinOptions2
    if options is None and expected is not None:
        options = make_options(expected)
    kind = None if options is None else type(options).__name__.removesuffix("T")
    if expected is not None and kind != expected:
        raise ModelError(f"{where}: expected {expected}. Received: {kind}")
    if options is None:
        return {}
    fields = {snake_case(name): value for name, value in vars(options).items()}
    return {name: _decode(name, value, where) for name, value in fields.items() if name not in _TABLES}


def _decode(name: str, value: Any, where: str) -> Any:
    if name in _AT_LEAST_ONE and not 1 <= value <= _MAX_EXTENT:
        raise ModelError(f"{where}: expected {name} from 1 to {_MAX_EXTENT}. Received: {value}")
    if name in OPTION_ENUMS and isinstance(value, int) and -128 <= value < 128:
        names = enum_names(OPTION_ENUMS[name])
        if value not in names:
            raise ModelError(f"{where}: unknown {name} {value}. Allowed: {', '.join(names.values())}")
        return names[value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if value is None:
        return "" if name in _TEXTS else []
    if isinstance(value, np.ndarray | list):
        if len(value) > MAX_OPTION_ENTRIES:
            raise ModelError(f"{where}: expected at most {MAX_OPTION_ENTRIES} entries of {name}.")
        return [int(each) for each in value] if isinstance(value, list) else value.tolist()
    return value
