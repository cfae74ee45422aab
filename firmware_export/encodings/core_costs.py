"""Cycles of the kernels on each core: constants fitted to the emulator's modelled cycles.

`make bench-encodings` measures and fits them again (:mod:`firmware_export.search_costs.encoding_cost`, which says what
each means); no layer that they were fitted to was off by more than 2 %, on Cortex-M55 dense ones and those of few bits
by 16 %, and index lists of matrices, by sixteens and a rest, by 21 %.
"""

from __future__ import annotations

from dataclasses import dataclass

from kws_tfmot.errors import RecipeError, did_you_mean


@dataclass(frozen=True)
class KernelCost:
    """Cycles for each visited weight (or group, or block), word beside them, row of weights, and weight of a row."""

    each: float
    word: float
    row: float
    column: float


@dataclass(frozen=True)
class PixelCost:
    """Cycles of a convolution pixel by pixel beside the product: of each pixel, of each run of inputs that a window
    brings (channels of a tap, or taps of a line of a channel), of each input, and of each output. And what blocks take
    beside their estimate where this is weighed: each, and each pixel's window."""

    each: float
    run: float
    input: float
    put: float
    block: float
    window: float


@dataclass(frozen=True)
class CoreCosts:
    """Of one core: kernels of convolutions (for eight pixels), of matrices times vectors, and im2col of a window.

    Where the window is larger than one pixel ``window`` replaces ``column``, or ``planes_window`` is added to planes'.
    """

    convolution: dict[str, KernelCost]
    vector: dict[str, KernelCost]
    window: float
    planes_window: float
    pixel: PixelCost


CODE = {
    "dense": 620,
    "bitmap": 900,
    "delta4": 900,
    "delta": 750,
    "index": 900,
    "block": 1000,
    "nm": 900,
    "packed": 1000,
    "table": 1300,
    "row_tables": 1300,
    "planes": 1400,
}  # bytes of a convolution's kernel; that of a matrix times a vector is about half

