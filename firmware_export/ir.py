"""The engine's own view of a model: values in CHW layout and the layers that run on them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from firmware_export.time_rules import StepRows, TimeRules

if TYPE_CHECKING:
    from firmware_export.codegen.layer_writer import LayerWriter


@dataclass(frozen=True)
class Layout:
    """An activation of ``height * width`` pixels and ``channels`` planes."""

    height: int
    width: int
    channels: int

    @property
    def pixels(self) -> int:
        """Pixels of one plane."""
        return self.height * self.width

    @property
    def plane(self) -> int:
        """Bytes from one channel to the next: pixels rounded up to four, one where there is one pixel."""
        return 1 if self.pixels == 1 else -(-self.pixels // 4) * 4

    @property
    def bytes(self) -> int:
        """Bytes of the whole activation.

        >>> Layout(25, 5, 64).bytes, Layout(1, 1, 12).bytes
        (8192, 12)
        """
        return self.plane * self.channels

    @property
    def elements(self) -> int:
        """Numbers in the activation, without padding."""
        return self.pixels * self.channels

    @property
    def flat(self) -> bool:
        """Whether memory order equals the order height, width, channel."""
        return self.pixels == 1 or self.channels == 1

    def turned(self) -> Layout:
        """Height and width changed over.

        >>> Layout(1, 49, 8).turned()
        Layout(height=49, width=1, channels=8)
        """
        return Layout(self.width, self.height, self.channels)


def to_chw(array: np.ndarray, layout: Layout) -> np.ndarray:
    """Lay a tensor given in the order height, width, channel out in planes.

    >>> to_chw(np.arange(6, dtype=np.int8), Layout(1, 3, 2)).tolist()
    [0, 2, 4, 0, 1, 3, 5, 0]
    """
    planes = np.zeros((layout.channels, layout.plane), np.int8)
    planes[:, : layout.pixels] = array.reshape(layout.pixels, layout.channels).T
    return planes.reshape(-1)


@dataclass(frozen=True)
class Value:
    """One activation, or a constant where ``data`` (CHW) is given."""

    name: str
    layout: Layout
    scale: float
    zero_point: int
    data: np.ndarray | None = None


@dataclass(frozen=True)
class Window:
    """A sliding window over planes, as the C structure of the same name."""

    input: Layout
    output: Layout
    height: int = 1
    width: int = 1
    stride_y: int = 1
    stride_x: int = 1
    dilation_y: int = 1
    dilation_x: int = 1
    first_y: int = 0
    first_x: int = 0
    zero_point: int = 0

    @property
    def pointwise(self) -> bool:
        """A 1x1 window with stride 1: each output pixel sees the input pixel in its place."""
        single = (self.height, self.width, self.stride_y, self.stride_x) == (1, 1, 1, 1)
        return single and (self.first_y, self.first_x) == (0, 0) and self.input.pixels == self.output.pixels

    @property
    def whole(self) -> bool:
        """Whether it is the input: each tap sees a pixel of it, each pixel is seen by the tap in its place."""
        same = (self.height, self.width) == (self.input.height, self.input.width)
        return same and (self.first_y, self.first_x, self.dilation_y, self.dilation_x) == (0, 0, 1, 1)

    @property
    def reach(self) -> int:
        """Input rows that one output row sees."""
        return (self.height - 1) * self.dilation_y + 1

    @property
    def inside(self) -> float:
        """The part of all taps of all outputs that see an input.

        >>> Window(Layout(2, 2, 1), Layout(2, 2, 1), 3, 3, first_y=-1, first_x=-1).inside
        0.4444444444444444
        """
        given, made = self.input, self.output
        rows = _sights(self.first_y, self.height, self.stride_y, self.dilation_y, made.height, given.height)
        columns = _sights(self.first_x, self.width, self.stride_x, self.dilation_x, made.width, given.width)
        return float(rows.mean() * columns.mean())

    def trimmed(self) -> tuple[Window, slice, slice]:
        """The window without rows and columns of taps that only ever see padding; which rows and columns stay.

        Of an axis with one output the stride, of one with one tap the dilation is 1.

        >>> window, rows, columns = Window(Layout(1, 2, 8), Layout(1, 2, 8), 3, 3, first_y=-1, first_x=-1).trimmed()
        >>> (window.height, window.width, window.first_y, window.first_x), rows, columns
        ((1, 3, 0, -1), slice(1, 2, None), slice(0, 3, None))
        """
        given, made = self.input, self.output
        rows = _seen(self.first_y, self.height, self.stride_y, self.dilation_y, made.height, given.height)
        columns = _seen(self.first_x, self.width, self.stride_x, self.dilation_x, made.width, given.width)
        height, width = rows.stop - rows.start, columns.stop - columns.start
        window = replace(
            self,
            height=height,
            width=width,
            stride_y=self.stride_y if made.height > 1 else 1,
            stride_x=self.stride_x if made.width > 1 else 1,
            dilation_y=self.dilation_y if height > 1 else 1,
            dilation_x=self.dilation_x if width > 1 else 1,
            first_y=self.first_y + rows.start * self.dilation_y,
            first_x=self.first_x + columns.start * self.dilation_x,
        )
        return window, rows, columns

    def turned(self) -> Window:
        """Height and width changed over."""
        return Window(
            self.input.turned(),
            self.output.turned(),
            *(self.width, self.height, self.stride_x, self.stride_y, self.dilation_x, self.dilation_y),
            *(self.first_x, self.first_y, self.zero_point),
        )

    def on_step(self, rows: StepRows) -> Window:
        """The same over the rows of a step."""
        first = self.first_y + rows.first * self.stride_y - rows.read
        return replace(self, input=rows.given[0], output=rows.out, first_y=first)


def _sights(first: int, taps: int, stride: int, dilation: int, outputs: int, size: int) -> np.ndarray:
    """For each output and tap of an axis whether the tap sees one of ``size`` inputs."""
    places = first + stride * np.arange(outputs)[:, None] + dilation * np.arange(taps)
    return np.asarray((places >= 0) & (places < size))


def _seen(first: int, taps: int, stride: int, dilation: int, outputs: int, size: int) -> slice:
    """The taps of an axis from the first to the last that sees one of ``size`` inputs; all where none does."""
    seen = np.flatnonzero(_sights(first, taps, stride, dilation, outputs, size).any(axis=0))
    return slice(int(seen[0]), int(seen[-1]) + 1) if seen.size else slice(0, taps)


@dataclass(frozen=True)
class Requant:
    """From sums to int8: folded biases, multipliers and shifts of each output channel."""

    bias: np.ndarray  # int64 of int32 values
    multiplier: np.ndarray
    shift: np.ndarray
    zero_point: int
    minimum: int
    maximum: int
    short: bool  # every shift is negative and no intermediate result can leave 32 bits

    @property
    def saturating(self) -> bool:
        """Whether the kernels' short arithmetic gives the result: short, and nothing but int8's own limits."""
        return self.short and (self.minimum, self.maximum) == (-128, 127)

    def without(self, weights: np.ndarray, zero_point: int) -> Requant:
        """After ``weights`` [channels, inputs], which only ever see the input's zero point, are left out of the sums.

        The short arithmetic stays exact: fewer weights sum up to less.
        """
        bias = self.bias + zero_point * weights.astype(np.int64).sum(axis=1)
        return replace(self, bias=(bias + (1 << 31)) % (1 << 32) - (1 << 31))


class Operation(TimeRules):
    """One operation that the runtime has a kernel for, and all that the compiler knows of it.

    A subclass is a frozen dataclass of what the kernel's C structure holds. The defaults suit one without weights,
    limits and scratch that cannot work in place; ``emit`` is all that every operation must have.
    """

    coding: ClassVar[str] = ""
    """How its weights may be encoded: "matrix" (chosen together for the whole model), "taps" (few bits or int8)."""

    def emit(self, writer: LayerWriter) -> str:
        """Define the constants of this operation through ``writer`` and return the kernel call."""
        raise NotImplementedError(f"{type(self).__name__} has no code")

    def scratch_bytes(self, encoding: str) -> int:
        """Scratch the kernel needs with its weights in ``encoding`` ("" without): its ``_get_buffer_size`` in C."""
        return 0

    def works_in_place(self, source: Layout, target: Layout) -> bool:
        """Whether the kernel may write its output where its first input is."""
        return False

    def moves_nothing(self, source: Layout, target: Layout) -> bool:
        """Whether every byte stays where it is when input and output share their place, so that no call is needed."""
        return False

    @property
    def stored_weights(self) -> np.ndarray | None:
        """The int8 weights, one row an output channel, each multiplied once for every output pixel."""
        return None

    @property
    def requantisation(self) -> Requant | None:
        """How sums become int8, where limits of a following operation can be fused into it."""
        return None

    def with_requantisation(self, requant: Requant) -> Operation:
        """The same operation with another :attr:`requantisation`."""
        raise NotImplementedError(f"{type(self).__name__} does not requantise {requant}")

    @property
    def many_pixels(self) -> bool:
        """Whether :attr:`requantisation` runs often enough that its short form pays for a pass over the output."""
        return True

    @property
    def limits(self) -> tuple[int, int] | None:
        """(minimum, maximum) of an operation that does nothing but limit each number."""
        return None

    @property
    def fills(self) -> int | None:
        """The byte of an operation that sets its whole output to one."""
        return None

    def begins_at(self, target: Layout) -> tuple[int, int, int] | None:
        """Channel, row and column of the output where an operation that only copies its input there begins."""
        return None

    @property
    def padded_window(self) -> Window | None:
        """The window of an operation that can see beyond its input, where padding may become part of it."""
        return None

    def with_window(self, window: Window) -> Operation:
        """The same operation with another :attr:`padded_window`."""
        raise NotImplementedError(f"{type(self).__name__} has no window {window}")

    def on_core(self, core: str) -> Operation:
        """The same operation with the kernel that takes fewest cycles on ``core``."""
        return self

    def pixel_by_pixel(self, chosen: bool) -> Operation:
        """The same operation computed one output pixel at a time if ``chosen``, where it has kernels for both."""
        return self

    def trimmed(self) -> Operation:
        """The same operation without taps that only ever see padding, :meth:`Window.trimmed`."""
        return self


@dataclass(frozen=True)
class Layer:
    """``operation`` on values ``inputs`` into value ``output``. ``name`` says which operator it came from."""

    name: str
    operation: Operation
    inputs: tuple[int, ...]
    output: int


@dataclass(frozen=True)
class State:
    """An activation that is kept from step to step. ``initial``: one byte for all of it, or all its bytes, CHW."""

    value: int
    initial: bytes


@dataclass(frozen=True)
class StepPlan:
    """How a program with state is run: ``rows`` new input rows a step, a decision from step ``warm_up`` on.

    ``window`` is the number of rows a decision is made from, ``row_elements`` the bytes of one row.
    """

    rows: int
    window: int
    warm_up: int
    row_elements: int


@dataclass
class Program:
    """A lowered model. ``input`` and ``output`` index ``values``."""

    values: list[Value] = field(default_factory=list)
    layers: list[Layer] = field(default_factory=list)
    input: int = 0
    output: int = 0
    input_type: str = "int8"  # what the model's own input was: int8, uint8 or float32
    output_type: str = "int8"
    input_scale: float = 1.0  # of the model's own input and output, for uint8 and int8
    input_zero_point: int = 0
    output_scale: float = 1.0
    output_zero_point: int = 0
    states: list[State] = field(default_factory=list)
    step: StepPlan | None = None  # where the program is run step by step

    def add_value(
        self, name: str, layout: Layout, scale: float, zero_point: int, data: np.ndarray | None = None
    ) -> int:
        """Append a value and return its number."""
        self.values.append(Value(name, layout, scale, zero_point, data))
        return len(self.values) - 1
