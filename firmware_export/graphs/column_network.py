"""A network of kernels N x 1 along time with random weights: what the figures of one streaming step are taken on.

The shape of MLPerf Tiny's streaming wake word benchmark: 40 features, 30 frames, no padding along time. A 3 x 1
convolution to 64 channels, four blocks of a depthwise kernel and a pointwise convolution to 96 channels, the mean over
what is left of time, 3 classes. One new frame takes 43,904 multiplications.
"""

from __future__ import annotations

import numpy as np

from firmware_export.graphs.layer_builder import LayerBuilder

FRAMES, FEATURES = 30, 40
FIRST, WIDTH, CLASSES = 64, 96, 3
KERNELS = (5, 7, 5, 7)


def column_network(sparsity: float = 0.0, seed: int = 0) -> bytes:
    """The network as an int8 ``.tflite``; ``sparsity`` is the share of zeros in each convolution that is no depthwise
    one."""
    b = LayerBuilder((1, FRAMES, 1, FEATURES), (0.1, -10), seed, sparsity)
    options = {"padding": "VALID", "stride_h": 1, "stride_w": 1}
    rows, channels = FRAMES - 2, FIRST
    b.layer("CONV_2D", (1, rows, 1, FIRST), (FIRST, 3, 1, FEATURES), 3 * FEATURES, **options)
    for kernel in KERNELS:
        rows -= kernel - 1
        shape = (1, rows, 1, channels)
        b.layer("DEPTHWISE_CONV_2D", shape, (1, kernel, 1, channels), kernel, depth_multiplier=1, **options)
        b.layer("CONV_2D", (1, rows, 1, WIDTH), (WIDTH, 1, 1, channels), channels, **options)
        channels = WIDTH
    pooled = b.writer.activation((1, WIDTH), b.scale, b.relu_zero)
    axes = b.writer.constant(np.array([1, 2], np.int32))
    b.writer.operator("MEAN", [b.last, axes], [pooled], keep_dims=False)
    b.last = pooled
    b.layer("FULLY_CONNECTED", (1, CLASSES), (CLASSES, WIDTH), WIDTH)
    return b.writer.finish([b.first], [b.last])
