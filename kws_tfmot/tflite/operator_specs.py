"""How many inputs an operator takes, of which types, and which may be absent: one row an operator.

Sources: the comments on operators in the TFLite schema, and what the kernels of tflite-micro demand in their Prepare
(tensorflow/lite/micro/kernels), which for the most part take a file's word for the number of inputs. A type represents
every tensor type that some kernel takes at this place.
"""

from __future__ import annotations

from dataclasses import dataclass

from kws_tfmot.tflite.graph import Graph, Operator, Tensor

TYPES = {
    "real": {"float32", "int8", "int16", "uint8"},
    "number": {"float32", "int8", "int16", "uint8", "int32", "int64", "uint16", "uint32"},
    "any": {"float32", "float16", "int8", "int16", "uint8", "int32", "int64", "uint16", "uint32", "bool", "int4"},
    "weights": {"float32", "int8", "int16", "int4", "uint8"},
    "bias": {"float32", "int32", "int64"},
    "index": {"int32", "int64"},
    "bool": {"bool"},
}


@dataclass(frozen=True)
class Spec:
    """What an operator takes: type names for its inputs in order.

    Attributes:
        inputs: One type an input; a trailing ``?`` says that it may be absent.
        rest: Type of any number of further inputs; none where empty.
        outputs: Number of outputs; 0 for any number from 1.
    """

    inputs: tuple[str, ...]
    rest: str = ""
    outputs: int = 1

    @classmethod
    def of(cls, text: str, outputs: int = 1) -> Spec:
        """A row from its short form, where ``*`` after a type says any number of it.

        >>> Spec.of("real weights bias?").inputs
        ('real', 'weights', 'bias?')
        >>> Spec.of("real*").rest
        'real'
        """
        words = text.split()
        repeated = [word[:-1] for word in words if word.endswith("*")]
        return cls(tuple(word for word in words if not word.endswith("*")), repeated[0] if repeated else "", outputs)


_UNARY_REAL = "ABS CEIL COS ELU EXP FLOOR HARD_SWISH L2_NORMALIZATION LEAKY_RELU LOG LOGISTIC LOG_SOFTMAX RELU RELU6"
_UNARY_REAL += " RELU_N1_TO_1 ROUND RSQRT SIN SOFTMAX SQRT SQUARE TANH AVERAGE_POOL_2D MAX_POOL_2D L2_POOL_2D"
_UNARY_ANY = "CAST DEQUANTIZE NEG QUANTIZE SHAPE SPACE_TO_DEPTH DEPTH_TO_SPACE SQUEEZE ZEROS_LIKE"
_BINARY = "ADD DIV FLOOR_DIV FLOOR_MOD MAXIMUM MINIMUM MUL SQUARED_DIFFERENCE SUB"
_COMPARISONS = "EQUAL GREATER GREATER_EQUAL LESS LESS_EQUAL NOT_EQUAL"
_REDUCING = "MEAN REDUCE_MAX REDUCE_MIN SUM"
_ROWS = {
    **dict.fromkeys(_UNARY_REAL.split(), "real"),
    **dict.fromkeys(_UNARY_ANY.split(), "any"),
    **dict.fromkeys(_BINARY.split(), "number number"),
    **dict.fromkeys(_COMPARISONS.split(), "any any"),
    **dict.fromkeys(_REDUCING.split(), "number index"),
    "ADD_N": "number number*",
    "ARG_MAX": "real index",
    "ARG_MIN": "real index",
    "BATCH_MATMUL": "real real",
    "BATCH_TO_SPACE_ND": "any index index",
    "BROADCAST_ARGS": "index index",
    "BROADCAST_TO": "any index",
    "CONCATENATION": "any any*",
    "CONV_2D": "real weights bias?",
    "CUMSUM": "number index",
    "DEPTHWISE_CONV_2D": "real weights bias?",
    "DYNAMIC_UPDATE_SLICE": "any any index",
    "EMBEDDING_LOOKUP": "index weights",
    "EXPAND_DIMS": "any index",
    "FILL": "index any",
    "FULLY_CONNECTED": "real weights bias?",
    "GATHER": "any index",
    "GATHER_ND": "any index",
    "LOGICAL_AND": "bool bool",
    "LOGICAL_NOT": "bool",
    "LOGICAL_OR": "bool bool",
    "MIRROR_PAD": "any index",
    "PACK": "any any*",
    "PAD": "any index",
    "PADV2": "any index any",
    "PRELU": "real weights",
    "REDUCE_ALL": "bool index",
    "RESHAPE": "any index?",
    "RESIZE_BILINEAR": "real index",
    "RESIZE_NEAREST_NEIGHBOR": "real index",
    "REVERSE_V2": "any index",
    "SELECT_V2": "bool any any",
    "SLICE": "any index index",
    "SPACE_TO_BATCH_ND": "any index index",
    "STRIDED_SLICE": "any index index index",
    "SVDF": "real weights weights bias? real",
    "TRANSPOSE": "any index",
    "TRANSPOSE_CONV": "index weights real bias?",
}
_SEVERAL = {"SPLIT": "index any", "SPLIT_V": "any index index", "UNPACK": "any"}
SPECS = {code: Spec.of(text) for code, text in _ROWS.items()} | {
    code: Spec.of(text, outputs=0) for code, text in _SEVERAL.items()
}


def spec_fault(graph: Graph, operator: Operator) -> str:
    """What is wrong with the number and the types of an operator's tensors; empty where nothing is, or it has no row.

    Custom operators and those whose inputs follow a rule of their own (LSTM, resource variables) have no row.
    """
    spec = SPECS.get(operator.code)
    if spec is None or operator.custom:
        return ""
    least = sum(not each.endswith("?") for each in spec.inputs)
    if operator.code == "SVDF":
        least = len(spec.inputs)
    count = len(operator.inputs)
    if count < least or (count > len(spec.inputs) and not spec.rest):
        return f"expected {_counted(least, spec)} inputs. Received: {count}"
    if spec.outputs and len(operator.outputs) != spec.outputs:
        return f"expected {spec.outputs} output. Received: {len(operator.outputs)}"
    if operator.code == "DEPTHWISE_CONV_2D" and operator.inputs[2:3] == (-1,):
        return "its bias is absent as -1, which ends TFLM; leave the third input out, or give zeros"
    for place, index in enumerate(operator.inputs):
        wanted = spec.inputs[place] if place < len(spec.inputs) else spec.rest
        fault = _input_fault(graph.tensor(index) if index >= 0 else None, wanted, place)
        if fault:
            return fault
    wrong = [graph.tensor(index).dtype for index in operator.outputs if graph.tensor(index).dtype not in TYPES["any"]]
    return f"TFLM knows no output of type {wrong[0]}" if wrong else ""


def _counted(least: int, spec: Spec) -> str:
    if spec.rest:
        return f"at least {least}"
    return str(least) if least == len(spec.inputs) else f"{least} to {len(spec.inputs)}"


def _input_fault(tensor: Tensor | None, wanted: str, place: int) -> str:
    if tensor is None:
        return "" if wanted.endswith("?") else f"input {place} is absent (-1)"
    allowed = TYPES[wanted.rstrip("?")]
    return (
        ""
        if tensor.dtype in allowed
        else (f"input {place} has type {tensor.dtype}. Allowed: {', '.join(sorted(allowed))}")
    )
