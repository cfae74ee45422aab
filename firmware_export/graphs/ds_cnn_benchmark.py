"""The MLPerf Tiny keyword model's architecture with random weights: what the engine's figures are taken on.

DS-CNN of Zhang et al. 2017 (arXiv 1711.07128) as in MLPerf Tiny: 49x10x1 in, a 10x4 convolution with stride 2, four
pairs of depthwise 3x3 and pointwise convolution, 64 channels, average pooling, 12 classes; 2.66 M multiplications.
Instructions depend on shapes and on where the zeros are, hardly on the values.
"""

from __future__ import annotations

import numpy as np

from firmware_export.graphs.layer_builder import LayerBuilder
from kws_tfmot.quantization.grids import Grid

SIZE = (49, 10)
FIRST = (10, 4)
WIDTH = 64
BLOCKS = 4
CLASSES = 12
LABELS = ("down", "go", "left", "no", "off", "on", "right", "stop", "up", "yes", "silence", "unknown")


def ds_cnn(sparsity: float = 0.0, seed: int = 0, relu_zero: int = -128, grid: Grid | None = None) -> bytes:
    """The architecture as a ``.tflite``.

    Args:
        sparsity: Share of zeros in the first and in each pointwise convolution, each exactly this sparse.
        seed: Of the weights.
        relu_zero: Zero point of the activations. Quantisation-aware training may leave another than -128, which
            costs half the resolution and a pass that limits each activation from below.
        grid: Of few bits, on which every weight lies.
    """
    b = LayerBuilder((1, *SIZE, 1), (0.5847029, 83), seed, sparsity, relu_zero, grid)
    height, width = -(-SIZE[0] // 2), -(-SIZE[1] // 2)
    shape = (1, height, width, WIDTH)
    b.layer("CONV_2D", shape, (WIDTH, *FIRST, 1), FIRST[0] * FIRST[1], padding="SAME", stride_h=2, stride_w=2)
    one = {"padding": "SAME", "stride_h": 1, "stride_w": 1}
    for _ in range(BLOCKS):
        b.layer("DEPTHWISE_CONV_2D", shape, (1, 3, 3, WIDTH), 9, depth_multiplier=1, **one)
        b.layer("CONV_2D", shape, (WIDTH, 1, 1, WIDTH), WIDTH, **one)
    pooled = b.writer.activation((1, 1, 1, WIDTH), b.scale, relu_zero)
    pool = {"padding": "VALID", "stride_h": height, "stride_w": width, "filter_height": height, "filter_width": width}
    b.writer.operator("AVERAGE_POOL_2D", [b.last], [pooled], **pool)
    flat = b.writer.activation((1, WIDTH), b.scale, relu_zero)
    shape_constant = b.writer.constant(np.array([1, WIDTH], np.int32))
    b.writer.operator("RESHAPE", [pooled, shape_constant], [flat], new_shape=np.array([1, WIDTH], np.int32))
    b.last = flat
    b.layer("FULLY_CONNECTED", (1, CLASSES), (CLASSES, WIDTH), WIDTH)
    out = b.writer.activation((1, CLASSES), 1 / 256, -128)
    b.writer.operator("SOFTMAX", [b.last], [out], beta=1.0)
    return b.writer.finish([b.first], [out])
