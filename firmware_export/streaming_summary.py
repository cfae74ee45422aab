"""Whether a model can be streamed: window, step, receptive field and state, or what prevents it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from firmware_export.engine import build
from firmware_export.ir import Program
from firmware_export.lowering.lower import lower
from firmware_export.streaming.layer_rules import rows_read
from firmware_export.streaming.plan import tracks_of
from firmware_export.streaming.upright import upright
from kws_tfmot.errors import KwsError
from kws_tfmot.tflite.folding import folded
from kws_tfmot.tflite.reader import read_model


def receptive_field(program: Program, rows: int) -> int:
    """Rows of the input that any row of the last values along time depends on, of a program that can be streamed.

    Args:
        program: A lowered whole-window model.
        rows: Rows of its input.
    """
    turn = upright(program, rows)
    tracks, _ = tracks_of(turn.program, turn.timed, turn.rows)
    field = {turn.program.input: (1, 1)}  # rows seen by one row, and input rows between two of them
    widest = 1
    for layer in turn.program.layers:
        for value in layer.inputs:
            track = tracks.get(value)
            if track is None:
                continue
            seen, stride = field.get(value, (1, track.stride))
            out = tracks.get(layer.output)
            low, high = rows_read(layer, value, turn.program, tracks, out.stride if out else track.stride)
            reached = seen + (high - low - 1) * stride
            if out is None:
                widest = max(widest, reached)
                continue
            before, _ = field.get(layer.output, (1, out.stride))
            field[layer.output] = (max(before, reached), out.stride)
    return widest


def streaming_summary(model: Path) -> dict[str, Any]:
    """``possible``, and the figures of a step or the ``reason``, ready for JSON."""
    try:
        engine = build(model, stream=True)
    except KwsError as problem:
        return {"possible": False, "reason": problem.message}
    step = engine.program.step
    if step is None:
        return {"possible": False, "reason": "the model has no step"}
    return {
        "possible": True,
        "window_rows": step.window,
        "hop_rows": step.rows,
        "receptive_field_rows": receptive_field(lower(read_model(folded(model))), step.window),
        "state_bytes": engine.plan.state_bytes,
        "arena_bytes": engine.plan.arena,
    }


def streaming_lines(model: Path) -> list[str]:
    """The summary for a person."""
    summary = streaming_summary(model)
    if not summary["possible"]:
        return [f"streaming: no. {summary['reason']}"]
    return [
        f"streaming: a window of {summary['window_rows']} rows, a decision every {summary['hop_rows']}, receptive "
        f"field {summary['receptive_field_rows']} rows; {summary['state_bytes']:,} bytes of state in an arena of "
        f"{summary['arena_bytes']:,}"
    ]
