"""What the commands of many builds share, `kws compare` and `kws sweep`: what follows a build, and how they end."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sized
from typing import Any

import typer

from pipelines.console import line
from pipelines.stages.build import Build
from pipelines.stages.export import count_instructions, export_build
from pipelines.stages.stream import judge_on_streams


def stages_after(instructions: bool, streams: bool) -> tuple[Callable[[Build], Any], ...]:
    """What is done with every model: always C code, on request its instructions and its judgement on streams."""
    return (
        export_build,
        *((count_instructions,) if instructions else ()),
        *((judge_on_streams,) if streams else ()),
    )


def finish(record: dict[str, Any], show: Callable[[], None], failures: Sized, as_json: bool) -> None:
    """Print ``record``, or ``show`` it; where some failed, say so and end with exit code 1."""
    if as_json:
        typer.echo(json.dumps(record, indent=2))
    else:
        show()
    if failures:
        line(f"[bold red]{len(failures)} failed[/]; the same command tries them again", stderr=True)
        sys.exit(1)
