"""PAD before convolutions becomes part of their windows: what lies outside is the zero point anyway."""

from __future__ import annotations

from dataclasses import replace

from firmware_export.ir import Layer, Layout, Program, Window


def fold_padding(program: Program) -> Program:
    """The program without the fills and copies of paddings that only convolutions read.

    A padded value is a fill and one copy into its middle. Where it has all channels of what is copied, is filled with
    the zero point of every convolution that reads it, and each of their windows sees something of the input, those read
    the input itself, their windows beginning before it.
    """
    for number, layer in enumerate(program.layers[1:], 1):
        fill = program.layers[number - 1]
        if fill.operation.fills is None or fill.output != layer.output:
            continue
        readers = [each for each in program.layers[number + 1 :] if layer.output in each.inputs]
        moved = [_moved(reader, layer, fill.operation.fills, program) for reader in readers]
        if moved and all(moved) and layer.output != program.output:
            return fold_padding(_without(program, (fill, layer), readers, [each for each in moved if each]))
    return program


def _without(program: Program, gone: tuple[Layer, Layer], readers: list[Layer], moved: list[Layer]) -> Program:
    swap = {id(old): new for old, new in zip(readers, moved, strict=True)}
    layers = [swap.get(id(layer), layer) for layer in program.layers if layer is not gone[0] and layer is not gone[1]]
    return replace(program, layers=layers)


def _moved(reader: Layer, place: Layer, fill: int, program: Program) -> Layer | None:
    """The reader of a padded value as a reader of what was padded, ``None`` where it cannot be."""
    given, out = program.values[place.inputs[0]].layout, program.values[place.output].layout
    before, begin = reader.operation.padded_window, place.operation.begins_at(out)
    if before is None or begin is None or given.channels != out.channels or before.zero_point != fill:
        return None
    _, row, column = begin
    window = replace(before, input=given, first_y=before.first_y - row, first_x=before.first_x - column)
    if not _each_sees(window, given):
        return None
    return replace(reader, operation=reader.operation.with_window(window), inputs=place.inputs)


def _each_sees(w: Window, given: Layout) -> bool:
    """Whether every window begins before the input's end and ends behind its begin."""
    axes = (
        (w.first_y, (w.height - 1) * w.dilation_y + 1, w.stride_y, w.output.height, given.height),
        (w.first_x, (w.width - 1) * w.dilation_x + 1, w.stride_x, w.output.width, given.width),
    )
    return all(first + reach > 0 and first + (count - 1) * stride < size for first, reach, stride, count, size in axes)
