"""Set a whole activation to one value."""

from __future__ import annotations

from dataclasses import dataclass

from firmware_export.codegen.step import Step
from firmware_export.ir import Operation


@dataclass(frozen=True)
class Fill(Operation):
    """``output[...] = value``."""

    value: int

    @property
    def fills(self) -> int:
        """The value."""
        return self.value

    def emit(self, step: Step) -> str:
        """The call of ``kws_fill``."""
        return step.call("kws_fill", self.value, step.target.layout.bytes, step.output)
