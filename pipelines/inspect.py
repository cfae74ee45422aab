"""`kws inspect`: operators, shapes, quantisation, zeros and settings of a `.tflite`."""

from __future__ import annotations

import json

import typer

from firmware_export.streaming_summary import streaming_lines, streaming_summary
from kws_tfmot.tflite.inspect import TABLE_HEADER, inspect, inspect_table
from pipelines.console import friendly_errors, line, table
from pipelines.options import JsonOption, ModelArgument


def command(model: ModelArgument, as_json: JsonOption = False) -> None:
    """Show what a .tflite holds: operators, shapes, quantisation, zeros per layer, bytes, settings."""
    with friendly_errors():
        summary = inspect(model)
        if as_json:
            streaming = {"streaming": streaming_summary(model)}
            typer.echo(json.dumps(summary.to_json() | streaming, indent=2, ensure_ascii=False))
            return
        table(str(model), list(TABLE_HEADER), [list(row) for row in inspect_table(summary)])
        for role, tensors in (("input", summary.inputs), ("output", summary.outputs)):
            for tensor in tensors:
                line(
                    f"{role}: {tensor.dtype} {tensor.shape}, scale {tensor.scale}, zero point {tensor.zero_point}",
                    markup=False,
                )
        line(
            f"{summary.parameters:,} parameters, {summary.macs:,} MACs "
            f"({summary.nonzero_macs:,} with a non-zero weight), {summary.zero_share:.1%} of the weights are zero"
        )
        line("bytes: " + ", ".join(f"{name} {size:,}" for name, size in summary.bytes.items()))
        if summary.state:
            line(
                f"state: {summary.state.bytes:,} bytes in {len(summary.state.variables)} variables, kept from one "
                f"inference to the next; {summary.state.rows_per_step} new rows an inference"
            )
            for each in summary.state.variables:
                line(
                    f"  {each.name}: {each.dtype} {each.shape}, scale {each.scale}, zero point {each.zero_point}",
                    markup=False,
                )
        for text in streaming_lines(model):
            line(text, markup=False)
        if summary.sparse_encoded:
            line("[yellow]sparse-encoded[/]: for desktop interpreters only, TFLite Micro computes garbage from it")
        if summary.settings:
            line("settings: " + json.dumps(summary.settings, ensure_ascii=False), markup=False)


if __name__ == "__main__":
    typer.run(command)
