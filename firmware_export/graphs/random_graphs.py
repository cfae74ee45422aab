"""Random small int8 models of every operator the engine has, for tests that compare it with the reference kernels.

All choices go through a :class:`Chooser`, so that a test can let hypothesis make (and shrink) them, and a script a
seeded generator. The models are what the reference accepts; their values are spread over the int8 range.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np

from firmware_export.graphs.graph_writer import GraphWriter

T = TypeVar("T")
ZERO_POINTS = (-128, 127, 0, -1, 1, -127, 5, -77, 90)
ACTIVATIONS = ("NONE", "NONE", "RELU", "RELU6", "RELU_N1_TO_1")
SPARSITIES = (0.0, 0.0, 0.3, 0.5, 0.75, 0.9, 0.97, 1.0)


class Chooser(Protocol):
    """Where random decisions come from."""

    def integer(self, low: int, high: int) -> int:
        """A number from ``low`` to ``high``, both possible."""

    def pick(self, options: Sequence[T]) -> T:
        """One of the options."""


class SeededChooser:
    """Decisions of a seeded generator.

    >>> SeededChooser(1).pick("abc") in "abc"
    True
    """

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def integer(self, low: int, high: int) -> int:
        """A number from ``low`` to ``high``, both possible."""
        return int(self._rng.integers(low, high, endpoint=True))

    def pick(self, options: Sequence[T]) -> T:
        """One of the options."""
        return options[self.integer(0, len(options) - 1)]


class _Model:
    """A model under construction: the writer and the activation at its end."""

    def __init__(self, choose: Chooser) -> None:
        self.choose = choose
        self.writer = GraphWriter()
        self.rng = np.random.default_rng(choose.integer(0, 1 << 30))
        self.shape: tuple[int, ...] = ()
        self.last = -1
        self.scale, self.zero = 1.0, 0

    def activation(self, shape: tuple[int, ...], scale: float, zero: int) -> int:
        # the reference aborts on scales far outside of what training gives
        self.shape, self.scale, self.zero = shape, float(np.float32(min(max(scale, 1e-5), 1e3))), zero
        self.last = self.writer.activation(shape, self.scale, zero)
        return self.last

    def zero_point(self) -> int:
        return self.choose.pick(ZERO_POINTS)

    def same(self, shape: tuple[int, ...]) -> int:
        """The next activation, with the scale and zero point of the last."""
        return self.activation(shape, self.scale, self.zero)


def _weights(m: _Model, shape: tuple[int, ...]) -> np.ndarray:
    """Random weights: any bits, any sparsity, sometimes in blocks or a few values only."""
    kind = m.choose.pick(("any", "few bits", "few values", "blocks", "any", "few bits", "extreme", "signs"))
    size = int(np.prod(shape))
    if kind == "signs":
        top = (1 << m.choose.integer(1, 4)) - 1
        odd = 2 * m.rng.integers(0, top + 1, size) - top
        return (odd * m.choose.integer(1, 127 // top)).astype(np.int8).reshape(shape)
    if kind == "few bits":
        reach = 1 << m.choose.integer(0, 5)
        values = m.rng.integers(-reach, reach, size)
    elif kind == "few values":
        values = m.rng.choice(m.rng.integers(-127, 128, 5), size)
    elif kind == "extreme":
        values = m.rng.choice([-127, 127, -128], size)
    else:
        values = np.clip(np.round(m.rng.normal(0, 40, size)), -127, 127)
    sparsity = m.choose.pick(SPARSITIES)
    if kind == "blocks":
        dead = np.repeat(m.rng.random(-(-size // 4)) < sparsity, 4)[:size]
    else:
        dead = m.rng.random(size) < sparsity
    return np.where(dead, 0, values).astype(np.int8).reshape(shape)


def _weighted(m: _Model, code: str, weights: np.ndarray, axis: int, shape: tuple[int, ...], **options: Any) -> None:
    """A convolution or fully connected layer with random scales, biases and activation."""
    channels = weights.shape[axis]
    per_channel = m.choose.pick((True, True, False))
    scales = (m.rng.uniform(0.2, 1.8, channels if per_channel else 1) * 0.01).astype(np.float32)
    spread = np.sqrt(max(float((weights.astype(np.float64) ** 2).sum()) / channels, 1.0)) * 74
    gain = m.choose.pick((1.0, 1.0, 1.0, 0.02, 30.0))  # 0.02 saturates, 30 leaves a few steps
    out_scale = m.scale * 0.01 * spread * gain / 60
    relu = m.choose.pick(ACTIVATIONS)
    inputs = [m.last, m.writer.weights(weights, scales, axis)]
    if m.choose.pick((True, True, True, code == "DEPTHWISE_CONV_2D")):
        bias = m.rng.normal(0, spread, channels)
        scaled = (scales * np.float32(m.scale)).astype(np.float32)
        inputs.append(m.writer.biases(np.round(bias), scaled))
    elif m.choose.pick((True, False)):
        inputs.append(-1)
    out = m.activation(shape, out_scale, m.zero_point())
    m.writer.operator(code, inputs, [out], fused_activation_function=relu, **options)


def _window(m: _Model, most: int, dilation: bool) -> tuple[dict[str, Any], int, int, int, int]:
    """Padding, strides, dilations and window, and the output's height and width."""
    _, height, width, _ = m.shape
    padding = m.choose.pick(("SAME", "VALID"))
    options: dict[str, Any] = {"padding": padding}
    out, taps = [], []
    for axis, size in (("h", height), ("w", width)):
        step, spacing = m.choose.integer(1, 3), m.choose.pick((1, 1, 2, 3)) if dilation else 1
        reach = size if padding == "VALID" else most
        window = m.choose.integer(1, max(min(most, (reach - 1) // spacing + 1), 1))
        options[f"stride_{axis}"] = step
        if dilation:
            options[f"dilation_{axis}_factor"] = spacing
        taps.append(window)
        out.append(-(-size // step) if padding == "SAME" else (size - (window - 1) * spacing - 1) // step + 1)
    return options, taps[0], taps[1], out[0], out[1]


def convolution(m: _Model) -> None:
    """CONV_2D with any window."""
    options, kh, kw, oh, ow = _window(m, 5, True)
    channels = m.choose.integer(1, 12)
    _weighted(m, "CONV_2D", _weights(m, (channels, kh, kw, m.shape[3])), 0, (1, oh, ow, channels), **options)


def pointwise(m: _Model) -> None:
    """CONV_2D with a 1x1 window and stride 1."""
    channels = m.choose.pick((m.shape[3], m.choose.integer(1, 40)))
    shape = (*m.shape[:3], channels)
    weights = _weights(m, (channels, 1, 1, m.shape[3]))
    _weighted(m, "CONV_2D", weights, 0, shape, padding="SAME", stride_h=1, stride_w=1)


def depthwise(m: _Model) -> None:
    """DEPTHWISE_CONV_2D, often the common 3x3, or the 5x5 and 7x7 of MBConv cells."""
    multiplier = m.choose.pick((1, 1, 1, 2, 3))
    side = m.choose.pick((3, 3, 5, 7, 0, 0))
    if side:
        stride = 1 if side == 3 else m.choose.integer(1, 2)
        options: dict[str, Any] = {"padding": "SAME", "stride_h": stride, "stride_w": stride}
        kh, kw, oh, ow = side, side, -(-m.shape[1] // stride), -(-m.shape[2] // stride)
    else:
        options, kh, kw, oh, ow = _window(m, 7, m.choose.pick((True, False)))
    channels = m.shape[3] * multiplier
    options["depth_multiplier"] = multiplier
    _weighted(m, "DEPTHWISE_CONV_2D", _weights(m, (1, kh, kw, channels)), 3, (1, oh, ow, channels), **options)


def pool(m: _Model) -> None:
    """AVERAGE_POOL_2D or MAX_POOL_2D."""
    options, kh, kw, oh, ow = _window(m, 6, False)
    source, channels = m.last, m.shape[3]
    out = m.same((1, oh, ow, channels))
    options |= {"filter_height": kh, "filter_width": kw, "fused_activation_function": m.choose.pick(ACTIVATIONS)}
    m.writer.operator(m.choose.pick(("AVERAGE_POOL_2D", "MAX_POOL_2D")), [source], [out], **options)


def mean(m: _Model) -> None:
    """MEAN over rows, columns or both."""
    axes = m.choose.pick(((1, 2), (2, 1), (1,), (2,), (-2,), (-3, -2)))
    source, before = m.last, m.shape
    kept = tuple(1 if i in {a % 4 for a in axes} else size for i, size in enumerate(before))
    scale = m.scale * m.choose.pick((1.0, 0.6, 0.25))
    constant = m.writer.constant(np.array(axes, np.int32))
    out = m.activation(kept, scale, m.zero_point())
    m.writer.operator("MEAN", [source, constant], [out], keep_dims=True)


def elementwise(m: _Model) -> None:
    """ADD or MUL of the activation with itself, a constant, or one value a channel."""
    source, scale, shape = m.last, m.scale, m.shape
    code = m.choose.pick(("ADD", "MUL"))
    other_scale = scale * m.choose.pick((1.0, 0.3, 2.5))
    which = m.choose.pick(("itself", "tensor", "channel", "scalar"))
    if which == "itself":
        other, other_scale = source, scale
    else:
        sizes = {"tensor": shape, "channel": (1, 1, 1, shape[3]), "scalar": (1, 1, 1, 1)}
        data = m.rng.integers(-128, 128, sizes[which]).astype(np.int8)
        other = m.writer.constant(data, other_scale, m.zero_point())
    out_scale = (scale + other_scale) * 0.7 if code == "ADD" else scale * other_scale * 60
    out = m.activation(shape, out_scale, m.zero_point())
    inputs = [source, other] if m.choose.pick((True, False)) else [other, source]
    m.writer.operator(code, inputs, [out], fused_activation_function=m.choose.pick(ACTIVATIONS))


def branch(m: _Model) -> None:
    """Two pointwise convolutions of one activation, joined by CONCATENATION or ADD."""
    start, shape, scale, zero = m.last, m.shape, m.scale, m.zero
    pointwise(m)
    left, left_shape, left_scale, left_zero = m.last, m.shape, m.scale, m.zero
    if m.choose.pick((True, False)):
        m.last, m.shape, m.scale, m.zero = start, shape, scale, zero
        weights = _weights(m, (left_shape[3], 1, 1, shape[3]))
        _weighted(m, "CONV_2D", weights, 0, left_shape, padding="VALID", stride_h=1, stride_w=1)
        right, right_scale = m.last, m.scale
        out = m.activation(left_shape, (left_scale + right_scale) * 0.7, m.zero_point())
        m.writer.operator("ADD", [left, right], [out])
        return
    axis = m.choose.pick((1, 2, 3, -1))
    data = m.rng.integers(-128, 128, left_shape).astype(np.int8)
    right = m.writer.constant(data, left_scale, left_zero)
    joined = tuple(size * 2 if i == axis % 4 else size for i, size in enumerate(left_shape))
    out = m.activation(joined, left_scale, left_zero)
    m.writer.operator("CONCATENATION", [left, right], [out], axis=axis)


def pad(m: _Model) -> None:
    """PAD of rows, columns and sometimes channels."""
    source = m.last
    table = np.array([(0, 0), *((m.choose.integer(0, 2), m.choose.integer(0, 2)) for _ in range(3))], np.int32)
    shape = tuple(int(size + a + b) for size, (a, b) in zip(m.shape, table, strict=True))
    constant = m.writer.constant(table)
    out = m.same(shape)
    m.writer.operator("PAD", [source, constant], [out])


def relu(m: _Model) -> None:
    """A separate RELU, with or without a new scale, or RELU6."""
    source, shape = m.last, m.shape
    code = m.choose.pick(("RELU", "RELU6"))
    if code == "RELU" and m.choose.pick((True, False)):
        out = m.activation(shape, m.scale * 0.7, m.zero_point())
    else:
        out = m.same(shape)
    m.writer.operator(code, [source], [out])


def requantize(m: _Model) -> None:
    """QUANTIZE from int8 to int8."""
    source, shape = m.last, m.shape
    out = m.activation(shape, m.scale * m.choose.pick((1.0, 0.5, 1.7)), m.zero_point())
    m.writer.operator("QUANTIZE", [source], [out])


def logistic(m: _Model) -> None:
    """LOGISTIC."""
    source, shape = m.last, m.shape
    m.writer.operator("LOGISTIC", [source], [m.activation(shape, 1 / 256, -128)])


def reshape(m: _Model) -> None:
    """RESHAPE to another image."""
    source, (_, height, width, channels) = m.last, m.shape
    shape = m.choose.pick(
        ((1, width, height, channels), (1, height * width, 1, channels), (1, 1, height, width * channels))
    )
    constant = m.writer.constant(np.array(shape, np.int32))
    m.writer.operator("RESHAPE", [source, constant], [m.same(shape)], new_shape=np.array(shape, np.int32))


BODY: tuple[Callable[[_Model], None], ...] = (
    *(convolution, convolution, pointwise, pointwise, depthwise, depthwise, pool, mean, elementwise),
    *(branch, pad, relu, requantize, logistic, reshape),
)


def _head(m: _Model) -> None:
    """Flatten, one or two fully connected layers, softmax."""
    source, size = m.last, int(np.prod(m.shape))
    constant = m.writer.constant(np.array([1, size], np.int32))
    m.writer.operator("RESHAPE", [source, constant], [m.same((1, size))], new_shape=np.array([1, size], np.int32))
    for _ in range(m.choose.integer(1, 2)):
        channels = m.choose.integer(1, 20)
        _weighted(m, "FULLY_CONNECTED", _weights(m, (channels, m.shape[1])), 0, (1, channels))
    if m.choose.pick((True, False)):
        source, shape = m.last, m.shape
        out = m.activation(shape, 1 / 256, -128)
        m.writer.operator("SOFTMAX", [source], [out], beta=float(m.choose.pick((1.0, 0.5))))


def random_model(choose: Chooser, most_layers: int = 5) -> bytes:
    """A random model with one input and one output.

    Args:
        choose: Where decisions come from.
        most_layers: How many operators of :data:`BODY` it has at most.
    """
    m = _Model(choose)
    height, width, channels = choose.integer(1, 13), choose.integer(1, 9), choose.integer(1, 9)
    scale = choose.pick((0.05, 0.003, 0.9))
    dtype = choose.pick(("int8", "int8", "int8", "uint8", "float32"))
    shape = (1, height, width, channels)
    first = _entry(m, dtype, shape, scale)
    for _ in range(choose.integer(1, most_layers)):
        if m.shape[1] * m.shape[2] * m.shape[3] > 6000:
            break
        choose.pick(BODY)(m)
    if choose.pick((True, True, False)):
        _head(m)
    if m.last == first:
        pointwise(m)
    last = m.last
    if choose.pick((False, False, False, True)):
        last = m.writer.tensor(m.shape, "float32")
        m.writer.operator("DEQUANTIZE", [m.last], [last])
    return m.writer.finish([first], [last])


def _entry(m: _Model, dtype: str, shape: tuple[int, ...], scale: float) -> int:
    if dtype == "int8":
        return m.activation(shape, scale, m.zero_point())
    if dtype == "uint8":
        first = m.writer.activation(shape, scale, 128, "uint8")
        m.writer.operator("QUANTIZE", [first], [m.activation(shape, scale, 0)])
        return first
    first = m.writer.tensor(shape, "float32")
    m.writer.operator("QUANTIZE", [first], [m.activation(shape, 1 / 127, m.zero_point())])
    return first
