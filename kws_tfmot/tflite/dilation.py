"""Dilated convolutions as TensorFlow's converter writes them, turned back into one operator each.

Keras' ``dilation_rate`` arrives as SPACE_TO_BATCH_ND, a convolution without dilation and BATCH_TO_SPACE_ND, for one
axis of a Conv1D with EXPAND_DIMS and RESHAPE around the convolution. The batch in between is written as 1; LiteRT
corrects it when it allocates, TFLM takes the file's word and computes from a part of the rows. With blocks ``d`` and
paddings ``p`` the three are a convolution of dilation ``d`` over the input padded by ``p``, with the same sums, so that
every byte stays what LiteRT computes.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from kws_tfmot.tflite.document import read_source
from kws_tfmot.tflite.edit import (
    code_of,
    constant_of,
    finish,
    inputs_of,
    integers,
    open_for_edit,
    operators_of,
    outputs_of,
    readers_of,
    set_constant,
    set_options,
    tensors_of,
    vector,
)
from kws_tfmot.tflite.reader import read_model
from kws_tfmot.tflite.schema import ModelT, OperatorT, enum_values

_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")


class _Dilated(NamedTuple):
    """The operators of one dilated convolution, in order; ``expand`` and ``reshape`` only around a Conv1D's."""

    spread: OperatorT
    expand: OperatorT | None
    convolution: OperatorT
    reshape: OperatorT | None
    collect: OperatorT


def fold_dilations(model: bytes) -> bytes:
    """``model`` with every such group of operators as one dilated convolution; the same bytes where there is none.

    Groups whose paddings are neither those of SAME nor of VALID stay as they are.

    Raises:
        ModelError: The model is corrupt.
    """
    data = read_source(model)
    if all(operator.code != "SPACE_TO_BATCH_ND" for operator in read_model(data).operators):
        return data
    root = open_for_edit(data)
    groups = [group for one in operators_of(root) if (group := _group(root, one)) is not None]
    folded = [group for group in groups if _fold(root, group)]
    return finish(root) if folded else data


def _group(root: ModelT, spread: OperatorT) -> _Dilated | None:
    if code_of(root, spread) != "SPACE_TO_BATCH_ND":
        return None
    chain = [spread]
    wanted = [("EXPAND_DIMS",), _CONVOLUTIONS, ("RESHAPE",), ("BATCH_TO_SPACE_ND",)]
    for codes in wanted:
        result = outputs_of(chain[-1])[0]
        readers = readers_of(root, result)
        if len(readers) != 1 or result in root.subgraphs[0].outputs:
            return None
        if code_of(root, readers[0]) in codes:
            chain.append(readers[0])
    found = [code_of(root, one) for one in chain[1:]]
    if found[-1:] != ["BATCH_TO_SPACE_ND"] or len(found) not in (2, 4):
        return None
    if len(found) == 2:
        return _Dilated(spread, None, chain[1], None, chain[2])
    return _Dilated(*chain)


