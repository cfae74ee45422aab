"""Random small int8 models that can be streamed, for tests of the streaming plan against the whole window.

Nothing pads along time: convolutions with any kernel, stride and dilation, pools, residuals whose skip is cropped,
branches of several kernel lengths that are joined over channels, parts of the channels with kernels of their own, and
every way to end: a mean, a pool or a convolution over all that is left of time, or a fully connected layer on it. Time
is the rows of an image, or, as Keras' one-dimensional layers arrive, the columns of an image with one row.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from firmware_export.graphs.graph_writer import GraphWriter
from firmware_export.operators.shared.random_model import Chooser, RandomModel

MOST_ROWS = 40
ACTIVATIONS = ("NONE", "NONE", "RELU")
ZERO_POINTS = (0, -128, -1, 5, -77, 20)


class _Values(RandomModel):
    """A model whose values stay spread over int8 from layer to layer, so that every row shows in the scores."""

    def zero_point(self) -> int:
        """A zero point drawn from those that kernels treat differently."""
        return self.choose.pick(ZERO_POINTS)


def _weighted(
    m: RandomModel, code: str, weights: np.ndarray, axis: int, shape: tuple[int, ...], **options: Any
) -> None:
    """A layer with random scales and activation, its biases such that inputs around 0 give outputs around 0."""
    channels = weights.shape[axis]
    scales = (m.rng.uniform(0.5, 1.5, m.choose.pick((1, channels))) * 0.01).astype(np.float32)
    wide = np.moveaxis(weights.astype(np.float64), axis, 0).reshape(channels, -1)
    spread = np.sqrt(np.maximum((wide**2).sum(axis=1), 1.0)) * 50
    out_scale = m.scale * 0.01 * float(spread.mean()) / 50
    in_scale, in_zero, zero = m.scale, m.zero, m.zero_point()
    shift = in_zero * wide.sum(axis=1) - zero * out_scale / (in_scale * scales)
    inputs = [m.last, m.writer.weights(weights, scales, axis)]
    bias = np.round(m.rng.normal(0, 0.3, channels) * spread + shift)
    inputs.append(m.writer.biases(bias, (scales * np.float32(in_scale)).astype(np.float32)))
    relu = m.choose.pick(ACTIVATIONS)
    m.writer.operator(code, inputs, [m.activation(shape, out_scale, zero)], fused_activation_function=relu, **options)


def _weights(m: RandomModel, shape: tuple[int, ...]) -> np.ndarray:
    """Random weights that some encoding likes: dense, sparse, in blocks, N:M, of a few bits or signs alone."""
    kind, size = m.choose.pick(("dense", "sparse", "blocks", "few bits", "signs", "half")), int(np.prod(shape))
    values = np.clip(np.round(m.rng.normal(0, 40, size)), -127, 127)
    if kind == "few bits":
        values = m.rng.integers(-3, 4, size)
    elif kind == "signs":
        values = 2 * m.rng.integers(0, 2, size) - 1
    keep = np.ones(size, bool)
    if kind == "sparse":
        keep = m.rng.random(size) > m.choose.pick((0.5, 0.75, 0.9))
    elif kind == "blocks":
        keep = np.repeat(m.rng.random(-(-size // 4)) > 0.5, 4)[:size]
    elif kind == "half":
        keep = np.arange(size) % 4 < 2
    return np.where(keep, values, 0).astype(np.int8).reshape(shape)


class _Stream:
    """A model whose time is axis 1, or axis 2 with one row on axis 1 where ``flat``."""

    def __init__(self, model: RandomModel, flat: bool) -> None:
        self.model, self.flat = model, flat

    @property
    def choose(self) -> Chooser:
        """The model's source of random choices."""
        return self.model.choose

    def sizes(self) -> tuple[int, int, int]:
        """Rows of time, columns of frequency, channels."""
        _, height, width, channels = self.model.shape
        return (width, height, channels) if self.flat else (height, width, channels)

    def shape(self, rows: int, columns: int, channels: int) -> tuple[int, int, int, int]:
        """The shape of an activation."""
        return (1, columns, rows, channels) if self.flat else (1, rows, columns, channels)

    def sides(self, rows: Any, columns: Any, names: str) -> dict[str, Any]:
        """Options for rows of time and columns of frequency; ``names`` has a {} for h or w."""
        along, across = ("w", "h") if self.flat else ("h", "w")
        return {names.format(along): rows, names.format(across): columns}


