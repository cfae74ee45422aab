"""The streaming plan: from a whole-window program to one whose step computes only what new rows change.

A window of ``T`` rows moves on by ``hop`` rows. Each value along time gains ``hop / stride`` rows in a step, and keeps
as many older ones as its readers still need: its ring, a state of the program (:class:`firmware_export.ir.State`). The
kernels are those of the whole window, run on the ring's few rows; the last layers, which see all that is left of time,
run as they are. Every step from the first full window on gives the bytes of the whole window on the last ``T`` rows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, lcm

from firmware_export.ir import Layer, Layout, Program, State, StepPlan, Value
from firmware_export.operators.kernels.append import Append
from firmware_export.operators.kernels.reshape_tensor import Reshape
from firmware_export.streaming.layer_rules import check_placed, constant_rows, rows_read, track_of
from firmware_export.streaming.upright import upright
from firmware_export.time_rules import NotStreamable, StepRows, Track
from kws_tfmot.errors import ModelError, RecipeError


def stream_program(program: Program, hop: int | None = None, rows: int | None = None) -> Program:
    """The program of one step.

    Args:
        program: A lowered whole-window model.
        hop: Input rows a step takes; the least possible where not given.
        rows: Frames of the front end, for a flat input whose shapes do not say them.

    Raises:
        ModelError: Listing every operator whose rows cannot be computed once, and what to change.
        RecipeError: For a hop that does not fit the model's strides or is longer than its window.
    """
    try:
        turn = upright(program, rows)
    except NotStreamable as problem:
        raise _refusal([str(problem)]) from None
    tracks, problems = tracks_of(turn.program, turn.timed, turn.rows)
    problems = [*turn.problems, *problems]
    if problems:
        raise _refusal(problems)
    return _Rewrite(turn.program, tracks, _hop_of(tracks, hop, turn.rows), turn.rows).run()


def _refusal(problems: list[str]) -> ModelError:
    lines = "\n".join(f"- {problem}" for problem in dict.fromkeys(problems))
    return ModelError(
        f"this model cannot be streamed exactly:\n{lines}", "Without --stream it runs window by window as before."
    )


def tracks_of(program: Program, timed: frozenset[int], rows: int) -> tuple[dict[int, Track | None], list[str]]:
    """The track of every value, and what was refused."""
    tracks: dict[int, Track | None] = {program.input: Track(rows, 1) if rows > 1 else None}
    problems: list[str] = []
    for layer in program.layers:
        try:
            track = track_of(layer, program, tracks)
            if track is not None and program.values[layer.output].layout.height == 1:
                track = None
            if track is not None:
                for value in layer.inputs:
                    constant_rows(program.values[value], 1)
            tracks[layer.output] = track or tracks.get(layer.output)
        except NotStreamable as problem:
            problems.append(f"operator {layer.name}: {problem}")
            tracks[layer.output] = _as_if_valid(layer, program, tracks)
    for layer in program.layers:
        try:
            if layer.inputs:
                check_placed(layer, program, tracks)
        except NotStreamable as problem:
            problems.append(f"operator {layer.name}: {problem}")
    if not problems and tracks.get(program.output) is not None:
        problems.append("the output has a row for every row of the input: end with a mean or a layer over time")
    return tracks, problems


def _as_if_valid(layer: Layer, program: Program, tracks: dict[int, Track | None]) -> Track | None:
    """The track of a refused layer's output, so that what follows is looked at too and all is refused at once."""
    given = next((track for value in layer.inputs if (track := tracks.get(value))), None)
    rows, window = program.values[layer.output].layout.height, layer.operation.sliding
    return Track(rows, given.stride * (window.stride_y if window else 1)) if given and rows > 1 else None


def _hop_of(tracks: dict[int, Track | None], hop: int | None, rows: int) -> int:
    least = lcm(*(track.stride for track in tracks.values() if track is not None))
    if least > rows:
        raise _refusal([f"its strides along time multiply to {least}, more than the {rows} rows of a window"])
    if hop is None:
        return least
    if hop < 1 or hop > rows or hop % least:
        raise RecipeError(
            f"expected --hop to be a multiple of {least}, the product of the strides along time, up to {rows}, the "
            f"rows of a window. Received: {hop}."
        )
    return hop


@dataclass(frozen=True)
class _Source:
    """Where rows of a value are found: a value of the step program, and which row of the window its first one is."""

    value: int
    first: int


