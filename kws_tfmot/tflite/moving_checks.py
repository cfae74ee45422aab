"""Do operators that move data fit their tensors: joining, padding, slicing and splitting?"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from kws_tfmot.tflite.graph import Operator, Tensor


class Misfit(Exception):
    """One operator does not fit its tensors; the message says how, and ``hint`` the way out if it is a special one."""

    hint = ""


class OpenShape(Misfit):
    """The file says 1 for a size that its converter did not know."""

    hint = "Convert the model with an input of fixed shape and batch (keras.Input(shape, batch_size=1))."


def demand(condition: bool, message: str) -> None:
    """Raise :class:`Misfit` with a message unless a condition holds."""
    if not condition:
        raise Misfit(message)


def expect(found: Any, expected: Any, what: str) -> None:
    """Raise :class:`Misfit` unless what was found is what was expected."""
    demand(found == expected, f"expected {what} {expected}. Received: {found}")


def check_concatenation(operator: Operator, inputs: list[Tensor], output: Tensor) -> None:
    """CONCATENATION along an axis."""
    rank = len(inputs[0].shape)
    axis = operator.options["axis"] + (rank if operator.options["axis"] < 0 else 0)
    demand(0 <= axis < rank and all(len(each.shape) == rank for each in inputs), "the inputs differ in rank")
    shapes = [list(each.shape) for each in inputs]
    joined = [*shapes[0][:axis], sum(shape[axis] for shape in shapes), *shapes[0][axis + 1 :]]
    same = all(shape[:axis] + shape[axis + 1 :] == shapes[0][:axis] + shapes[0][axis + 1 :] for shape in shapes)
    demand(same, f"the shapes {shapes} cannot be joined along axis {axis}")
    expect(output.shape, tuple(joined), "the output shape")


def check_padding(_: Operator, inputs: list[Tensor], output: Tensor) -> None:
    """PAD with constant paddings."""
    amounts = inputs[1].data
    demand(amounts is not None and inputs[1].shape == (len(inputs[0].shape), 2), "expected constant paddings [rank, 2]")
    grown = [size + int(sum(pair)) for size, pair in zip(inputs[0].shape, np.asarray(amounts).tolist(), strict=True)]
    demand(bool(np.all(np.asarray(amounts) >= 0)), "paddings are negative")
    expect(output.shape, tuple(grown), "the output shape")


def check_batched(operator: Operator, inputs: list[Tensor], output: Tensor) -> None:
    """SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND with constant blocks.

    TensorFlow's converter writes a batch of 1 on either side of a dilated convolution, which LiteRT corrects when it
    allocates and TFLM does not: it would compute from a part of the rows.
    """
    source, blocks = inputs[0].shape, inputs[1].data
    demand(blocks is not None, "expected a constant block shape")
    blocks = np.asarray(blocks).reshape(-1).tolist()
    demand(min(blocks) >= 1 and len(blocks) < len(source), f"a block of {blocks} does not fit {source}")
    into = operator.code == "SPACE_TO_BATCH_ND"
    scale = math.prod(blocks)
    demand(into or source[0] % scale == 0, f"a batch of {source[0]} cannot be put back into blocks of {blocks}; the "
           "file is a dilated convolution as TensorFlow's converter writes it, which TFLM would compute wrongly. "
           "Train with strides or longer kernels in place of dilation")  # fmt: skip
    batch = source[0] * scale if into else source[0] // scale
    demand(output.shape[0] == batch, f"expected a batch of {batch} after blocks of {blocks}. Received: "
           f"{output.shape[0]}; TensorFlow's converter writes dilated convolutions so, and TFLM would compute them "
           "wrongly. Train with strides or longer kernels in place of dilation")  # fmt: skip


def sliced(
    shape: tuple[int, ...], bounds: tuple[list[int], list[int], list[int]], options: dict[str, Any]
) -> tuple[list[range], list[int]]:
    """What STRIDED_SLICE takes of each axis, and the axes that its result does not have.

    Args:
        shape: Of the input.
        bounds: Begin, end and stride of each axis.
        options: Of the operator: the masks.

    >>> masks = {"begin_mask": 1, "end_mask": 3, "shrink_axis_mask": 0}
    >>> sliced((1, 5), ([0, -2], [0, 0], [1, 1]), masks)
    ([range(0, 1), range(3, 5)], [])

    Raises:
        Misfit: For masks other than those of begin, end and shrunk axes, a stride of 0, or an index out of range.
    """
    unknown = [name for name in ("ellipsis_mask", "new_axis_mask", "offset") if options.get(name)]
    demand(not unknown, f"{', '.join(unknown)} of a slice is not supported")
    demand(all(len(each) == len(shape) for each in bounds), f"a slice of {shape} has bounds {bounds}")
    taken, dropped = [], []
    for axis, (size, begin, end, stride) in enumerate(zip(shape, *bounds, strict=True)):
        bit = 1 << axis
        if options.get("shrink_axis_mask", 0) & bit:
            first = begin + size if begin < 0 else begin
            demand(0 <= first < size, f"the slice takes index {begin} of an axis of {size}")
            taken.append(range(first, first + 1))
            dropped.append(axis)
            continue
        demand(stride != 0, "expected strides other than 0")
        start = None if options.get("begin_mask", 0) & bit else begin
        stop = None if options.get("end_mask", 0) & bit else end
        taken.append(range(size)[slice(start, stop, stride)])
    return taken, dropped


def _complete(inputs: list[Tensor | None]) -> list[Tensor]:
    found = [tensor for tensor in inputs if tensor is not None]
    demand(len(found) == len(inputs), "an input is missing")
    return found


def slice_bounds(inputs: list[Tensor]) -> tuple[list[int], list[int], list[int]]:
    """Begin, end and stride of a STRIDED_SLICE, which must be constants.

    Raises:
        Misfit: Where they are not.
    """
    demand(len(inputs) == 4, f"expected an input, begin, end and strides. Received: {len(inputs)} inputs")
    rows = []
    for tensor in inputs[1:]:
        demand(tensor.data is not None and tensor.dtype == "int32", "expected constant int32 bounds of a slice")
        rows.append(np.ravel(np.asarray(tensor.data)).tolist())
    return rows[0], rows[1], rows[2]


def check_strided_slice(operator: Operator, given: list[Tensor | None], outputs: list[Tensor]) -> None:
    """STRIDED_SLICE with constant bounds."""
    inputs = _complete(given)
    taken, dropped = sliced(inputs[0].shape, slice_bounds(inputs), operator.options)
    lengths = [len(part) for part in taken]
    demand(all(lengths), f"the slice of {inputs[0].shape} is empty")
    expect(outputs[0].shape, tuple(n for axis, n in enumerate(lengths) if axis not in dropped), "the output shape")
    expect(outputs[0].dtype, inputs[0].dtype, "the output type")


def check_split(operator: Operator, given: list[Tensor | None], outputs: list[Tensor]) -> None:
    """SPLIT into equal parts (axis, value) and SPLIT_V (value, sizes, axis)."""
    inputs = _complete(given)
    equal = operator.code == "SPLIT"
    value, axis_tensor = (inputs[1], inputs[0]) if equal else (inputs[0], inputs[2])
    demand(axis_tensor.data is not None and math.prod(axis_tensor.shape) == 1, "expected one constant axis")
    rank = len(value.shape)
    axis = int(np.ravel(np.asarray(axis_tensor.data))[0])
    axis += rank if axis < 0 else 0
    demand(0 <= axis < rank, f"axis {axis} does not fit {value.shape}")
    if equal:
        demand(value.shape[axis] % len(outputs) == 0, f"{value.shape} does not split into {len(outputs)} parts")
        sizes = [value.shape[axis] // len(outputs)] * len(outputs)
    else:
        demand(inputs[1].data is not None, "expected constant sizes")
        sizes = [int(size) for size in np.ravel(np.asarray(inputs[1].data))]
        rest = value.shape[axis] - sum(size for size in sizes if size >= 0)
        sizes = [rest if size == -1 else size for size in sizes]
    expect((len(outputs), sum(sizes)), (len(sizes), value.shape[axis]), "(parts, their sum)")
    for size, output in zip(sizes, outputs, strict=True):
        expect(output.shape, (*value.shape[:axis], size, *value.shape[axis + 1 :]), "the shape of a part")
        expect(output.dtype, value.dtype, "the type of a part")


MOVING_CHECKS = {
    "BATCH_TO_SPACE_ND": check_batched,
    "CONCATENATION": check_concatenation,
    "PAD": check_padding,
    "SPACE_TO_BATCH_ND": check_batched,
}
SPLITTING_CHECKS = {"SPLIT": check_split, "SPLIT_V": check_split, "STRIDED_SLICE": check_strided_slice}
