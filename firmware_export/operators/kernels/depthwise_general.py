"""Whether the general depthwise kernel takes fewer cycles than a window's own, on cores that read no inputs in place.

Fitted to modelled cycles of 62 shapes with windows of 3x3, or of five and seven taps, over planes of 1x1 to 12x12: with
the cheaper by the fit layers take 0.6 % (Cortex-M3) and 4 % (Cortex-M0+) more than with the cheaper one counted, with
their own kernel always 4 and 12 %, with the general one always 66 and 6 %.
"""

from __future__ import annotations

import math

import numpy as np

from firmware_export.ir import Window

# Cycles of a channel and its inputs; of an output channel, its taps; then of what each kernel goes through.
_WIDE = {  # ... of each six outputs of a line, their taps, and each output
    "m3": (7.73, 20.6, 415.44, 0.0, 156.97, 11.08, 32.19),
    "m0plus": (0.0, 36.25, 349.04, 0.0, 260.07, 25.0, 227.61),
}
_SMALL = (0.0, 37.94, 814.31, 0.0, 119.76)  # ... of each output; of Cortex-M0+: on M3 it was always the cheaper
_GENERAL = {  # ... of each line; of four outputs of it and their pairs of taps; the same of lines of less than four
    "m3": (0.0, 9.49, 145.45, 0.0, 187.92, 112.38, 5.22, 20.36, 23.17),
    "m0plus": (0.0, 17.14, 97.46, 0.0, 250.56, 163.05, 11.2, 3.99, 43.2),
}


def general_is_cheaper(w: Window, multiplier: int, kind: str, down: bool, core: str) -> bool:
    """Whether ``kws_depthwise_any`` is, of a layer that ``kind`` ("small" or "wide") takes too, on ``core``.

    Cortex-M55's vectors take most shapes of all three alike; of others the general one is the cheaper of 3x3, of more
    taps their own.
    """
    if core not in _GENERAL or (core, kind) == ("m3", "small"):
        return (core, kind) == ("m55", "small")
    channels, taps = w.input.channels * multiplier, w.height * w.width
    line = w.output.height if down else w.output.width
    stride = w.stride_y if down else w.stride_x
    rows, along = (w.width, w.height) if down else (w.height, w.width)
    lines, pairs = w.output.pixels // line, rows * -(-along // 2)
    begin = [w.input.channels, w.input.channels * w.input.pixels, channels, channels * taps]
    if kind == "wide":
        sixes = channels * lines * math.ceil(math.ceil(line / 2) / 3)
        own = np.dot([*begin, sixes, sixes * taps, channels * w.output.pixels], _WIDE[core])
    else:
        own = np.dot([*begin, channels * w.output.pixels], _SMALL)
    fours, few = channels * lines * -(-line // 4) * 4 * (line >= 4), channels * w.output.pixels * (line < 4)
    if stride > 2:  # an output at a time, as in short lines
        fours, few = 0, channels * w.output.pixels
    general = np.dot([*begin, channels * lines, fours, fours * pairs, few, few * pairs], _GENERAL[core])
    return bool(general < own)