class _Rewrite:
    """Builds the step program."""

    def __init__(self, program: Program, tracks: dict[int, Track | None], hop: int, rows: int) -> None:
        self.old, self.tracks, self.hop, self.rows = program, tracks, hop, rows
        self.new = replace(program, values=[], layers=[], states=[])
        self.fresh: dict[int, _Source] = {}  # the rows a step computes
        self.kept: dict[int, _Source] = {}  # those and older ones
        self.rowwise: set[int] = set()  # values whose ring holds rows one behind the other
        self.oldest = self._oldest()
        self.writers = {layer.output: number for number, layer in enumerate(program.layers)}  # the last of each

    def _oldest(self) -> dict[int, int]:
        """The oldest row of each value that any layer reads."""
        oldest: dict[int, int] = {}
        for layer in self.old.layers:
            for value in layer.inputs:
                if self.tracks.get(value) is not None:
                    low, _ = rows_read(layer, value, self.old, self.tracks, self.hop)
                    oldest[value] = min(low, oldest.get(value, low))
        return oldest

    def run(self) -> Program:
        """The step program, its states and its :class:`~firmware_export.ir.StepPlan`."""
        old, new = self.old, self.new
        source = self.source(old.input)
        new.input = source.value
        self.keep(old.input, "input")
        for number, layer in enumerate(old.layers):
            self.rewrite(layer)
            if self.writers[layer.output] == number:
                self.keep(layer.output, layer.name)
        new.output = self.fresh[old.output].value
        elements = old.values[old.input].layout.elements // self.rows
        new.step = StepPlan(self.hop, self.rows, ceil(self.rows / self.hop) - 1, elements)
        return new

    def add(self, value: Value) -> int:
        """Append a value to the step program."""
        self.new.values.append(value)
        return len(self.new.values) - 1

    def rows_of(self, value: int) -> int:
        """Rows of a value that a step computes."""
        track = self.tracks.get(value)
        return track.gained(self.hop) if track else self.old.values[value].layout.height

    def source(self, value: int) -> _Source:
        """The value's new rows, added to the step program where they are not there yet."""
        if value not in self.fresh:
            before = self.old.values[value]
            count = self.rows_of(value)
            layout = Layout(count, before.layout.width, before.layout.channels)
            self.fresh[value] = _Source(self.add(replace(before, layout=layout)), before.layout.height - count)
        return self.fresh[value]

    def keep(self, value: int, name: str) -> None:
        """Append the new rows to the value's ring, if any reader needs older ones."""
        first = self.fresh[value].first
        oldest = self.oldest.get(value, first)
        if oldest >= first:
            return
        before, new = self.old.values[value], self.fresh[value].value
        layout = Layout(before.layout.height - oldest, before.layout.width, before.layout.channels)
        if self.in_rows(value, oldest):
            layout = Layout(layout.height, layout.width * layout.channels, 1)
            self.rowwise.add(value)
            given = self.new.values[new]
            if not given.layout.flat:
                rows = Layout(given.layout.height, layout.width, 1)
                new = self.add(replace(given, name=f"{before.name} in rows", layout=rows))
                self.new.layers.append(Layer(f"{name} in rows", Reshape(), (self.fresh[value].value,), new))
        ring = self.add(replace(before, name=f"{before.name} kept", layout=layout))
        self.new.states.append(State(ring, b"\0"))
        self.kept[value] = _Source(ring, oldest)
        self.new.layers.append(Layer(f"{name} rows kept", Append(), (new,), ring))

    def in_rows(self, value: int, oldest: int) -> bool:
        """Whether every reader of a ring takes it as one vector: then it holds rows, channels innermost, unpadded."""
        readers = [layer for layer in self.old.layers if value in layer.inputs]
        return self.old.values[value].layout.plane * self.old.values[value].layout.channels < 1 << 16 and all(
            layer.operation.takes_row_vector(self.old.values[layer.output].layout, self.rows_of(layer.output))
            for layer in readers
            if rows_read(layer, value, self.old, self.tracks, self.hop)[0] < self.fresh[value].first
        )

    def read(self, layer: Layer, value: int) -> _Source:
        """Where ``layer`` finds the rows of ``value``: among the new ones, or in the ring."""
        old = self.old.values[value]
        if old.data is not None:
            rows = self.rows_of(layer.output) if self.tracks.get(layer.output) else old.layout.height
            return _Source(self.add(constant_rows(old, rows)), 0)
        fresh = self.source(value)
        if self.tracks.get(value) is None:
            return fresh
        low, _ = rows_read(layer, value, self.old, self.tracks, self.hop)
        return fresh if low >= fresh.first else self.kept[value]

    def rewrite(self, layer: Layer) -> None:
        """The layer on the rows of a step."""
        sources = [self.read(layer, value) for value in layer.inputs]
        if self._is_alias(layer, sources):
            height = self.old.values[layer.output].layout.height
            self.fresh[layer.output] = _Source(sources[0].value, height - self.rows_of(layer.output))
            return
        target = self.source(layer.output)
        values, operation, first = self.new.values, layer.operation, layer.inputs[0] if layer.inputs else -1
        rows = StepRows(
            target.first,
            sources[0].first if sources else 0,
            tuple(values[source.value].layout for source in sources),
            values[target.value].layout,
            self.old.values[layer.output].layout,
        )
        if first in self.rowwise and sources[0] == self.kept.get(first):
            operation = operation.over_row_vector(self.old.values[first].layout, rows)
        else:
            operation = operation.on_step(rows)
        inputs = tuple(source.value for source in sources)
        self.new.layers.append(Layer(layer.name, operation, inputs, target.value))

    def _is_alias(self, layer: Layer, sources: list[_Source]) -> bool:
        """Whether the layer only names what is there: a crop of a step's new rows, a reshape of rows to a vector."""
        if layer.operation.reshapes and layer.inputs[0] in self.rowwise:
            readers = [reader.operation for reader in self.old.layers if layer.output in reader.inputs]
            vectors = all(operation.flattens for operation in readers)
            return vectors and layer.output != self.old.output and sources[0] == self.kept.get(layer.inputs[0])
        fresh = self.fresh.get(layer.inputs[0]) if layer.inputs else None
        if fresh is None or sources[0] != fresh:
            return False
        given, out = self.new.values[fresh.value].layout, self.old.values[layer.output].layout
        count = self.rows_of(layer.output)
        return (
            layer.operation.takes_newest(fresh.first, count)
            and given == Layout(count, out.width, out.channels)
            and self.tracks.get(layer.inputs[0]) is not None
        )
