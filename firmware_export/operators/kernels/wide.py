"""Numbers of more than eight bits at a model's ends: values of two or four bytes an element, in the given order."""

from __future__ import annotations

from dataclasses import dataclass

from firmware_export.codegen.layer_writer import LayerWriter
from firmware_export.ir import Layout, Operation

ITEM_BYTES = {"int8": 1, "uint8": 1, "int16": 2, "int32": 4}


def wide_layout(elements: int, dtype: str) -> Layout:
    """Where ``elements`` numbers lie one after another, as bytes.

    >>> wide_layout(12, "int16")
    Layout(height=1, width=1, channels=24)
    """
    return Layout(1, 1, elements * ITEM_BYTES[dtype])


@dataclass(frozen=True)
class RescaleWide(Operation):
    """``clip(rescale(x - in_zero) + out_zero)`` of int16 numbers, to int8 or int32."""

    multiplier: int
    shift: int
    in_zero: int
    out_zero: int
    out_bytes: int

    def emit(self, writer: LayerWriter) -> str:
        """The call of ``kws_rescale_wide``."""
        count = writer.source().layout.elements // 2
        members: list[object] = [count, self.multiplier, self.in_zero, self.out_zero, self.shift, self.out_bytes]
        return writer.call("kws_rescale_wide", writer.struct("kws_wide", members), writer.input(), writer.output)
