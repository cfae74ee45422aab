"""`kws convert`: a recipe's compressed model as `.tflite` files."""

from __future__ import annotations

import typer

from pipelines.console import line, table
from pipelines.options import recipe_command
from pipelines.stages.build import Build
from pipelines.stages.compress import compress
from pipelines.stages.convert import convert_model
from pipelines.stages.prepare import prepare_data
from pipelines.stages.rehearsal import check_network
from pipelines.stages.train import train_dense


def work(build: Build) -> None:
    """Convert the model of a recipe to .tflite, training it first where that is not done yet."""
    prepare_data(build)
    check_network(build)
    train_dense(build)
    compress(build)
    convert_model(build)
    show_files(build)


def show_files(build: Build) -> None:
    """Sizes of every `.tflite`, and the zeros that arrived in the int8 file."""
    files = build.run.figures("convert")["files"]
    rows = [
        [name, *(f"{row['bytes'][key]:,}" for key in ("raw", "slim", "gzip", "slim_gzip"))]
        for name, row in files.items()
    ]
    table("bytes", ["file", "raw", "slimmed", "gzip", "slimmed gzip"], rows)
    for name, row in files.items():
        if ratio := row.get("slim_bytes_over_dense"):
            verdict = "smaller" if ratio < 1 else "LARGER"
            line(
                f"{name}: TFLite's sparse encoding is {abs(1 - ratio):.0%} {verdict} than the dense file (slimmed). "
                "For desktop use only: TFLite Micro ignores the encoding and computes garbage."
            )
        if zeros := row.get("zeros"):
            total = sum(r["weights"] for r in zeros)
            line(f"{name}: {sum(r['zeros'] for r in zeros) / total:.1%} of {total:,} weights are zero")


command = recipe_command(work)

if __name__ == "__main__":
    typer.run(command)