COSTS: dict[str, CoreCosts] = {
    "m0plus": CoreCosts(
        convolution={
            "dense": KernelCost(38.9, 0.0, 658.75, 47.77),
            "delta": KernelCost(74.6, 0.0, 702.85, 48.02),
            "delta4": KernelCost(76.7, 0.0, 706.33, 48.15),
            "bitmap": KernelCost(116.15, 56.09, 707.39, 48.72),
            "index": KernelCost(77.26, 0.0, 710.22, 47.85),
            "block": KernelCost(316.75, 0.0, 704.3, 50.01),
            "nm": KernelCost(75.33, 0.0, 756.66, 48.25),
            "packed": KernelCost(61.41, 0.0, 797.53, 47.51),
            "table": KernelCost(46.49, 0.0, 833.25, 55.52),
            "wide_table": KernelCost(60.62, 0.0, 756.14, 48.19),
            "row_tables": KernelCost(46.12, 0.0, 772.21, 48.17),
            "planes": KernelCost(6.29, 42.65, 928.11, 159.84),
            "wide_planes": KernelCost(6.48, 40.07, 1110.34, 161.92),
        },
        vector={
            "dense": KernelCost(6.96, 0.0, 119.36, 1.65),
            "delta4": KernelCost(12.41, 0.0, 100.13, 0.86),
            "bitmap": KernelCost(42.93, 24.45, 102.37, 0.54),
            "index": KernelCost(13.92, 0.0, 100.93, 0.78),
            "block": KernelCost(38.54, 0.0, 102.06, 0.76),
            "nm": KernelCost(12.29, 0.0, 102.5, 2.04),
            "packed": KernelCost(32.47, 0.0, 194.93, 1.18),
            "table": KernelCost(18.22, 0.0, 211.94, 1.33),
            "wide_table": KernelCost(31.72, 0.0, 193.59, 1.23),
            "row_tables": KernelCost(17.22, 0.0, 210.07, 0.99),
        },
        window=171.23,
        planes_window=129.65,
        pixel=PixelCost(369.1, 59.01, 6.56, 13.83, 244.0, 186.0),
    ),
    "m3": CoreCosts(
        convolution={
            "dense": KernelCost(22.9, 0.0, 151.31, 76.07),
            "delta": KernelCost(33.18, 0.0, 148.76, 28.48),
            "delta4": KernelCost(33.9, 0.0, 150.37, 28.82),
            "bitmap": KernelCost(37.32, 15.34, 145.89, 29.24),
            "index": KernelCost(37.91, 0.0, 150.29, 28.7),
            "block": KernelCost(128.26, 0.0, 152.29, 28.36),
            "nm": KernelCost(34.55, 0.0, 151.84, 30.51),
            "packed": KernelCost(49.94, 0.0, 277.96, 28.4),
            "table": KernelCost(36.82, 0.0, 288.98, 28.4),
            "wide_table": KernelCost(49.69, 0.0, 281.96, 28.4),
            "row_tables": KernelCost(36.81, 0.0, 299.31, 28.79),
            "planes": KernelCost(2.9, 24.06, 124.64, 123.07),
            "wide_planes": KernelCost(4.11, 28.99, 703.61, 122.92),
        },
        vector={
            "dense": KernelCost(5.34, 0.0, 66.81, 1.22),
            "delta4": KernelCost(12.46, 0.0, 51.79, 0.63),
            "bitmap": KernelCost(12.43, 9.39, 57.4, 0.67),
            "index": KernelCost(10.97, 0.0, 56.68, 0.63),
            "block": KernelCost(27.96, 0.0, 58.78, 0.6),
            "nm": KernelCost(11.88, 0.0, 56.96, 1.14),
            "packed": KernelCost(28.47, 0.0, 125.25, 1.0),
            "table": KernelCost(15.35, 0.0, 136.26, 1.0),
            "wide_table": KernelCost(28.22, 0.0, 129.25, 1.0),
            "row_tables": KernelCost(15.35, 0.0, 146.26, 1.0),
        },
        window=121.95,
        planes_window=97.98,
        pixel=PixelCost(249.24, 46.19, 3.99, 12.67, 244.0, 186.0),
    ),
    "m4": CoreCosts(
        convolution={
            "dense": KernelCost(8.03, 0.0, 122.0, 30.55),
            "delta": KernelCost(14.19, 0.0, 101.17, 26.39),
            "narrow_4": KernelCost(11.97, 0.0, 67.87, 20.62),
            "narrow_6": KernelCost(13.98, 0.0, 83.49, 28.12),
            "narrow_10": KernelCost(21.96, 0.0, 117.77, 38.7),
            "delta4": KernelCost(15.91, 0.0, 102.77, 26.69),
            "bitmap": KernelCost(19.34, 14.86, 98.26, 27.02),
            "index": KernelCost(19.92, 0.0, 102.68, 26.57),
            "block": KernelCost(56.32, 0.0, 104.6, 26.37),
            "nm": KernelCost(16.56, 0.0, 103.74, 28.35),
            "packed": KernelCost(32.94, 0.0, 243.05, 26.49),
            "table": KernelCost(18.31, 0.0, 249.11, 26.5),
            "wide_table": KernelCost(32.94, 0.0, 247.05, 26.49),
            "row_tables": KernelCost(18.3, 0.0, 257.44, 26.88),
            "planes": KernelCost(2.87, 24.78, 59.59, 51.83),
            "wide_planes": KernelCost(4.09, 29.82, 603.64, 51.9),
        },
        vector={
            "dense": KernelCost(1.4, 0.0, 29.73, 1.34),
            "delta4": KernelCost(9.96, 0.0, 44.78, 0.63),
            "bitmap": KernelCost(11.43, 9.41, 48.87, 0.65),
            "index": KernelCost(9.96, 0.0, 46.76, 0.61),
            "block": KernelCost(15.68, 0.0, 47.48, 0.41),
            "nm": KernelCost(9.87, 0.0, 45.48, 1.15),
            "packed": KernelCost(22.85, 0.0, 149.23, 0.98),
            "table": KernelCost(8.22, 0.0, 155.25, 0.98),
            "wide_table": KernelCost(22.85, 0.0, 153.23, 0.98),
            "row_tables": KernelCost(8.22, 0.0, 163.25, 0.98),
        },
        window=114.29,
        planes_window=91.88,
        pixel=PixelCost(243.74, 45.01, 3.78, 12.57, 244.0, 186.0),
    ),
    "m55": CoreCosts(
        convolution={
            "dense": KernelCost(1.12, 0.0, 118.87, 24.12),
            "delta": KernelCost(8.73, 0.0, 35.47, 12.48),
            "delta4": KernelCost(9.7, 0.0, 35.81, 12.47),
            "bitmap": KernelCost(10.67, 7.0, 33.91, 12.55),
            "index": KernelCost(9.22, 0.0, 35.89, 12.43),
            "block": KernelCost(31.01, 0.0, 36.52, 12.32),
            "nm": KernelCost(8.94, 0.0, 36.58, 13.13),
            "packed": KernelCost(6.16, 0.0, 232.22, 28.71),
            "table": KernelCost(6.77, 0.0, 231.19, 28.51),
            "wide_table": KernelCost(6.77, 0.0, 231.19, 28.51),
            "row_tables": KernelCost(6.76, 0.0, 236.07, 28.55),
            "planes": KernelCost(1.03, 0.0, 165.21, 48.06),
            "wide_planes": KernelCost(0.58, 0.0, 260.3, 23.52),
        },
        vector={
            "dense": KernelCost(0.23, 0.0, 50.97, 0.92),
            "delta4": KernelCost(9.01, 0.0, 163.1, 1.02),
            "bitmap": KernelCost(1.63, 75.96, 124.93, 9.54),
            "index": KernelCost(1.87, 0.0, 82.5, 0.81),
            "block": KernelCost(10.2, 0.0, 93.34, 1.72),
            "nm": KernelCost(6.82, 0.0, 120.12, 0.0),
            "packed": KernelCost(7.24, 0.0, 157.16, 0.09),
            "table": KernelCost(8.37, 0.0, 157.13, 0.08),
            "wide_table": KernelCost(8.37, 0.0, 157.13, 0.08),
            "row_tables": KernelCost(8.37, 0.0, 166.14, 0.09),
        },
        window=99.03,
        planes_window=75.42,
        pixel=PixelCost(239.17, 52.48, 3.19, 2.27, 244.0, 60.0),
    ),
}

DEFAULT_CORE = "m4"
# Cores whose kernels and timing are taken from another.
LIKE = {"m0": "m0plus", "m0plus": "m0plus", "m3": "m3", "m4": "m4", "m7": "m4", "m33": "m4", "m55": "m55", "m85": "m55"}


def core_of(name: str) -> str:
    """The key of :data:`COSTS` that a core goes by.

    Raises:
        RecipeError: For a core there is none for.

    >>> core_of("cortex-m33"), core_of("Cortex-M4F"), core_of("m0")
    ('m4', 'm4', 'm0plus')
    """
    short = name.lower().removeprefix("cortex-").replace("+", "plus").removesuffix("f")
    if short not in LIKE:
        known = [f"cortex-{core}" for core in LIKE]
        raise RecipeError(f"unknown core {name!r}.{did_you_mean(name.lower(), known)} Allowed: {', '.join(known)}.")
    return LIKE[short]
