"""What the TFLM export wrote, and its account of memory."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from firmware_export.tflm.decode import DecodeDecision


@dataclass(frozen=True)
class ExportReport:
    """What :func:`export_tflm` wrote.

    Attributes:
        files: Names in the output directory, sorted.
        name: The C identifier that all names begin with.
        model_bytes: Bytes of the model as exported.
        source_bytes: Bytes of the model as given.
        sha256: Of the exported model.
        source_sha256: Of the model as given.
        operators: Registered operators, sorted.
        arena: TFLM's own account on a 64-bit host: ``total``, ``head``, ``tail``.
        arena_bytes: What the settings header reserves: the total and :data:`ARENA_MARGIN`, rounded up to 16.
        decode: Decisions about packed weights; empty without ``decode``.
    """

    files: tuple[str, ...]
    name: str
    model_bytes: int
    source_bytes: int
    sha256: str
    source_sha256: str
    operators: tuple[str, ...]
    arena: dict[str, int]
    arena_bytes: int
    decode: tuple[DecodeDecision, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The same as dictionaries and lists."""
        return dataclasses.asdict(self)
