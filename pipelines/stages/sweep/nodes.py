"""Whether every node of a cluster sees what the work needs, asked before any work is sent out."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from kws_tfmot.errors import KwsError, RecipeError
from kws_tfmot.files import refusing, user_path
from pipelines.stages.sweep.cluster import explain

_WITHIN = 120.0  # seconds for a node to answer: it may have to start a process and load packages
_ENTRIES = 1000
_SHARE = (
    "Mount it there under the same path (NFS or the like), give a path that all nodes see, or leave that node out of "
    "the cluster."
)


def local_paths(source: str) -> dict[str, Path]:
    """What a node must be able to read of ``source``, by what it is; nothing for synthetic speech and TFDS.

    >>> sorted(local_paths("folder:/clips")), local_paths("synthetic")
    (['recordings'], {})
    """
    kind, _, path = source.partition(":")
    return {"recordings": user_path(path).resolve()} if path and kind != "tfds" else {}


def require_shared(read: Mapping[str, Path], written: Mapping[str, Path]) -> None:
    """Ask every node of the cluster that this process has joined for the folders that the work reads and writes.

    Args:
        read: Folders that must hold the same on every node, by what they are.
        written: Folders that must be the same one on every node.

    Raises:
        RecipeError: If a node lacks one of them, holds something else there, or cannot be asked; it names the node.
    """
    marks: dict[str, Path] = {}
    made = [folder for folder in written.values() if not folder.exists()]
    try:
        for what, folder in written.items():
            with refusing(folder):
                folder.mkdir(parents=True, exist_ok=True)
                marks[what] = folder.resolve() / f".seen-{secrets.token_hex(8)}"
                marks[what].touch()
        here = {what: found for what, folder in read.items() if (found := signature(folder))}
        for node, lacks in _ask({what: read[what] for what in here}, marks, here):
            if lacks:
                raise RecipeError(f"the node {node} {'; '.join(lacks)}.", _SHARE)
    except KwsError:
        _clear(marks.values())
        for folder in made:
            with suppress(OSError):  # something is in it
                folder.rmdir()
        raise
    finally:
        _clear(marks.values())


def _clear(marks: Iterable[Path]) -> None:
    for mark in marks:
        mark.unlink(missing_ok=True)


def _ask(read: Mapping[str, Path], marks: Mapping[str, Path], here: Mapping[str, str]) -> list[tuple[str, list[str]]]:
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    look = ray.remote(num_cpus=0, max_retries=0)(missing)
    asked = []
    for node in ray.nodes():
        if node["Alive"] and node["Resources"].get("CPU", 0) >= 1:
            name = f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})"
            place = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            asked.append((name, look.options(scheduling_strategy=place).remote(dict(read), dict(marks), dict(here))))
    answers = []
    for name, reference in asked:
        try:
            answers.append((name, ray.get(reference, timeout=_WITHIN)))
        except ray.exceptions.RayError as error:
            raise RecipeError(
                f"the node {name} cannot be asked what it sees: {explain(getattr(error, 'cause', None) or error)}",
                "Start every node from the same virtual environment, with the project installed.",
            ) from None
    return answers


def missing(read: dict[str, Path], marks: dict[str, Path], there: dict[str, str]) -> list[str]:
    """What this computer lacks of what another has; empty where it sees the same."""
    lacks = []
    for what, folder in read.items():
        own = signature(folder)
        if not own:
            lacks.append(f"lacks the {what}: there is no {folder} on it")
        elif own != there[what]:
            lacks.append(f"has other {what} in {folder}")
    lacks += [
        f"does not see the {what} {mark.parent}: it must lie on storage that all nodes share"
        for what, mark in marks.items()
        if not mark.is_file()
    ]
    return lacks


def signature(folder: Path) -> str:
    """A hash of the names in ``folder``; empty where there is no such folder."""
    try:
        names = sorted(path.name for path in Path(folder).iterdir())
    except OSError:
        return ""
    text = "\n".join([str(len(names)), *names[:_ENTRIES]])
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def own_node(folder: Any) -> str:
    """What to say where a worker that came later does not see ``folder``."""
    return f"the node {os.uname().nodename} lacks {folder}: it must lie on storage that all nodes share"
