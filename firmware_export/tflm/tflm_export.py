"""Export for TensorFlow Lite Micro: the slimmed model as a C array, its settings, and its operators' resolver."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from firmware_export.codegen.c_text import identifier
from firmware_export.codegen.stamp import stamp
from firmware_export.tflm.c_array import c_array
from firmware_export.tflm.decode import pack_for_decode
from firmware_export.tflm.op_resolver import op_resolver, operators_used
from firmware_export.tflm.settings_header import settings_files
from firmware_export.tflm.stateful import stateful_file
from firmware_export.tflm.tflm_readme import readme
from firmware_export.tflm.tflm_report import ExportReport
from kws_tfmot.errors import ModelError
from kws_tfmot.files import sha256_bytes, write_files
from kws_tfmot.tflite.arena import measure_arena
from kws_tfmot.tflite.folding import folded
from kws_tfmot.tflite.graph import Graph
from kws_tfmot.tflite.interpreter import outputs_equal, require_tflm
from kws_tfmot.tflite.metadata import read_settings
from kws_tfmot.tflite.reader import read_model
from kws_tfmot.tflite.slim import slim

ARENA_MARGIN = 4096  # for scratch buffers of kernel libraries: CMSIS-NN took 48 B on M4F, 4.5 kB on M55 for a DS-CNN
DECODER_CODE_BYTES = 21_500  # of TFLM_DECODE on a Cortex-M4, measured once; the saving must exceed it


def export_tflm(
    model: str | Path | bytes,
    out_dir: str | Path,
    *,
    labels: list[str] | None = None,
    frontend: dict[str, Any] | None = None,
    decode: bool = False,
    name: str = "kws_model",
    stream: bool = False,
    hop: int | None = None,
) -> ExportReport:
    """Write the C and C++ files that put a model into a TFLM firmware.

    Every file is made in full before the first is put in place; files of other names in ``out_dir`` stay.

    Args:
        model: Path or bytes of a ``.tflite``, with any number of inputs and outputs.
        out_dir: Directory, made if it is missing.
        labels: One an output; taken from the model's settings where ``None``.
        frontend: Audio front-end settings; taken from the model's settings where ``None``.
        decode: Pack sparse weights for TFLM_DECODE where that makes the model smaller.
        name: What files and identifiers begin with.
        stream: Write the network with its state in resource variables, for steps in place of windows.
        hop: Rows a step takes; the least possible by default.

    Raises:
        ModelError: If the model is corrupt, has SparsityParameters, uses an operator that TFLM lacks, does not compute
            the same after slimming, or the labels do not fit its outputs.
        ToolchainError: Without the package tflite-micro, which the result is checked with.
    """
    require_tflm()
    given = folded(model)
    data = stateful_file(given, hop) if stream else given
    graph = read_model(data)
    _refuse_unsupported(graph)
    prefix = identifier(name).lower()
    settings = read_settings(given) or {}
    slimmed, decisions = pack_for_decode(data) if decode else (slim(data, "tflm", keep_settings=False), [])
    if not outputs_equal(data, slimmed):
        raise ModelError(
            "TFLM computes other outputs from the slimmed model than from the given one.", "Report it with the model."
        )
    arena = measure_arena(slimmed)
    reserved = -(-(arena["total"] + ARENA_MARGIN) // 16) * 16
    exported = read_model(slimmed)
    labels = labels if labels is not None else settings.get("labels")
    frontend = frontend if frontend is not None else settings.get("frontend")
    texts = {
        **c_array(slimmed, prefix),
        **settings_files(exported, (slimmed, data), prefix, labels, frontend, reserved),
        **op_resolver(exported, prefix),
    }
    report = ExportReport(
        files=tuple(sorted([*texts, "README.md", f"{prefix}.tflite"])),
        name=prefix,
        model_bytes=len(slimmed),
        source_bytes=len(data),
        sha256=sha256_bytes(slimmed),
        source_sha256=sha256_bytes(data),
        operators=tuple(operators_used(exported)),
        arena=arena,
        arena_bytes=reserved,
        decode=tuple(decisions),
    )
    texts["README.md"] = readme(report, exported, ARENA_MARGIN, DECODER_CODE_BYTES)
    write_files(stamp({**texts, f"{prefix}.tflite": slimmed}), out_dir, stale=[f"{prefix}_settings.c"])
    return report


def _refuse_unsupported(graph: Graph) -> None:
    sparse = [tensor.name or f"tensor {tensor.index}" for tensor in graph.tensors if tensor.sparse]
    if sparse:
        raise ModelError(
            f"the model has SparsityParameters ({len(sparse)} tensors, the first is {sparse[0]!r}); TFLM ignores them "
            "without an error and computes garbage.",
            "Convert with kind 'int8' (the zeros stay in the weights) and export that, with decode=True to pack them.",
        )
    operators_used(graph)
