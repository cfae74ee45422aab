"""The MBConv network of Peter, Roth and Pernkopf 2020 (arXiv 2012.10138): a list of inverted bottlenecks.

A 5x11 convolution (frequency x time), cells of MobileNetV2's inverted bottleneck (Sandler et al. 2018, arXiv
1801.04381), a 1x1 convolution that mixes, average pooling. Features are [frames, coefficients] here, so that every
kernel and stride is turned: the first is 11x5 with stride (2, 1).
"""

from __future__ import annotations

from collections.abc import Callable

from kws_tfmot.keras import keras
from kws_tfmot.models.layers import classifier, conv_bn_relu, depthwise_bn_relu
from kws_tfmot.models.mbconv_cells import Cell, cells_text, parse_cells
from kws_tfmot.models.model_settings import ModelSettings
from kws_tfmot.models.time_padding import TimePadding, newest_rows

Body = Callable[["keras.KerasTensor"], "keras.KerasTensor"]
FIRST_KERNEL, FIRST_STRIDES = (11, 5), (2, 1)
CELL_STRIDES = (2, 2)  # of the first cell; all others keep the size
LIMIT = 6.0
_WIDTH, _MIX = 72, 144
# The authors' network for 10 coefficients; at width 88 and mix 184 it has 244.2 k weights.
_PUBLISHED = (*["7x7 e2"] * 3, *["5x5 e1"] * 2, *["7x7 e1"] * 5, "5x5 e1", "7x7 e1")


def multiple_of_8(channels: float) -> int:
    """The nearest multiple of 8, halves up, at least 8.

    >>> [multiple_of_8(72 * omega) for omega in (0.75, 1, 1.25)], multiple_of_8(144 * 1.25)
    ([56, 72, 88], 184)
    """
    return max(8, int(channels + 4) // 8 * 8)


def widths(settings: ModelSettings) -> tuple[int, int]:
    """Channels of the cells and of the mix convolution.

    >>> widths(ModelSettings(name="mbconv", multiplier=1.25)), widths(ModelSettings(name="mbconv", width=24))
    ((88, 184), (24, 48))
    """
    if settings.width is None:
        omega = settings.multiplier or 1.0
        return multiple_of_8(_WIDTH * omega), settings.mix or multiple_of_8(_MIX * omega)
    return settings.width, settings.mix or 2 * settings.width


def cells_of(settings: ModelSettings) -> tuple[Cell | None, ...]:
    """The cells that ``settings`` name; ``None`` is a cell left out. ``blocks`` above 12 repeat the published last."""
    if settings.cells is not None:
        return parse_cells(settings.cells)
    blocks = settings.blocks or len(_PUBLISHED)
    return parse_cells((*_PUBLISHED, *_PUBLISHED[-1:] * blocks)[:blocks])


def build(settings: ModelSettings, input_shape: tuple[int, int], classes: int) -> keras.Model:
    """First convolution, cells, mix, average pooling over the map and a softmax layer; ReLU6 throughout.

    Args:
        settings: ``cells`` names the network; ``width`` and ``mix``, or ``multiplier``, its channels.
        input_shape: (frames, coefficients).
        classes: Number of labels.
    """
    width, _ = widths(settings)

    def cells(x: keras.KerasTensor) -> keras.KerasTensor:
        """The chain of the cells that are there; an absent cell passes its input on."""
        for i, cell in enumerate(cells_of(settings), start=1):
            if cell is not None:
                x = _bottleneck(x, f"cell{i}", cell, width, settings.resolved_time_padding, first=i == 1)
        return x

    return assemble(settings, input_shape, classes, cells)


def assemble(settings: ModelSettings, input_shape: tuple[int, int], classes: int, cells: Body) -> keras.Model:
    """The network around ``cells``: concrete ones here, undecided ones in a search.

    Args:
        settings: As for :func:`build`.
        input_shape: As there.
        classes: As there.
        cells: From the first convolution's output to the mix convolution's input.
    """
    width, mix = widths(settings)
    inputs = keras.Input((*input_shape, 1), name="features")
    padding = settings.resolved_time_padding
    x = cells(conv_bn_relu(inputs, "conv", width, FIRST_KERNEL, FIRST_STRIDES, limit=LIMIT, time_padding=padding))
    x = conv_bn_relu(x, "mix", mix, (1, 1), limit=LIMIT)
    x = keras.layers.AveragePooling2D(x.shape[1:3], name="pool")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    return keras.Model(inputs, classifier(x, classes, settings.dropout), name="mbconv")


def describe(settings: ModelSettings) -> str:
    """The network in one line.

    >>> describe(ModelSettings(name="mbconv", width=24, cells=["7x7 e2", "zero", "5x5 e1"]))
    'width 24, mix 48: 7x7 e2, zero, 5x5 e1'
    """
    width, mix = widths(settings)
    return f"width {width}, mix {mix}: {', '.join(cells_text(cells_of(settings)))}"


def _bottleneck(
    x: keras.KerasTensor, name: str, cell: Cell, width: int, padding: TimePadding, first: bool
) -> keras.KerasTensor:
    """Expand (where it does), filter each channel, project without activation, add the input but in the first cell."""
    y = x
    if cell.expansion > 1:
        y = conv_bn_relu(y, f"{name}_expand", cell.expansion * width, (1, 1), limit=LIMIT)
    strides = CELL_STRIDES if first else (1, 1)
    kernel = (cell.kernel, cell.kernel)
    y = depthwise_bn_relu(y, f"{name}_depthwise", kernel, strides, limit=LIMIT, time_padding=padding)
    y = conv_bn_relu(y, f"{name}_project", width, (1, 1), relu=False)
    return y if first else keras.layers.Add(name=f"{name}_add")([y, newest_rows(x, name, padding, (cell.kernel, 1, 1))])
