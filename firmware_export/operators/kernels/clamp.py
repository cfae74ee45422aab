"""Limit each number."""

from __future__ import annotations

from dataclasses import dataclass

from firmware_export.codegen.step import Step
from firmware_export.ir import Layout, Operation


@dataclass(frozen=True)
class Clamp(Operation):
    """``output = min(max(input, minimum), maximum)``."""

    minimum: int
    maximum: int

    @property
    def limits(self) -> tuple[int, int] | None:
        """A convolution before it may take them over."""
        return self.minimum, self.maximum

    def works_in_place(self, source: Layout, target: Layout) -> bool:
        """Byte by byte."""
        return source == target

    def emit(self, step: Step) -> str:
        """The call of ``kws_clamp``."""
        size = step.target.layout.bytes
        return step.call("kws_clamp", self.minimum, self.maximum, size, step.input(), step.output)
