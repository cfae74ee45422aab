"""Convolutions of few outputs, pixel by pixel: every byte TFLM's, and chosen where a core takes fewer cycles."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from many_models import assert_on_host, expected_of

from firmware_export import engine
from firmware_export.emulation.emulator import emulate
from firmware_export.encodings import ENCODINGS
from firmware_export.engine import Engine, build
from firmware_export.graphs.layer_builder import LayerBuilder
from kws_tfmot.quantization.grids import Grid

KERNEL = "kws_conv_pixels"
WITHOUT = ("planes", "delta")  # which have no product of a vector
GRIDS = {"packed": 4, "table": 4, "row_tables": 2}


def chain(channels: int = 5, sparsity: float = 0.0, grid: Grid | None = None) -> bytes:
    """A window over padding, a dilated one, single taps two apart, one of a column, and single taps in their place."""
    builder = LayerBuilder((1, 7, 6, channels), (0.5, -9), sparsity=sparsity, grid=grid)
    for shape, window, options in (
        ((4, 3, 6), (3, 3), {"padding": "SAME", "stride_h": 2, "stride_w": 2}),
        ((4, 3, 8), (2, 3), {"padding": "SAME", "stride_h": 1, "stride_w": 1, "dilation_h_factor": 2}),
        ((2, 2, 5), (1, 1), {"padding": "SAME", "stride_h": 2, "stride_w": 2}),
        ((1, 2, 4), (2, 1), {"padding": "VALID", "stride_h": 1, "stride_w": 1}),
        ((1, 2, 8), (1, 1), {"padding": "VALID", "stride_h": 1, "stride_w": 1}),
    ):
        given = builder.writer.root.subgraphs[0].tensors[builder.last].shape[3]
        fan_in = window[0] * window[1] * int(given)
        builder.layer("CONV_2D", (1, *shape), (shape[2], *window, int(given)), fan_in, **options)
    return builder.writer.finish([builder.first], [builder.last])


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pixel by pixel, whatever is cheaper."""
    monkeypatch.setattr(engine, "choose_pixels", lambda operations, *_: [not op.vector for op in operations])


def kernels(built: Engine) -> list[str]:
    return [call.functions[0] for call in built.calls if call.functions[0].startswith("kws_conv")]


def test_every_encoding_gives_tflm_s_bytes_on_this_computer(always: None, tmp_path: Path) -> None:
    models, engines = {}, []
    for name in ENCODINGS:
        if name not in WITHOUT:
            grid = Grid(GRIDS[name], zero=True) if name in GRIDS else None
            models[name] = chain(4 if name == "nm" else 5, 0.0 if name == "dense" or grid else 0.7, grid)
            engines.append(build(models[name], name=name, encodings=(name,)))
            assert set(kernels(engines[-1])) == {KERNEL}
    assert_on_host({one_of.name: one_of for one_of in engines}, expected_of(models), tmp_path)


@pytest.mark.device
@pytest.mark.parametrize("board", ["mps2-an386", "mps2-an385", "mps3-an547", "microbit"])
def test_every_byte_is_tflm_s_on_boards(board: str, always: None) -> None:
    report = emulate(chain(), board, random=3)
    assert report.bit_exact and [row["kernel"] for row in report.layers].count(KERNEL) == 5


def one(given: tuple[int, int, int], window: tuple[int, int], stride: tuple[int, int], filters: int) -> bytes:
    """A single convolution without padding."""
    builder = LayerBuilder((1, *given), (0.5, -9))
    made = tuple((size - taps) // step + 1 for size, taps, step in zip(given[:2], window, stride, strict=True))
    options = {"padding": "VALID", "stride_h": stride[0], "stride_w": stride[1]}
    fan_in = window[0] * window[1] * given[2]
    builder.layer("CONV_2D", (1, *made, filters), (filters, *window, given[2]), fan_in, **options)
    return builder.writer.finish([builder.first], [builder.last])


@pytest.mark.device
@pytest.mark.parametrize(
    ("model", "cmsis_nn"),
    [
        (lambda: one((4, 8, 31), (1, 1), (2, 4), 4), 4_060),
        (lambda: one((10, 2, 16), (1, 1), (2, 2), 3), 4_332),
        (lambda: one((10, 6, 5), (3, 3), (4, 4), 5), 4_034),
        (lambda: one((11, 5, 56), (3, 1), (1, 1), 10), 228_941),
    ],
)
def test_few_outputs_take_fewer_cycles_than_cmsis_nn(model: Callable[[], bytes], cmsis_nn: int) -> None:
    """CMSIS-NN's figures are of the same shape, compiler and emulator."""
    report = emulate(model(), random=1)
    assert next(row["cycles"] for row in report.layers if row["kernel"] == KERNEL) < cmsis_nn


def test_many_outputs_have_blocks_of_pixels() -> None:
    assert kernels(build(one((12, 10, 16), (3, 3), (1, 1), 32))) == ["kws_conv_dense_pairs"]
    assert kernels(build(one((6, 5, 18), (1, 1), (2, 2), 2))) == [KERNEL]


@pytest.mark.parametrize("channels", [24, 96])
def test_beside_blocks_of_pixels_it_must_be_worth_its_code(channels: int) -> None:
    """Which is no more than a twentieth of the flash where it is not speed that counts."""
    builder = LayerBuilder((1, 4, 3, channels), (0.5, -9))
    options = {"padding": "VALID", "stride_h": 1, "stride_w": 1}
    builder.layer("CONV_2D", (1, 4, 3, 192), (192, 1, 1, channels), channels, **options)
    builder.layer("CONV_2D", (1, 2, 2, 3), (3, 1, 1, 192), 192, **options | {"stride_h": 2, "stride_w": 2})
    model, blocks = builder.writer.finish([builder.first], [builder.last]), "kws_conv_dense_pairs"
    taken = {
        goal: kernels(build(model, optimise=goal, encodings=("dense",)))[1] for goal in ("speed", "balanced", "size")
    }
    assert taken == {"speed": KERNEL, "balanced": KERNEL if channels == 96 else blocks, "size": blocks}


def test_no_other_encoding_comes_for_it() -> None:
    """Steps of a byte have no product of a vector."""
    assert kernels(build(one((6, 5, 18), (1, 1), (2, 2), 2), encodings=("delta",))) != [KERNEL]


def test_scratch_is_less_than_that_of_blocks() -> None:
    few = one((4, 8, 32), (1, 1), (2, 4), 4)
    assert max(build(few).plan.scratch_bytes) == 32 + 4 < 32 * 16
