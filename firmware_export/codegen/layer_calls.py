"""The constants and the kernel call of each layer."""

from __future__ import annotations

from dataclasses import dataclass

from firmware_export.codegen.layer_writer import LayerWriter
from firmware_export.codegen.memory_plan import MemoryPlan
from firmware_export.encodings.cost_model import Estimate
from firmware_export.ir import Program


@dataclass(frozen=True)
class Call:
    """One line of the inference: the expression, and the runtime functions it needs."""

    layer: int
    label: str
    text: str
    functions: tuple[str, ...]


def constants_of(program: Program, plan: MemoryPlan, number: int, picked: Estimate | None) -> tuple[LayerWriter, Call]:
    """Constants and call of layer ``number``."""
    writer = LayerWriter(number, program, plan, picked)
    layer = program.layers[number]
    text = layer.operation.emit(writer)
    return writer, Call(number, layer.name, text, tuple(writer.functions))