def _fold(root: ModelT, group: _Dilated) -> bool:
    tensors = tensors_of(root)
    blocks, source, target = (
        _numbers(root, group.spread, 1),
        _shape(root, group.spread),
        _shape(root, group.collect, True),
    )
    if blocks is None or blocks != _numbers(root, group.collect, 1) or not _same_scales(root, group):
        return False
    options = group.convolution.builtinOptions
    taps = [int(size) for size in tensors[inputs_of(group.convolution)[1]].shape][1:3]
    if group.expand is not None:  # [1, time, channels] around [1, 1, time, channels]
        blocks, source, target = [1, *blocks], [1, 1, *source[1:]], [1, 1, *target[1:]]
    steps = (options.strideH, options.strideW, options.dilationHFactor, options.dilationWFactor) if options else ()
    undilated = steps == (1, 1, 1, 1) and options.padding == enum_values("Padding")["VALID"]
    before = _numbers(root, group.spread, 2)
    padding = _padding(source, target, taps, blocks, [0] * (2 - len(before or ()) // 2) + (before or [])[0::2])
    if not undilated or len(blocks) != 2 or before is None or padding is None:
        return False
    options.padding = enum_values("Padding")[padding]
    options.dilationHFactor, options.dilationWFactor = blocks
    _connect(root, group, source, target)
    gone = (group.spread, group.collect)
    root.subgraphs[0].operators = [one for one in operators_of(root) if not any(one is each for each in gone)]
    return True


def _padding(
    source: Sequence[int], target: Sequence[int], taps: Sequence[int], blocks: Sequence[int], before: Sequence[int]
) -> str | None:
    """SAME or VALID where all axes fit it, with ``before`` rows and columns of padding ahead of the input.

    >>> _padding((1, 49, 10, 1), (1, 45, 8, 8), (3, 3), (2, 1), (0, 0))
    'VALID'
    >>> _padding((1, 49, 10, 1), (1, 49, 10, 8), (3, 3), (2, 1), (2, 1))
    'SAME'
    """
    for name in ("VALID", "SAME"):
        reach = [(size - 1) * block for size, block in zip(taps, blocks, strict=False)]
        ahead = [each // 2 if name == "SAME" else 0 for each in reach]
        left = [size if name == "SAME" else size - each for size, each in zip(source[1:3], reach, strict=False)]
        if list(before) == ahead and list(target[1:3]) == left:
            return name
    return None


def _connect(root: ModelT, group: _Dilated, source: Sequence[int], target: Sequence[int]) -> None:
    """Lead the convolution from what was spread to what was collected, through the operators around it if any."""
    tensors = tensors_of(root)
    first, last = inputs_of(group.spread)[0], outputs_of(group.collect)[0]
    if group.expand is None or group.reshape is None:
        group.convolution.inputs = np.array([first, *inputs_of(group.convolution)[1:]], np.int32)
        group.convolution.outputs = np.array([last], np.int32)
        return
    group.expand.inputs = np.array([first, *inputs_of(group.expand)[1:]], np.int32)
    for index, shape in ((outputs_of(group.expand)[0], source), (outputs_of(group.convolution)[0], target)):
        tensors[index].shape = np.array(shape, np.int32)
        tensors[index].shapeSignature = None
    group.reshape.outputs = np.array([last], np.int32)
    final = np.array([target[0], *target[2:]], np.int32)
    set_options(group.reshape, "ReshapeOptions", new_shape=final)
    if len(inputs_of(group.reshape)) > 1:
        wanted = copy.copy(tensors[inputs_of(group.reshape)[1]])
        set_constant(root, wanted, final)
        tensors.append(wanted)
        group.reshape.inputs = np.array([inputs_of(group.reshape)[0], len(tensors) - 1], np.int32)


def _numbers(root: ModelT, operator: OperatorT, place: int) -> list[int] | None:
    """A constant input of whole numbers, flat."""
    found = inputs_of(operator)
    data = constant_of(root, tensors_of(root)[found[place]]) if len(found) > place and found[place] >= 0 else None
    return None if data is None else [int(value) for value in data]


def _shape(root: ModelT, operator: OperatorT, output: bool = False) -> list[int]:
    index = outputs_of(operator)[0] if output else inputs_of(operator)[0]
    return integers(tensors_of(root)[index].shape)


def _same_scales(root: ModelT, group: _Dilated) -> bool:
    """Whether moving data changes no scale, as the converter writes it."""
    moves = [one for one in (group.spread, group.expand, group.reshape, group.collect) if one is not None]
    quantized = [tensors_of(root)[index].quantization for one in moves
                 for index in (inputs_of(one)[0], outputs_of(one)[0])]  # fmt: skip
    keys = [tuple(vector(each, name).tobytes() for name in ("scale", "zeroPoint")) for each in quantized]
    return all(keys[place] == keys[place + 1] for place in range(0, len(keys), 2))
