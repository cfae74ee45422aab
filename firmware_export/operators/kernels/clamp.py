"""Limit each number."""

from __future__ import annotations

from dataclasses import dataclass

from firmware_export.codegen.layer_writer import LayerWriter
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

    def emit(self, writer: LayerWriter) -> str:
        """The call of ``kws_clamp``."""
        size = writer.target.layout.bytes
        return writer.call("kws_clamp", self.minimum, self.maximum, size, writer.input(), writer.output)
