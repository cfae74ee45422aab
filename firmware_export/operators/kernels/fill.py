"""Set a whole activation to one value."""

from __future__ import annotations

from dataclasses import dataclass

from firmware_export.codegen.layer_writer import LayerWriter
from firmware_export.ir import Operation


@dataclass(frozen=True)
class Fill(Operation):
    """``output[...] = value``."""

    value: int

    @property
    def fills(self) -> int:
        """The value."""
        return self.value

    def emit(self, writer: LayerWriter) -> str:
        """The call of ``kws_fill``."""
        return writer.call("kws_fill", self.value, writer.target.layout.bytes, writer.output)