def _taps(s: _Stream, rows: int, stride: int) -> tuple[int, int]:
    """Kernel length along time, and its dilation, that leave at least two rows where there are enough."""
    dilation = s.choose.pick((1, 1, 1, 2, 3)) if stride == 1 else 1
    most = max((rows - 2) // dilation, 0) + 1
    return s.choose.integer(1, min(most, 6)), dilation


def _slide(s: _Stream, depthwise: bool) -> None:
    rows, columns, channels = s.sizes()
    stride = s.choose.pick((1, 1, 1, 2, 3)) if rows > 8 else 1
    taps, dilation = _taps(s, rows, stride)
    across = s.choose.integer(1, min(columns, 3))
    out = s.shape((rows - (taps - 1) * dilation - 1) // stride + 1, columns - across + 1, channels)
    options = {"padding": "VALID"} | s.sides(stride, 1, "stride_{}") | s.sides(dilation, 1, "dilation_{}_factor")
    kernel = s.shape(taps, across, 0)[1:3]
    m = s.model
    if depthwise:
        multiplier = s.choose.pick((1, 1, 2))
        shape = (*out[:3], channels * multiplier)
        weights = _weights(m, (1, *kernel, channels * multiplier))
        _weighted(m, "DEPTHWISE_CONV_2D", weights, 3, shape, depth_multiplier=multiplier, **options)
        return
    many = s.choose.integer(1, 10)
    _weighted(m, "CONV_2D", _weights(m, (many, *kernel, channels)), 0, (*out[:3], many), **options)


def convolution(s: _Stream) -> None:
    """CONV_2D, VALID."""
    _slide(s, False)


def depthwise(s: _Stream) -> None:
    """DEPTHWISE_CONV_2D, VALID."""
    _slide(s, True)


def pointwise(s: _Stream) -> None:
    """CONV_2D with a 1x1 window."""
    m, channels = s.model, s.choose.integer(1, 12)
    weights = _weights(m, (channels, 1, 1, m.shape[3]))
    _weighted(m, "CONV_2D", weights, 0, (*m.shape[:3], channels), padding="SAME", stride_h=1, stride_w=1)


def pool(s: _Stream) -> None:
    """A pool along time, or a pool over frequency whose sides are padded."""
    rows, columns, channels = s.sizes()
    taps, stride = s.choose.integer(1, max(min(rows - 1, 4), 1)), s.choose.pick((1, 2)) if rows > 8 else 1
    out = s.shape((rows - taps) // stride + 1, columns, channels)
    options = s.sides(stride, 1, "stride_{}") | {"padding": "VALID", "fused_activation_function": "NONE"}
    kernel = s.shape(taps, 1, 0)[1:3]
    source, m = s.model.last, s.model
    options |= {"filter_height": kernel[0], "filter_width": kernel[1]}
    m.writer.operator(s.choose.pick(("AVERAGE_POOL_2D", "MAX_POOL_2D")), [source], [m.same(out)], **options)


def elementwise(s: _Stream) -> None:
    """ADD with itself or a constant, or MUL with one number a channel."""
    m = s.model
    source, scale, shape, code = m.last, m.scale, m.shape, s.choose.pick(("ADD", "MUL"))
    other = source
    if code == "MUL" or s.choose.pick((True, False)):
        full = s.choose.pick(((1, 1, 1, shape[3]), (1, 1, 1, 1), shape))  # the whole shape: the same in every row
        numbers = m.rng.integers(60, 128, (1, 1, 1, full[3])).astype(np.int8)
        other = m.writer.constant(np.ascontiguousarray(np.broadcast_to(numbers, full)), scale, 0)
    out = m.activation(shape, scale * 1.4 if code == "ADD" else scale * scale * 90, m.zero)
    inputs = [source, other] if s.choose.pick((True, False)) else [other, source]
    m.writer.operator(code, inputs, [out], fused_activation_function=s.choose.pick(ACTIVATIONS))


def residual(s: _Stream) -> None:
    """A VALID convolution and its input, whose older, newer or outer rows are cropped."""
    m = s.model
    rows, columns, channels = s.sizes()
    if rows < 4:
        return
    start = (m.last, m.shape, m.scale, m.zero)
    taps = s.choose.integer(2, min(rows - 2, 4))
    kernel, out = s.shape(taps, 1, 0)[1:3], s.shape(rows - taps + 1, columns, channels)
    options: dict[str, Any] = {"padding": "VALID", "stride_h": 1, "stride_w": 1}
    _weighted(m, "DEPTHWISE_CONV_2D", _weights(m, (1, *kernel, channels)), 3, out, depth_multiplier=1, **options)
    left, left_scale = m.last, m.scale
    m.last, m.shape, m.scale, m.zero = start
    first = s.choose.pick((0, taps - 1, taps // 2))
    begin, end = [(0, *s.shape(f, 0, 0)[1:3], 0) for f in (first, first + rows - taps + 1)]
    limits = [m.writer.constant(np.array(each, np.int32)) for each in (begin, end, (1, 1, 1, 1))]
    axis = 2 if s.flat else 1
    source = m.last
    masks = {"begin_mask": 15 - (1 << axis), "end_mask": 15 - (1 << axis)}
    m.writer.operator("STRIDED_SLICE", [source, *limits], [m.same(out)], **masks)
    right, right_scale = m.last, m.scale
    joined = m.activation(out, (left_scale + right_scale) * 0.7, m.zero_point())
    m.writer.operator("ADD", [left, right], [joined])


def branches(s: _Stream) -> None:
    """Pools of three rows, and of two rows twice, joined over channels."""
    m = s.model
    rows, columns, channels = s.sizes()
    if rows < 4 or channels > 12:
        return
    start = (m.last, m.shape, m.scale, m.zero)
    out = s.shape(rows - 2, columns, channels)
    parts = []
    for kernel in (s.shape(3, 1, 0)[1:3], s.shape(2, 1, 0)[1:3]):
        m.last, m.shape, m.scale, m.zero = start
        options: dict[str, Any] = {
            "padding": "VALID",
            "stride_h": 1,
            "stride_w": 1,
            "fused_activation_function": "NONE",
        }
        options |= {"filter_height": kernel[0], "filter_width": kernel[1]}
        for _ in range(1 if max(kernel) == 3 else 2):
            source = m.last
            height, width = m.shape[1] - kernel[0] + 1, m.shape[2] - kernel[1] + 1
            m.writer.operator("MAX_POOL_2D", [source], [m.same((1, height, width, channels))], **options)
        parts.append(m.last)
    m.writer.operator("CONCATENATION", parts, [m.same((*out[:3], 2 * channels))], axis=3)


def mixed(s: _Stream) -> None:
    """Channels in two parts, a depthwise convolution of another length on each, joined (MixConv, arXiv:1907.09595)."""
    m = s.model
    rows, columns, channels = s.sizes()
    if rows < 5 or channels < 2:
        return
    first = s.choose.integer(1, channels - 1)
    sizes, longest, axis = (first, channels - first), s.choose.integer(2, min(rows - 2, 5)), 2 if s.flat else 1
    source, scale, zero = m.last, m.scale, m.zero
    parts = [m.same(s.shape(rows, columns, size)) for size in sizes]
    places = [m.writer.constant(np.array(sizes, np.int32)), m.writer.constant(np.array(3, np.int32))]
    m.writer.operator("SPLIT_V", [source, *places], parts, num_splits=2)
    made, wide = [], 0.0
    for part, size, taps in zip(parts, sizes, (longest, s.choose.integer(1, longest)), strict=True):
        m.last, m.shape, m.scale, m.zero = part, s.shape(rows, columns, size), scale, zero
        if taps < longest:  # the older rows that the longer kernel alone sees
            ends = s.shape(longest - taps, 0, 0), s.shape(rows, columns, size)
            limits = [m.writer.constant(np.array((0, *each[1:]), np.int32)) for each in ends]
            target = m.same(s.shape(rows - longest + taps, columns, size))
            ones, masks = m.writer.constant(np.ones(4, np.int32)), 15 - (1 << axis)
            places = [part, *limits, ones]
            m.writer.operator("STRIDED_SLICE", places, [target], begin_mask=masks, end_mask=masks)
        options: dict[str, Any] = {"padding": "VALID", "stride_h": 1, "stride_w": 1, "depth_multiplier": 1}
        weights = _weights(m, (1, *s.shape(taps, 1, 0)[1:3], size))
        _weighted(m, "DEPTHWISE_CONV_2D", weights, 3, s.shape(rows - longest + 1, columns, size), **options)
        made.append(m.last)
        wide = max(wide, m.scale)
    joined = [m.activation(s.shape(rows - longest + 1, columns, size), wide, zero) for size in sizes]
    for one, target in zip(made, joined, strict=True):
        m.writer.operator("QUANTIZE", [one], [target])
    m.scale, m.zero = wide, zero
    m.writer.operator("CONCATENATION", joined, [m.same(s.shape(rows - longest + 1, columns, channels))], axis=3)


def pad(s: _Stream) -> None:
    """PAD of the sides of frequency."""
    m = s.model
    rows, columns, channels = s.sizes()
    if s.flat and columns == 1:
        return
    before, after = s.choose.integer(0, 2), s.choose.integer(0, 2)
    table = np.zeros((4, 2), np.int32)
    table[1 if s.flat else 2] = before, after
    source = m.last
    out = m.same(s.shape(rows, columns + before + after, channels))
    m.writer.operator("PAD", [source, m.writer.constant(table)], [out])


def relu(s: _Stream) -> None:
    """A separate RELU."""
    source, m = s.model.last, s.model
    m.writer.operator("RELU", [source], [m.activation(m.shape, m.scale * s.choose.pick((1.0, 0.7)), m.zero)])


def mean_of_frequency(s: _Stream) -> None:
    """MEAN over frequency alone."""
    m, (rows, _, channels) = s.model, s.sizes()
    source, axis = m.last, m.writer.constant(np.array([1 if s.flat else 2], np.int32))
    m.writer.operator("MEAN", [source, axis], [m.same(s.shape(rows, 1, channels))], keep_dims=True)


BODY: tuple[Callable[[_Stream], None], ...] = (
    *(convolution, convolution, depthwise, depthwise, depthwise, pointwise, pointwise, pool, elementwise),
    *(residual, branches, mixed, pad, relu, mean_of_frequency),
)


def _end(s: _Stream) -> None:
    """What sees all that is left of time: a mean, a pool, a convolution, or a fully connected layer on it."""
    m, channels = s.model, s.model.shape[3]
    how = s.choose.pick(("mean", "pool", "convolution", "flatten"))
    source, one = m.last, s.shape(1, 1, channels)
    kernel = m.shape[1:3]
    size = kernel[0] * kernel[1]
    if how == "mean":
        axes = m.writer.constant(np.array([1, 2], np.int32))
        m.writer.operator("MEAN", [source, axes], [m.activation(one, m.scale / size**0.5, 0)], keep_dims=True)
    elif how == "pool":
        options = {"filter_height": kernel[0], "filter_width": kernel[1], "stride_h": kernel[0], "stride_w": kernel[1]}
        code = s.choose.pick(("AVERAGE_POOL_2D", "MAX_POOL_2D"))
        m.writer.operator(code, [source], [m.same(one)], padding="VALID", fused_activation_function="NONE", **options)
    elif how == "convolution":
        many = s.choose.integer(1, 8)
        weights = _weights(m, (many, *kernel, channels))
        _weighted(m, "CONV_2D", weights, 0, s.shape(1, 1, many), padding="VALID", stride_h=1, stride_w=1)
    size = int(np.prod(m.shape))
    source, flat = m.last, np.array([1, size], np.int32)
    m.writer.operator("RESHAPE", [source, m.writer.constant(flat)], [m.same((1, size))], new_shape=flat)
    classes = s.choose.integer(2, 6)
    _weighted(m, "FULLY_CONNECTED", _weights(m, (classes, size)), 0, (1, classes))
    if 0.003 < m.scale < 0.2:
        source, shape = m.last, m.shape
        m.writer.operator("SOFTMAX", [source], [m.activation(shape, 1 / 256, -128)], beta=1.0)


def random_stream(choose: Chooser, most_layers: int = 5) -> bytes:
    """A random model that can be streamed.

    Args:
        choose: Where decisions come from.
        most_layers: How many blocks of :data:`BODY` it has at most.
    """
    m = _Values(choose, GraphWriter())
    rows, columns, channels = choose.integer(8, MOST_ROWS), choose.integer(1, 6), choose.pick((1, 1, 2, 5, 8))
    scale = choose.pick((0.05, 0.003, 0.2))
    entry = choose.pick(("image", "image", "rows", "flat"))
    if entry == "image":
        first = m.activation((1, rows, columns, channels), scale, m.zero_point())
    else:
        size = columns * channels
        first = m.activation((1, rows, size) if entry == "rows" else (1, rows * size), scale, m.zero_point())
        shape = (1, 1, rows, size) if choose.pick((True, False)) else (1, rows, columns, channels)
        if entry == "rows" and shape == (1, 1, rows, size):  # as Keras' one-dimensional layers
            m.writer.operator("EXPAND_DIMS", [first, m.writer.constant(np.array([1], np.int32))], [m.same(shape)])
        else:
            constant = m.writer.constant(np.array(shape, np.int32))
            m.writer.operator("RESHAPE", [first, constant], [m.same(shape)], new_shape=np.array(shape, np.int32))
    s = _Stream(m, m.shape[1] == 1)
    for _ in range(choose.integer(1, most_layers)):
        time, width, depth = s.sizes()
        if time < 2 or width * depth > 200:
            break
        choose.pick(BODY)(s)
    _end(s)
    return m.writer.finish([first], [m.last])
