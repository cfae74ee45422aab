"""Another shape for the same numbers."""

from __future__ import annotations

from dataclasses import dataclass

from firmware_export.codegen.layer_writer import LayerWriter
from firmware_export.ir import Layout, Operation
from firmware_export.time_rules import Given, Track


@dataclass(frozen=True)
class Reshape(Operation):
    """Same numbers in the order height, width, channel, another shape."""

    @property
    def reshapes(self) -> bool:
        """It does nothing else."""
        return True

    def track(self, given: Given) -> Track | None:
        """Fewer rows, each of several, as long as there are rows left."""
        track, out = given.timed[0], given.out
        if out.pixels == 1 or out.height == 1:
            return None
        return Track(out.height, track.stride * (track.rows // out.height))

    def takes_row_vector(self, out: Layout, rows: int) -> bool:
        """To a vector."""
        return out.pixels == 1

    def works_in_place(self, source: Layout, target: Layout) -> bool:
        """Where it moves nothing."""
        return self.moves_nothing(source, target)

    def moves_nothing(self, source: Layout, target: Layout) -> bool:
        """A reshape that leaves every byte where it is, as one that only gives the numbers another zero point."""
        return source == target or (source.flat and target.flat)

    def emit(self, writer: LayerWriter) -> str:
        """The call of ``kws_reshape_tensor``."""
        source, target = writer.source().layout, writer.target.layout
        members: list[object] = [source.channels, source.pixels, source.plane]
        members += [target.channels, target.pixels, target.plane]
        return writer.call("kws_reshape_tensor", writer.struct("kws_reshape", members), writer.input(), writer.output)
