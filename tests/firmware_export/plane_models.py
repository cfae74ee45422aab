"""Convolutions of planes of signs: every depth, number of planes and window that a kernel tells apart."""

from __future__ import annotations

import numpy as np

from firmware_export.graphs.graph_writer import GraphWriter

# (output channels, kernel, stride, bits): depths 5, 12, 45, 20, 30, 64, 255 and 14; four bits leave the assembly.
LAYERS = (
    (12, 1, 1, 1),
    (5, 1, 1, 2),
    (20, 3, 1, 1),
    (30, 1, 1, 3),
    (64, 1, 1, 1),
    (255, 1, 1, 1),
    (14, 1, 1, 1),
    (3, 1, 1, 4),
    (9, 2, 2, 1),
)


def layers(height: int, width: int, kinds: tuple[tuple[int, int, int, int], ...] = LAYERS) -> bytes:
    """One convolution behind the other, all of odd levels."""
    rng = np.random.default_rng(height)
    w, channels = GraphWriter(), 5
    first = last = w.activation((1, height, width, channels), 0.5, 3)
    for outputs, kernel, stride, bits in kinds:
        height, width, scale = -(-height // stride), -(-width // stride), np.float32(0.5)
        depth = kernel * kernel * channels
        levels = np.arange(1 - (1 << bits), 1 << bits, 2, dtype=np.int8) * (64 >> bits)
        weights = rng.choice(levels, (outputs, kernel, kernel, channels))
        scales = rng.uniform(0.5, 1.5, outputs).astype(np.float32) * np.float32(0.03 / np.sqrt(depth))
        y = w.activation((1, height, width, outputs), 0.5, int(rng.integers(-20, 20)))
        bias = w.biases(rng.integers(-2000, 2000, outputs), scales * scale)
        options = {"padding": "SAME", "stride_h": stride, "stride_w": stride}
        w.operator("CONV_2D", [last, w.weights(weights, scales, 0), bias], [y], **options)
        last, channels = y, outputs
    return w.finish([first], [last])
