"""Any function of one byte, by a table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from firmware_export.codegen.layer_writer import LayerWriter
from firmware_export.ir import Layout, Operation


@dataclass(frozen=True)
class Lookup(Operation):
    """``output = table[input]``, the byte taken as unsigned; ``table`` is int8 [256]."""

    table: np.ndarray

    def works_in_place(self, source: Layout, target: Layout) -> bool:
        """Byte by byte."""
        return source == target

    def emit(self, writer: LayerWriter) -> str:
        """The table and the call of ``kws_lookup``."""
        table = writer.array("int8_t", "table", self.table)
        return writer.call("kws_lookup", table, writer.target.layout.bytes, writer.input(), writer.output)
