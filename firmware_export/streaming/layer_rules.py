"""The rules of :mod:`firmware_export.time_rules`, asked of a layer among the others of its program."""

from __future__ import annotations

from dataclasses import replace

from firmware_export.ir import Layer, Layout, Program, Value, to_chw
from firmware_export.time_rules import SAME_HINT, Given, NotStreamable, Track


def track_of(layer: Layer, program: Program, tracks: dict[int, Track | None]) -> Track | None:
    """The track of a layer's output, ``None`` where it has no rows of time to keep.

    Raises:
        NotStreamable: Where rows of time cannot be computed once, saying why and what to change.
    """
    given = Given(
        tuple(tracks.get(value) for value in layer.inputs),
        tuple(program.values[value].data is not None for value in layer.inputs),
        program.values[layer.output].layout,
    )
    return layer.operation.track(given) if given.timed else None


def check_placed(layer: Layer, program: Program, tracks: dict[int, Track | None]) -> None:
    """Refuse parts of a value along time that are not of its rows: padding and concatenation along time.

    Raises:
        NotStreamable: Saying what to change.
    """
    track, part = tracks.get(layer.output), program.values[layer.inputs[0]]
    apart = layer.operation.sets_rows_apart(part.layout, program.values[layer.output].layout)
    if track is None or apart is None:
        return
    if apart:
        raise NotStreamable(f"it sets rows before or behind others in time, and they move with the window: {SAME_HINT}")
    if part.data is not None:
        constant_rows(part, 1)
    elif tracks.get(layer.inputs[0]) != track:
        raise NotStreamable("it joins rows with numbers made from the whole window, so each window changes all rows")


def rows_read(layer: Layer, value: int, program: Program, tracks: dict[int, Track | None], hop: int) -> tuple[int, int]:
    """The rows of ``value``, from and to, that a step of ``hop`` input rows reads to compute the layer's new rows."""
    track, out = tracks[value], tracks.get(layer.output)
    if track is None:
        return 0, program.values[value].layout.height
    rows = program.values[layer.output].layout.height
    seen = layer.operation.rows_seen(rows - (out.gained(hop) if out else rows), rows)
    if seen is not None:
        return max(seen[0], 0), min(seen[1], track.rows)
    if out is None:
        return 0, track.rows
    return track.rows - track.gained(hop), track.rows


def constant_rows(value: Value, rows: int) -> Value:
    """``rows`` of a constant that repeats along time.

    Raises:
        NotStreamable: If its rows differ.
    """
    layout = value.layout
    if layout.height == 1 or value.data is None:
        return value
    planes = value.data.reshape(layout.channels, layout.plane)[:, : layout.pixels]
    image = planes.reshape(layout.channels, layout.height, layout.width)
    if (image != image[:, :1]).any():
        raise NotStreamable("its constant differs from row to row of the window: use one that is the same for all")
    cut = Layout(rows, layout.width, layout.channels)
    return replace(value, layout=cut, data=to_chw(image[:, :rows].transpose(1, 2, 0).copy(), cut))
