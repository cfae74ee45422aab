"""Parts of a CHW tensor as a start and strides, one for each dimension of the file's tensor, as in NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from firmware_export.ir import Layout
from firmware_export.operators.kernels.strided_copy import StridedCopy, merged
from firmware_export.operators.shared.context import Context, Unsupported
from kws_tfmot.tflite.graph import Operator


@dataclass(frozen=True)
class View:
    """The bytes ``start + sum(i_d * steps[d])``, ``0 <= i_d < sizes[d]``, of a tensor."""

    start: int
    sizes: tuple[int, ...]
    steps: tuple[int, ...]

    def sliced(self, axis: int, first: int, count: int, stride: int = 1) -> View:
        """``count`` numbers along an axis, from ``first`` on.

        >>> whole(Layout(3, 2, 2), 4).sliced(1, 2, 2, -1)
        View(start=4, sizes=(1, 2, 2, 2), steps=(0, -2, 1, 8))
        """
        sizes, steps = list(self.sizes), list(self.steps)
        sizes[axis], steps[axis] = count, self.steps[axis] * stride
        return View(self.start + first * self.steps[axis], tuple(sizes), tuple(steps))

    def without(self, axis: int) -> View:
        """The first number along an axis, the axis dropped."""
        keep = [d for d in range(len(self.sizes)) if d != axis]
        return View(self.start, tuple(self.sizes[d] for d in keep), tuple(self.steps[d] for d in keep))

    def with_axis(self, axis: int) -> View:
        """A new axis of one number."""
        return View(
            self.start,
            (*self.sizes[:axis], 1, *self.sizes[axis:]),
            (*self.steps[:axis], 0, *self.steps[axis:]),
        )

    def transposed(self, order: Sequence[int]) -> View:
        """Axis ``d`` of the result is axis ``order[d]``."""
        return replace(self, sizes=tuple(self.sizes[d] for d in order), steps=tuple(self.steps[d] for d in order))


def whole(layout: Layout, rank: int) -> View:
    """All of a tensor that has ``rank`` dimensions in the file."""
    sizes, steps = (1, layout.height, layout.width, layout.channels), (0, layout.width, 1, layout.plane)
    return View(0, sizes[4 - rank :], steps[4 - rank :])


def view_of(context: Context, operator: Operator, position: int = 0) -> tuple[int, View]:
    """The value that an operator reads at ``position``, and all of it as a view."""
    source = context.input_value(operator, position)
    return source, whole(context.layout(source), context.rank(operator, position))


def copy(context: Context, operator: Operator, source: tuple[int, View], target: tuple[int, View]) -> None:
    """Append the copy of one view into another of the same shape.

    Raises:
        Unsupported: Where shapes, scales or zero points differ.
    """
    (value, taken), (output, written) = source, target
    if taken.sizes != written.sizes:
        raise Unsupported(f"the output has the shape {list(written.sizes)} where {list(taken.sizes)} is computed")
    context.demand_same_quantization(value, output)
    axes = merged(list(zip(taken.sizes, taken.steps, written.steps, strict=True)))
    context.add(context.label(operator), StridedCopy(taken.start, written.start, axes), (value,), output)
