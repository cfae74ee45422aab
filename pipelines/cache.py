"""`kws cache`: what is kept on disk between runs, and getting rid of it."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from kws_tfmot.cache import BOUND, audio_bound, clear, kinds, parse_bytes, trim
from kws_tfmot.errors import RecipeError
from kws_tfmot.files import cache_root
from pipelines.console import friendly_errors, line, table


def command(
    clear_kind: Annotated[str, typer.Option("--clear", help="Remove this kind of entries, or all.")] = "",
    bound: Annotated[
        str, typer.Option("--bound", help="Remove what was not used for longest until this is left: 5G, 800M.")
    ] = "",
) -> None:
    """Show what the cache holds; clear it, or cut it down to a size."""
    with friendly_errors():
        if clear_kind and bound:
            raise RecipeError("--clear and --bound are two commands. Received both.")
        root = cache_root()
        if clear_kind:
            line(
                f"{clear(root, '' if clear_kind == 'all' else clear_kind) / 1e6:,.1f} MB removed from {root}",
                markup=False,
            )
        elif bound:
            line(f"{trim(root, parse_bytes(bound)) / 1e6:,.1f} MB removed from {root}", markup=False)
        show()


def show() -> None:
    """A row for each kind: entries, size, days since the oldest was used."""
    root, now = cache_root(), time.time()
    found = kinds(root)
    if not found:
        line(f"{root} holds nothing", markup=False)
        return
    rows = [
        [
            kind,
            f"{len(entries):,}",
            f"{sum(entry.bytes for entry in entries) / 1e6:,.1f}",
            f"{max(0.0, now - entries[0].used) / 86400:.0f}",
        ]
        for kind, entries in found.items()
    ]
    table(str(root), ["kind", "entries", "MB", "oldest, days"], rows)
    total = sum(entry.bytes for entries in found.values() for entry in entries)
    most = audio_bound()
    limit = f"at most {most / 1e9:g} GB" if most else "without a bound"
    line(f"{total / 1e6:,.1f} MB in all; decoded audio {limit} ({BOUND})", markup=False)


if __name__ == "__main__":
    typer.run(command)
