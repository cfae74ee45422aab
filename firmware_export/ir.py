"""The engine's own view of a model: values in planar layout and the layers that run on them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


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


def to_planar(array: np.ndarray, layout: Layout) -> np.ndarray:
    """Lay a tensor given in the order height, width, channel out in planes.

    >>> to_planar(np.arange(6, dtype=np.int8), Layout(1, 3, 2)).tolist()
    [0, 2, 4, 0, 1, 3, 5, 0]
    """
    planes = np.zeros((layout.channels, layout.plane), np.int8)
    planes[:, : layout.pixels] = array.reshape(layout.pixels, layout.channels).T
    return planes.reshape(-1)


@dataclass(frozen=True)
class Value:
    """One activation, or a constant where ``data`` (planar) is given."""

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
        return (self.height, self.width, self.stride_y, self.stride_x) == (1, 1, 1, 1)


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
    def plain(self) -> bool:
        """Whether the kernels' short arithmetic gives the result: short, and nothing but int8's own limits."""
        return self.short and (self.minimum, self.maximum) == (-128, 127)


@dataclass(frozen=True)
class Convolution:
    """CONV_2D or FULLY_CONNECTED. ``weights`` is int8 [channels][depth], depth in the order channel, row, column."""

    window: Window
    weights: np.ndarray
    requant: Requant
    vector: bool  # one pixel in, one pixel out: matrix times vector


@dataclass(frozen=True)
class Depthwise:
    """DEPTHWISE_CONV_2D. ``weights`` is int8 [input channels * multiplier][height * width]."""

    window: Window
    weights: np.ndarray
    requant: Requant
    multiplier: int

    @property
    def down(self) -> bool:
        """Whether the kernels run down the columns: along the longer side of the window, or else of the output."""
        w = self.window
        return w.height > w.width or (w.height == w.width and w.output.height > w.output.width)

    @property
    def wide(self) -> bool:
        """Whether the kernel for five and seven taps along a line takes it."""
        w = self.window
        taps, stride = (w.height, w.stride_y) if self.down else (w.width, w.stride_x)
        dense = (w.dilation_y, w.dilation_x) == (1, 1)
        return dense and self.requant.plain and taps in (5, 7) and stride in (1, 2) and w.height * w.width < 256

    @property
    def common(self) -> bool:
        """Whether it is the 3x3 window of every DS-CNN, which has a kernel of its own."""
        w = self.window
        shape = (w.height, w.width, w.stride_y, w.stride_x, w.dilation_y, w.dilation_x)
        return shape == (3, 3, 1, 1, 1, 1) and self.multiplier == 1


@dataclass(frozen=True)
class Pool:
    """AVERAGE_POOL_2D or MAX_POOL_2D."""

    window: Window
    average: bool
    minimum: int
    maximum: int


@dataclass(frozen=True)
class Mean:
    """MEAN over rows, columns or both."""

    over_y: bool
    over_x: bool
    offset: int
    multiplier: int
    shift: int
    zero_point: int


@dataclass(frozen=True)
class Elementwise:
    """ADD or MUL; ``strides`` are (channel, row, column) of each input, 0 where it is repeated."""

    add: bool
    strides: tuple[tuple[int, int, int], tuple[int, int, int]]
    zero_points: tuple[int, int, int]
    multipliers: tuple[int, int, int]
    shifts: tuple[int, int, int]
    minimum: int
    maximum: int


@dataclass(frozen=True)
class Fill:
    """Set a whole activation to one value."""

    value: int


@dataclass(frozen=True)
class Place:
    """Copy the input into the output from byte ``start`` on."""

    start: int


@dataclass(frozen=True)
class Reshape:
    """Same numbers in the order height, width, channel, another shape."""


@dataclass(frozen=True)
class Clamp:
    """Limit each number."""

    minimum: int
    maximum: int


@dataclass(frozen=True)
class Lookup:
    """Any function of one byte."""

    table: np.ndarray


@dataclass(frozen=True)
class Softmax:
    """Softmax over channels."""

    multiplier: int
    shift: int
    smallest: int


Operation = Convolution | Depthwise | Pool | Mean | Elementwise | Fill | Place | Reshape | Clamp | Lookup | Softmax


@dataclass(frozen=True)
class Layer:
    """One step: ``operation`` on values ``inputs`` into value ``output``. ``name`` says which operator it came from."""

    name: str
    operation: Operation
    inputs: tuple[int, ...]
    output: int


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

    def add_value(
        self, name: str, layout: Layout, scale: float, zero_point: int, data: np.ndarray | None = None
    ) -> int:
        """Append a value and return its number."""
        self.values.append(Value(name, layout, scale, zero_point, data))
        return len(self.values) - 1
