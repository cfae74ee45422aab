"""A convolution over all input channels, or a matrix times a vector."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from firmware_export.codegen.layer_writer import LayerWriter
from firmware_export.encodings import ENCODINGS, Encoded
from firmware_export.encodings.narrow import BLOCK, narrow_steps, narrow_width
from firmware_export.encodings.row_pairs import ROWS, row_pairs, rows_pair, vector_pairs
from firmware_export.ir import Layout, Operation, Requant, Window
from firmware_export.operators.shared.context import MAX_SIDE
from firmware_export.time_rules import Given, StepRows, Track

COLUMN_BYTES = 16  # KWS_COLUMN_BYTES of the runtime
OWN_SCRATCH = ("lowbit", "planes")  # kernels that need more than columns
TABLE_BYTES = 64  # of kws_conv_planes, for each input: 16 sums of eight pixels, two bytes each, for every four
SCALE_BYTES = 16  # of kws_conv_planes, for each output channel
FEW_ROWS = (1, 2, 5)  # of which one or two without zeros beside them take fewer cycles than four
MOST_ZERO_ROWS = 600  # bytes of rows that only fill up four: what another kernel's code would take
MAX_PADDED_MATRIX = 2.0  # a matrix may grow by this factor: a block of pixels for one costs four times a vector
MOST_GROWTH = 2.0  # zeros between dilated taps are stored in a vector of rows: not more of them than taps


def turned_taps(weights: np.ndarray, window: Window) -> np.ndarray:
    """Weights ``[channels, depth]`` of a window whose height and width are changed over."""
    taps = weights.reshape(len(weights), -1, window.height, window.width).transpose(0, 1, 3, 2)
    return np.ascontiguousarray(taps).reshape(weights.shape)


def trimmed_taps(weights: np.ndarray, window: Window, requant: Requant) -> tuple[Window, np.ndarray, Requant]:
    """Window, weights ``[channels, depth]`` and requantisation without taps that only ever see padding."""
    narrow, rows, columns = window.trimmed()
    if (narrow.height, narrow.width) == (window.height, window.width):
        return narrow, weights, requant
    taps = weights.reshape(len(weights), -1, window.height, window.width)
    dropped = taps.copy()
    dropped[:, :, rows, columns] = 0
    kept = np.ascontiguousarray(taps[:, :, rows, columns]).reshape(len(weights), -1)
    return narrow, kept, requant.without(dropped.reshape(weights.shape), window.zero_point)


@dataclass(frozen=True)
class Convolution(Operation):
    """CONV_2D or FULLY_CONNECTED. ``weights`` is int8 [channels][depth], depth in the order channel, row, column."""

    coding: ClassVar[str] = "matrix"

    window: Window
    weights: np.ndarray
    requant: Requant
    vector: bool  # one pixel in, one pixel out: matrix times vector
    by_pixels: bool = False  # each output pixel is a matrix times the vector of what its window sees

    @property
    def rowwise(self) -> bool:
        """Whether its kernel multiplies a matrix with a vector, once or for each pixel."""
        return self.vector or self.by_pixels

    @property
    def sliding(self) -> Window | None:
        """Its window, unless it takes each row by itself, or all of them as one vector."""
        return None if self.vector or self.window.pointwise else self.window

    @property
    def padded_window(self) -> Window | None:
        """Its window; a vector has none."""
        return None if self.vector else self.window

    def with_window(self, window: Window) -> Convolution:
        """The same weights under another window."""
        return replace(self, window=window)

    def pixel_by_pixel(self, chosen: bool) -> Convolution:
        """One matrix times a vector for each output pixel, or products of blocks of pixels."""
        return replace(self, by_pixels=chosen)

    def trimmed(self) -> Convolution:
        """Without taps in padding; a matrix times a vector where the one output pixel sees all of the input."""
        if self.vector:
            return self
        window, weights, requant = trimmed_taps(self.weights, self.window, self.requant)
        return replace(self, window=window, weights=weights, requant=requant)._over_whole_input()

    def _over_whole_input(self) -> Convolution:
        w, given = self.window, self.window.input
        channels, depth = self.weights.shape
        if w.pointwise and given.pixels == 1:
            return replace(self, vector=True)
        if w.output.pixels != 1 or not w.whole or given.bytes > min(depth * MAX_PADDED_MATRIX, MAX_SIDE):
            return self
        # instead of seven idle pixels of a block
        planes = np.zeros((channels, given.channels, given.plane), np.int8)
        planes[:, :, : given.pixels] = self.weights.reshape(channels, given.channels, -1)
        window = Window(Layout(1, 1, given.bytes), w.output, zero_point=w.zero_point)
        return replace(self, window=window, weights=planes.reshape(channels, -1), vector=True)

    @property
    def flattens(self) -> bool:
        """A matrix times a vector."""
        return self.vector

    def track(self, given: Given) -> Track | None:
        """None of a vector."""
        return None if self.vector else super().track(given)

    def turned(self, out: Layout) -> Convolution:
        """Window and taps turned."""
        if self.vector:
            return self
        return replace(self, window=self.window.turned(), weights=turned_taps(self.weights, self.window))

    def on_step(self, rows: StepRows) -> Convolution:
        """Its window over the rows at hand; a pointwise one that has one pixel left is a matrix times a vector."""
        if self.vector or (rows.given[0], rows.out) == (self.window.input, self.window.output):
            return self
        if self.sliding is not None:
            return replace(self, window=self.window.on_step(rows))
        moved = Window(rows.given[0], rows.out, zero_point=self.window.zero_point)
        return replace(self, window=moved, vector=rows.out.pixels == 1)

    def takes_row_vector(self, out: Layout, rows: int) -> bool:
        """A vector always; a window that covers all columns and leaves one pixel, if it is not too full of holes."""
        if self.vector:
            return True
        w = self.window
        whole = w.width == w.input.width and w.first_x == 0 and w.dilation_x == 1 and w.output.width == 1
        return whole and rows == 1 and w.first_y >= 0 and w.reach <= w.height * MOST_GROWTH and not w.pointwise

    def over_row_vector(self, given: Layout, rows: StepRows) -> Convolution:
        """A matrix times the vector of rows: its weights in their order, zeros where the window skips rows."""
        channels = len(self.weights)
        if self.vector:
            matrix = self.weights
            if matrix.shape[1] == given.bytes:  # columns in the order of planes
                planes = matrix.reshape(channels, given.channels, given.plane)[:, :, : given.pixels]
                matrix = planes.transpose(0, 2, 1).reshape(channels, -1)
        else:
            w = self.window
            taps = self.weights.reshape(channels, given.channels, w.height, w.width).transpose(0, 2, 3, 1)
            begin = w.first_y + rows.first * w.stride_y - rows.read
            spread = np.zeros((channels, begin + w.reach, w.width, given.channels), np.int8)
            spread[:, begin :: w.dilation_y] = taps
            matrix = spread.reshape(channels, -1)
        window = Window(Layout(1, 1, matrix.shape[1]), rows.out, zero_point=self.window.zero_point)
        return replace(self, window=window, weights=np.ascontiguousarray(matrix), vector=True)

    @property
    def stored_weights(self) -> np.ndarray | None:
        """The matrix."""
        return self.weights

    @property
    def requantisation(self) -> Requant | None:
        """Of each output channel."""
        return self.requant

    def with_requantisation(self, requant: Requant) -> Operation:
        """The same with another one."""
        return replace(self, requant=requant)

    @property
    def many_pixels(self) -> bool:
        """Not in a matrix times a vector."""
        return not self.vector

    def scratch_bytes(self, encoding: str) -> int:
        """The columns of eight pixels, one unpacked row of weights of few bits, the sums of planes and their scales."""
        channels, depth = self.weights.shape
        row = -(-depth // 4) * 4 if ENCODINGS[encoding].kernel == "lowbit" else 0
        if self.by_pixels:
            return -(-depth // 4) * 4 + -(-channels // 4) * 4 + row
        even = depth + depth % 2 if self.paired(encoding) else depth
        columns = 0 if self.vector else even * max(COLUMN_BYTES, 2 * self.narrow(encoding))
        if encoding == "planes":
            each = TABLE_BYTES if self.window.pointwise else TABLE_BYTES + BLOCK
            return -(-depth // 8) * 8 * each + channels * SCALE_BYTES
        return columns + row

    def paired(self, encoding: str) -> bool:
        """Whether dense rows lie in each other by twos (``kws_dense_pairs.h``, ``kws_fc_dense_pairs.c``)."""
        channels, depth = self.weights.shape
        if self.rowwise:
            fits = depth % 4 == 0 and channels not in FEW_ROWS and -channels % ROWS * depth <= MOST_ZERO_ROWS
        else:
            fits = self.window.output.plane % 4 == 0
        return encoding == "dense" and self.requant.saturating and fits and rows_pair(self.weights)

    def narrow(self, encoding: str) -> int:
        """Pixels of a block where delta rows lie as :mod:`firmware_export.encodings.narrow` says, else 0."""
        if encoding != "delta" or self.rowwise:
            return 0
        output = self.window.output
        width = narrow_width(output.pixels, output.plane)
        return 0 if width == BLOCK else width

    def kernel(self, encoding: str) -> str:
        """Name of the C function that multiplies with weights of an encoding."""
        if narrow := self.narrow(encoding):
            return f"kws_conv_narrow_{narrow}"
        return "kws_conv_pixels" if self.by_pixels else self._product(encoding)

    def _product(self, encoding: str) -> str:
        pairs = "_pairs" if self.paired(encoding) else ""
        return f"kws_{'fc' if self.rowwise else 'conv'}_{ENCODINGS[encoding].kernel}{pairs}"

    def functions(self, encoding: str) -> frozenset[str]:
        """The C functions that an encoding calls: the kernel, and im2col of it or the product of a pixel."""
        second = self._product(encoding) if self.by_pixels else self._im2col(encoding)[0]
        return frozenset({self.kernel(encoding), second})

    def takes(self, encoding: str) -> bool:
        """Whether it has a kernel: none for planes and delta of vectors, nor for delta where outputs are clamped."""
        if self.rowwise and encoding in ("planes", "delta"):
            return False
        return encoding != "delta" or self.requant.saturating

    def works_in_place(self, source: Layout, target: Layout) -> bool:
        """A pointwise one: a block's columns are in scratch before its outputs are written."""
        return self.window.pointwise and not self.vector and source.plane == target.plane

    def emit(self, writer: LayerWriter) -> str:
        """Weights, requantisation and the call of the encoding's kernel."""
        if writer.picked is None:
            raise ValueError(f"layer {writer.number} has no encoding")
        encoded = writer.picked.encoded
        encoding = writer.picked.encoding
        paired, narrow = self.paired(encoding), self.narrow(encoding)
        table = writer.array("int8_t", "table", encoded.table) if encoded.table else "NULL"
        kernel = self.kernel(encoding)
        im2col, needs = self._im2col(encoding)
        if self.by_pixels:
            needs += [self._product(encoding), f"{kernel}_get_buffer_size"]
        elif narrow:
            needs.append("kws_conv_narrow_get_buffer_size")
        elif (paired and not self.vector) or ENCODINGS[encoding].kernel in OWN_SCRATCH:
            needs.append(f"{kernel}_get_buffer_size")
        elif not self.vector:
            needs.append("kws_conv_get_buffer_size")
        members: list[object] = [self._stored(writer, encoding, encoded), table, writer.requant(self.requant), im2col]
        members += [writer.window(self.window), self.weights.shape[1], self.weights.shape[0]]
        above = int(self.weights.min(initial=0)) > -128
        members += [int(above) if paired and not self.rowwise else narrow or encoded.bits, encoded.group]
        if self.by_pixels:
            conv = "{" + ", ".join(map(str, members)) + "}"
            more = self.scratch_bytes(encoding) - self.scratch_bytes("dense")
            address = writer.struct("kws_pixels", [conv, self._product(encoding), more])
        else:
            address = writer.struct("kws_conv", members)
        return writer.call(kernel, address, writer.input(), writer.output, writer.scratch, needs=tuple(needs))

    def _stored(self, writer: LayerWriter, encoding: str, encoded: Encoded) -> str:
        """The weights, defined as the kernel reads them; their address."""
        if self.paired(encoding):
            words = vector_pairs(self.weights) if self.rowwise else row_pairs(self.weights)
            return writer.array_where("KWS_ROW_PAIRS", "weights", words, encoded.data)
        if encoding != "delta":
            return writer.array("uint8_t", "weights", encoded.data)
        words = np.frombuffer(encoded.data, "<u4")
        if narrow := self.narrow(encoding):
            return writer.array_where("KWS_ROW_PAIRS", "weights", narrow_steps(self.weights, narrow), words)
        return f"(const uint8_t *){writer.array('uint32_t', 'weights', words, 4)}"

    def _im2col(self, encoding: str) -> tuple[str, list[str]]:
        """The name that the kernel's im2col has in C, and the functions that it means on one core or another."""
        if self.rowwise:
            return "NULL", []
        point = self.window.pointwise
        portable = "kws_im2col_pointwise" if point else "kws_im2col_window"
        if ENCODINGS[encoding].sparse:
            vectors = "kws_mve_lanes_pointwise" if point else "kws_mve_lanes_window"
            if self.narrow(encoding):
                narrow = "kws_im2col_narrow" if point else "kws_im2col_window_narrow"
                return narrow, [narrow, portable, vectors]
            return "kws_im2col_sparse" if point else "kws_im2col_window_sparse", [portable, vectors]
        vectors = "kws_mve_columns_pointwise" if point else "kws_mve_columns_window"
        if encoding == "planes":
            tables = "kws_tables_pointwise" if point else "kws_tables_window"
            return tables, [tables, vectors]
        if self.paired(encoding):
            pairs = "kws_im2col_pairs" if point else "kws_im2col_window_pairs"
            return pairs, [pairs, portable, vectors]
        return "kws_im2col_dense" if point else "kws_im2col_window_dense", [portable, vectors]
