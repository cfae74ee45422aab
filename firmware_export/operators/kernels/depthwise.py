"""A convolution of each channel by itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from firmware_export.codegen.layer_writer import LayerWriter
from firmware_export.encodings.core_costs import DEFAULT_CORE
from firmware_export.ir import Layout, Operation, Requant, Window
from firmware_export.operators.kernels.convolution import trimmed_taps, turned_taps
from firmware_export.operators.kernels.depthwise_direct import direct_cycles, other_cycles
from firmware_export.operators.kernels.depthwise_general import general_is_cheaper
from firmware_export.time_rules import StepRows

_FEW_OUTPUTS = 3  # of a line
_FEW_ROWS = 3  # of outputs: more are cheaper as long lines
_FEW_STEPS = 8  # of outputs of whole rows: more are cheaper together


@dataclass(frozen=True)
class Depthwise(Operation):
    """DEPTHWISE_CONV_2D. ``weights`` is int8 [input channels * multiplier][height * width]."""

    coding: ClassVar[str] = "taps"

    window: Window
    weights: np.ndarray
    requant: Requant
    multiplier: int
    core: str = DEFAULT_CORE  # whose cycles decide which kernel takes it

    def on_core(self, core: str) -> Depthwise:
        """The same for another core."""
        return replace(self, core=core)

    @property
    def padded_window(self) -> Window:
        """Its window."""
        return self.window

    def with_window(self, window: Window) -> Depthwise:
        """The same weights under another window."""
        return replace(self, window=window)

    def trimmed(self) -> Depthwise:
        """Without taps in padding."""
        window, weights, requant = trimmed_taps(self.weights, self.window, self.requant)
        return replace(self, window=window, weights=weights, requant=requant)

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
        return dense and self.requant.saturating and taps in (5, 7) and stride in (1, 2) and w.height * w.width < 256

    @property
    def unit_3x3(self) -> bool:
        """Whether it is the 3x3 window of every DS-CNN, of saturating output, which has a kernel of its own."""
        w = self.window
        shape = (w.height, w.width, w.stride_y, w.stride_x, w.dilation_y, w.dilation_x)
        return shape == (3, 3, 1, 1, 1, 1) and self.multiplier == 1 and self.requant.saturating

    @property
    def small(self) -> bool:
        """Whether it is a 3x3 window of saturating output, stride 1 or 2, whose lines give a few outputs."""
        w = self.window
        square = (w.height, w.width, w.dilation_y, w.dilation_x) == (3, 3, 1, 1) and w.stride_y == w.stride_x <= 2
        return square and self.multiplier == 1 and self.requant.saturating and w.output.width <= _FEW_OUTPUTS

    @property
    def five(self) -> bool:
        """Whether it is the 3x3 window over a plane of five columns, one of padding at each side."""
        w = self.window
        return self.unit_3x3 and (w.input.width, w.output.width, w.first_x) == (5, 5, -1) and w.first_y in (-1, 0)

    @property
    def direct(self) -> bool:
        """Whether reading the inputs where they lie is cheaper than a padded plane, or than one vector at a time.

        Cores without SMLAD, and those with vectors, have no kernel for that.
        """
        w = self.window
        neighbours = w.dilation_x == 1 or w.height == 1
        if (
            self.core != DEFAULT_CORE
            or not self.requant.saturating
            or not neighbours
            or self.few
            or self.narrow
            or self.five
        ):
            return False
        if self.unit_3x3 and not (self.small or self.column):
            return False
        if self.column and w.height * w.width > 1:  # a product of vectors on every core
            return False
        kind = "column" if self.column else "small" if self.small else "wide" if self.wide else "any"
        return direct_cycles(w, self.multiplier) < other_cycles(w, self.multiplier, kind, self.down)

    @property
    def column(self) -> bool:
        """Whether it has one output pixel, of a window within the input that takes whole rows: a product of vectors."""
        return self._whole_rows and self.window.output.height == 1

    @property
    def few(self) -> bool:
        """Whether it has a few such pixels below one another."""
        return self._whole_rows and self.multiplier == 1 and 1 < self.window.output.height <= _FEW_STEPS

    @property
    def _whole_rows(self) -> bool:
        """Whether each output pixel is of whole rows within the input, one behind the other."""
        w = self.window
        dense = (w.dilation_y == 1 or w.height == 1) and (w.dilation_x == 1 or w.width == 1)
        last = w.first_y + (w.output.height - 1) * w.stride_y
        inside = w.first_y >= 0 and last + w.height <= w.input.height
        return dense and inside and w.output.width == 1 and (w.first_x, w.width) == (0, w.input.width)

    @property
    def narrow(self) -> bool:
        """Whether it is the 3x3 window over a few rows of a step, all within the input, with a column at each side."""
        w = self.window
        inside = w.first_y >= 0 and w.first_y + w.output.height + 2 <= w.input.height
        sides = w.first_x == -1 and w.output.width == w.input.width
        return self.unit_3x3 and self.requant.saturating and inside and sides and w.output.height <= _FEW_ROWS

    @property
    def sliding(self) -> Window | None:
        """Its window."""
        return self.window

    def turned(self, out: Layout) -> Depthwise:
        """Window and taps turned."""
        return replace(self, window=self.window.turned(), weights=turned_taps(self.weights, self.window))

    def on_step(self, rows: StepRows) -> Depthwise:
        """Its window over the rows at hand."""
        return replace(self, window=self.window.on_step(rows))

    @property
    def stored_weights(self) -> np.ndarray | None:
        """The taps."""
        return self.weights

    @property
    def requantisation(self) -> Requant | None:
        """Of each output channel."""
        return self.requant

    def with_requantisation(self, requant: Requant) -> Operation:
        """The same with another one."""
        return replace(self, requant=requant)

    def scratch_bytes(self, encoding: str) -> int:
        """The padded plane and the taps, for weights of few bits also as int8."""
        w = self.window
        unpacked = self.weights.shape[1] if encoding in ("packed", "table") else 0
        if self.narrow:
            return 0
        kind = self._kind(unpacked > 0)
        padded = 0 if kind in ("column", "few") else self._plane_bytes(kind)
        if kind == "five":
            padded = max(padded, 6 * w.output.height + 54)  # by vectors, see the kernel's _get_buffer_size
        if kind == "small":
            padded = max(padded, 2 * (4 + 2 * w.stride_x) * ((w.output.height - 1) * w.stride_y + 3))
        return padded + -(-unpacked // 4) * 4

    def _kind(self, few_bits: bool) -> str:
        """Which of the kernels takes it."""
        kinds = {"direct": self.direct and not few_bits, "narrow": self.narrow, "column": self.column, "few": self.few}
        kinds |= {"small": self.small, "five": self.five, "3x3": self.unit_3x3, "wide": self.wide}
        kind = next((kind for kind, fits in kinds.items() if fits), "any")
        if kind in ("small", "wide") and general_is_cheaper(self.window, self.multiplier, kind, self.down, self.core):
            return "any"
        return kind

    def _plane_bytes(self, kind: str) -> int:
        """The padded plane and the taps: int16, or the 32-bit words that kws_depthwise_wide.c describes."""
        w = self.window
        height = (w.output.height - 1) * w.stride_y + (w.height - 1) * w.dilation_y + 1
        width = (w.output.width - 1) * w.stride_x + (w.width - 1) * w.dilation_x + 1
        major, minor = (width, height) if self.down else (height, width)
        if kind != "wide":
            lines, taps = (w.width, w.height) if self.down else (w.height, w.width)
            # of 3x3 two words behind the last line are read
            taps = 4 if kind in ("small", "five", "3x3") and self.unit_3x3 else lines * (taps + taps % 2)
            return 2 * (major * (-(-minor // 2) * 2) + taps)
        outputs, taps, stride = (
            (w.output.height, w.height, w.stride_y) if self.down else (w.output.width, w.width, w.stride_x)
        )
        half = -(-outputs // 2)
        words = half + (half % 3 == 2) - 1
        pitch = words + taps if stride == 1 else 2 * words + taps
        rows = w.width if self.down else w.height
        return 4 * (major * pitch + rows * (taps + 2))

    def works_in_place(self, source: Layout, target: Layout) -> bool:
        """A plane is in scratch before its outputs, which must not reach the next, are written."""
        return self.multiplier == 1 and target.plane <= source.plane and not self.narrow and not self.direct

    def emit(self, writer: LayerWriter) -> str:
        """Weights, requantisation and the call of the kernel that fits the window."""
        encoded = writer.picked.encoded if writer.picked else None
        data = encoded.data if encoded else np.ascontiguousarray(self.weights, np.int8).tobytes()
        weights = writer.array("uint8_t", "weights", data)
        table = writer.array("int8_t", "table", encoded.table) if encoded and encoded.table else "NULL"
        kind = self._kind(bool(encoded))
        kernel = f"kws_depthwise_{kind}"
        unpack = ("kws_unpack_row",) if encoded else ()
        size = f"{kernel}_get_buffer_size"
        unfolded = self.requant.without(self.weights, self.window.zero_point) if kind == "direct" else None
        members: list[object] = [weights, table, *(unpack or ("NULL",)), writer.requant(self.requant, unfolded)]
        members += [writer.window(self.window), self.window.input.channels, self.multiplier]
        members += [encoded.bits if encoded else 0]
        address = writer.struct("kws_depthwise", members)
        needs = unpack if self.narrow else (*unpack, size)
        return writer.call(kernel, address, writer.input(), writer.output, writer.scratch, needs=needs)
