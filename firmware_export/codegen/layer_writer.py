"""What one layer of a program writes into the generated source: its constants and its kernel call."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from firmware_export.codegen.c_source import array
from firmware_export.ir import Layer, Program, Requant, Value, Window

if TYPE_CHECKING:
    from firmware_export.codegen.memory_plan import MemoryPlan
    from firmware_export.encodings.cost_model import Estimate


@dataclass
class LayerWriter:
    """Layer ``number`` of a program while its source is written.

    ``texts`` are the definitions that are before the inference, ``size`` their bytes, ``functions`` the runtime
    functions that the call needs.
    """

    number: int
    program: Program
    plan: MemoryPlan
    picked: Estimate | None
    texts: list[str] = field(default_factory=list)
    size: int = 0
    functions: list[str] = field(default_factory=list)

    @property
    def layer(self) -> Layer:
        """The layer that is written."""
        return self.program.layers[self.number]

    def source(self, position: int = 0) -> Value:
        """The value that input ``position`` reads."""
        return self.program.values[self.layer.inputs[position]]

    @property
    def target(self) -> Value:
        """The value that is written."""
        return self.program.values[self.layer.output]

    def input(self, position: int = 0) -> str:
        """Where input ``position`` lies, as a C expression."""
        return self._place(self.layer.inputs[position])

    @property
    def output(self) -> str:
        """Where the output lies, as a C expression."""
        return self._place(self.layer.output)

    @property
    def scratch(self) -> str:
        """Where the scratch lies, as a C expression."""
        start = self.plan.scratch[self.number]
        return f"arena + {start}" if start >= 0 else "NULL"

    def _place(self, value: int) -> str:
        constant = self.program.values[value].data is not None
        return f"value_{value}" if constant else f"arena + {self.plan.values[value]}"

    def array(self, ctype: str, name: str, values: np.ndarray | bytes | tuple[int, ...], item: int = 1) -> str:
        """Define a constant array ``name_NUMBER`` of items of ``item`` bytes and return its name."""
        full = f"{name}_{self.number}"
        self.texts.append(array(ctype, full, values))
        self.size += len(values) * item
        return full

    def array_where(self, macro: str, name: str, words: np.ndarray, other: bytes | np.ndarray) -> str:
        """Define weights as ``words`` where the build has ``macro``, else as ``other``; return an address.

        Both are defined as items of their own unsigned type, bytes as ``uint8_t``.
        """
        full = f"{name}_{self.number}"
        alternative = np.frombuffer(other, np.uint8) if isinstance(other, bytes) else other
        texts = [array(f"uint{8 * items.itemsize}_t", full, items) for items in (words, alternative)]
        self.texts += [f"#if {macro}", texts[0], "#else", texts[1], "#endif"]
        self.size += max(words.nbytes, alternative.nbytes)
        return f"(const uint8_t *){full}"

    def struct(self, ctype: str, members: list[object]) -> str:
        """Define the layer's constant structure and return its address."""
        body = ", ".join(str(member) for member in members)
        self.texts.append(f"static const {ctype} layer_{self.number} = {{{body}}};")
        return f"&layer_{self.number}"

    def window(self, w: Window) -> str:
        """The initialiser of a ``kws_window``."""
        members = (
            *(w.input.height, w.input.width, w.input.plane, w.output.height, w.output.width, w.output.plane),
            *(w.height, w.width, w.stride_y, w.stride_x, w.dilation_y, w.dilation_x, w.first_y, w.first_x),
        )
        return "{" + ", ".join(str(m) for m in (*members, w.zero_point)) + "}"

    def requant(self, q: Requant, paired: Requant | None = None) -> str:
        """The initialiser of a ``kws_requant``, its arrays defined before; the bias of ``paired`` where SMLAD is."""
        if paired is None:
            bias = self.array("int32_t", "bias", q.bias, 4)
        else:
            words = (np.ascontiguousarray(each.bias).astype("<i4").view("<u4") for each in (paired, q))
            bias = self.array_where("KWS_ROW_PAIRS", "bias", *words).replace("uint8_t", "int32_t")
        multiplier = self.array("int32_t", "multiplier", q.multiplier, 4)
        shift = self.array("int8_t", "shift", q.shift)
        return f"{{{bias}, {multiplier}, {shift}, {q.zero_point}, {q.minimum}, {q.maximum}, {int(q.saturating)}}}"

    def call(self, kernel: str, *arguments: object, needs: tuple[str, ...] = ()) -> str:
        """The call of ``kernel``; ``needs`` names runtime functions that only its constants mention."""
        self.functions += [kernel, *needs]
        return f"{kernel}({', '.join(str(argument) for argument in arguments)})"
