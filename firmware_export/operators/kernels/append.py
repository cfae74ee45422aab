"""New rows behind the older ones of a state."""

from __future__ import annotations

from dataclasses import dataclass

from firmware_export.codegen.layer_writer import LayerWriter
from firmware_export.ir import Operation


@dataclass(frozen=True)
class Append(Operation):
    """Move every plane of the output, a state, towards older rows and write the input's rows behind them.

    A state of one plane holds whole rows one behind the other, channels innermost; the input is then flat.
    """

    def emit(self, writer: LayerWriter) -> str:
        """The call of ``kws_append_rows``."""
        source, target = writer.source().layout, writer.target.layout
        added = source.elements if target.channels == 1 else source.pixels
        members: list[object] = [target.channels, added, source.plane, target.pixels, target.plane]
        return writer.call("kws_append_rows", writer.struct("kws_append", members), writer.input(), writer.output)
