"""Another shape for the same numbers."""

from __future__ import annotations

from dataclasses import dataclass

from firmware_export.codegen.step import Step
from firmware_export.ir import Layout, Operation


@dataclass(frozen=True)
class Reshape(Operation):
    """Same numbers in the order height, width, channel, another shape."""

    def works_in_place(self, source: Layout, target: Layout) -> bool:
        """Where it moves nothing."""
        return self.moves_nothing(source, target)

    def moves_nothing(self, source: Layout, target: Layout) -> bool:
        """A reshape that leaves every byte where it is, as one that only gives the numbers another zero point."""
        return source == target or (source.flat and target.flat)

    def emit(self, step: Step) -> str:
        """The call of ``kws_reshape_tensor``."""
        source, target = step.source().layout, step.target.layout
        members: list[object] = [source.channels, source.pixels, source.plane]
        members += [target.channels, target.pixels, target.plane]
        return step.call("kws_reshape_tensor", step.struct("kws_reshape", members), step.input(), step.output)
