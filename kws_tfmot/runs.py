"""A run's directory: a manifest of its stages, what each was made from and the SHA-256 of every artefact."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

from kws_tfmot.errors import DataError, KwsError, RecipeError
from kws_tfmot.files import refusing, remove_partial, replacing, sha256_file, write_json
from kws_tfmot.json_reader import read_json
from kws_tfmot.provenance import environment, own_commit
from kws_tfmot.source_digest import source_digest

MANIFEST = "manifest.json"
ASIDE = "aside"  # where files go that the run's recipe has no use for any more
_FORMAT = 1
_SEAL = "sha256"


def key_of(name: str, inputs: Any, code: str = "") -> str:
    """SHA-256 that changes when, and only when, a stage's inputs, the code that makes it or its environment change.

    Args:
        name: The stage.
        inputs: What decides its result, as JSON.
        code: Digest of the sources, see :func:`~kws_tfmot.source_digest.source_digest`.

    >>> key_of("train", {"seed": 1}) == key_of("train", {"seed": 2})
    False
    """
    return hashlib.sha256(json.dumps([name, code, environment(), inputs], sort_keys=True).encode()).hexdigest()


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold ``directory`` for one process.

    Raises:
        RecipeError: If another process works in the same directory, or a link in it leads out of it.
    """
    with refusing(directory):
        # Neither emptied nor, where it is a link, followed: whoever sent the folder chose where it leads.
        lock = os.fdopen(os.open(directory / ".lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666), "r+")
        _refuse_links_out(directory)
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise RecipeError(
                f"another process is working in {directory}.", "Wait for it, or give another --out."
            ) from None
        yield


def _refuse_links_out(directory: Path) -> None:
    """Refuse a folder in which a link to a folder elsewhere would let whoever sent it choose where files are put."""
    real = directory.resolve()
    for folder, below, _ in os.walk(directory):
        for path in (Path(folder, name) for name in below):
            if path.is_symlink() and not path.resolve().is_relative_to(real):
                raise RecipeError(
                    f"{path} is a link to {path.resolve()}, outside of {directory}: files would be written there.",
                    "Put a folder in its place, or give another --out.",
                )


@contextmanager
def working_in(directory: Path, marks: Iterable[str]) -> Iterator[None]:
    """Make ``directory`` and hold it; a refusal that finds no more than ``marks`` in it leaves nothing behind.

    Raises:
        RecipeError: As :func:`locked`.
    """
    with refusing(directory):
        made = [folder for folder in (directory, *directory.parents) if not folder.exists()]
        directory.mkdir(parents=True, exist_ok=True)
    try:
        with locked(directory):
            try:
                yield
            except KwsError:
                if (names := {path.name for path in directory.iterdir()}) <= {*marks, ".lock"}:
                    for path in (directory / name for name in names):
                        shutil.rmtree(path) if path.is_dir() else path.unlink()
                raise
    except KwsError:
        with suppress(OSError):  # somebody else's work is in one
            for folder in made:
                folder.rmdir()
        raise


def _is_manifest(value: Any) -> bool:
    """Whether ``value`` has the shape of a manifest, whoever wrote it."""
    if not isinstance(value, dict) or value.get("format") != _FORMAT or not isinstance(value.get("stages"), dict):
        return False
    shape: dict[str, Any] = {"key": str, "seconds": (int, float), "outputs": dict, "figures": dict}
    records = value["stages"].values()
    return isinstance(value.get("begun", {}), dict) and all(
        isinstance(record, dict)
        and all(isinstance(record.get(name), kind) for name, kind in shape.items())
        and all(_is_inside(name) and isinstance(digest, str) for name, digest in record["outputs"].items())
        for record in records
    )


def _seal(record: dict[str, Any]) -> str:
    """Digest of a stage's record, which one that was edited by hand does not have; those of earlier versions have none.

    >>> _seal({"figures": {1: (2,)}}) == _seal({"figures": {"1": [2]}, _SEAL: "any"})
    True
    """
    stored = json.loads(json.dumps({name: value for name, value in record.items() if name != _SEAL}))
    return hashlib.sha256(json.dumps(stored, sort_keys=True).encode()).hexdigest()


def _is_inside(name: str) -> bool:
    """Whether ``name`` is a file of the run: what a manifest lists is moved aside when a stage is done again."""
    path = PurePath(name)
    return name.isprintable() and bool(path.parts) and not path.is_absolute() and ".." not in path.parts


@dataclass(frozen=True)
class StageResult:
    """What a stage made: ``outputs`` are paths relative to the run, ``figures`` its part of ``metrics.json``."""

    outputs: tuple[str, ...] = ()
    figures: dict[str, Any] = field(default_factory=dict)


class Run:
    """One directory that a build fills stage by stage; finished stages are skipped, changed ones done again.

    Args:
        directory: Made if it does not exist.
        force: Do every stage anew, whatever is there.

    Attributes:
        moved_aside: Files that went to :data:`ASIDE` since the run was opened.

    Raises:
        RecipeError: If the directory holds something that is not a run.
    """

    def __init__(self, directory: str | Path, force: bool = False) -> None:
        self.directory = Path(directory)
        self._force = force
        self._running: list[str] = []
        self.moved_aside: list[str] = []
        with refusing(self.directory):
            if self.directory.exists() and not self.directory.is_dir():
                raise RecipeError(f"expected a directory for the run. Received the file: {self.directory}")
            self._made = [folder for folder in (self.directory, *self.directory.parents) if not folder.exists()]
            self.directory.mkdir(parents=True, exist_ok=True)
        self._manifest: dict[str, Any] = {"format": _FORMAT, "stages": {}}
        stored = self.directory / MANIFEST
        if stored.is_file():
            self._manifest = self._read(stored)
        elif any(path for path in self.directory.iterdir() if path.name != ".lock" and ".partial" not in path.name):
            raise RecipeError(
                f"{self.directory} is not empty and holds no run ({MANIFEST} is missing).",
                "Give a new directory with --out.",
            )

    def _read(self, stored: Path) -> dict[str, Any]:
        try:
            manifest = read_json(stored)
        except ValueError:
            manifest = None
        if not _is_manifest(manifest):
            raise RecipeError(
                f"{stored} is not a manifest of format {_FORMAT}.",
                "Give a new directory with --out, or remove this one.",
            )
        return manifest

    def path(self, name: str) -> Path:
        """The path of ``name`` inside the run."""
        return self.directory / name

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the run for one process, see :func:`locked`, and mark it as a run before anything is in it.

        What ends before anything was made leaves no folder behind that was not there before.
        """
        try:
            with locked(self.directory):
                with refusing(self.directory):
                    remove_partial(self.directory)
                    if (stored := self.path(MANIFEST)).is_file():
                        self._manifest = self._read(stored)  # another process may have been at work since it was opened
                    else:
                        write_json(stored, self._manifest)
                try:
                    yield
                except BaseException:
                    self._leave_nothing()
                    raise
        except KwsError:
            self._remove_made()
            raise

    def _leave_nothing(self) -> None:
        """Take back the mark of a run in which nothing was begun."""
        if not self._manifest["stages"] and not self._manifest.get("begun"):
            names = {path.name for path in self.directory.iterdir()}
            if names <= {MANIFEST, ".lock"}:
                for name in names:
                    self.path(name).unlink(missing_ok=True)
            self._remove_made()

    def _remove_made(self) -> None:
        """Remove the folders that opening the run made, as far as they are empty."""
        with suppress(OSError):
            for folder in self._made:
                folder.rmdir()

    def is_current(self, stage: str, key: str) -> bool:
        """Whether ``stage`` was finished with the same inputs, and its record and files are still what they were."""
        record = self._manifest["stages"].get(stage)
        if self._force or record is None or record["key"] != key or record.get(_SEAL, _seal(record)) != _seal(record):
            return False
        return all(
            self.path(name).is_file() and sha256_file(self.path(name)) == digest
            for name, digest in record["outputs"].items()
        )

    def stage(self, name: str, inputs: Any, work: Callable[[str], StageResult], *, trains: bool = False) -> bool:
        """Do ``work(key)`` unless ``name`` is current; return whether it was done.

        The result is recorded at the end only: an interrupted stage is begun again (and may resume by itself).

        Args:
            name: Names the stage; rounds of a stage are named ``stage-1``, ``stage-2`` and so on.
            inputs: What decides its result, as JSON; the code of ``work`` and the environment count besides.
            work: Does it; what an earlier ``work`` wrote and this one does not is moved aside.
            trains: It takes long and resumes by itself, so its interruption is not thrown away silently.

        Raises:
            RecipeError: If a training was interrupted here and would now be begun anew with another recipe.
        """
        key = key_of(name, inputs, source_digest(work))
        if self.is_current(name, key):
            return False
        if trains:
            self._begin(name, key)
        began = time.monotonic()
        try:
            result = work(key)
        except KwsError:
            self._end(name)
            raise
        self._set_aside(name, set(self.outputs(name)) - set(result.outputs))
        self._manifest["stages"][name] = {
            "key": key,
            "commit": own_commit(),
            "seconds": round(time.monotonic() - began, 2),
            "outputs": {output: sha256_file(self.path(output)) for output in sorted(result.outputs)},
            "figures": result.figures,
        }
        self._manifest["stages"][name][_SEAL] = _seal(self._manifest["stages"][name])
        self._end(name)
        return True

    def _begin(self, name: str, key: str) -> None:
        begun = self._manifest.setdefault("begun", {})
        left = {n: k for n, k in begun.items() if n not in self._running and not n.startswith(f"{name}-")}
        if stale := [n for n, k in left.items() if (n, k) != (name, key)]:
            if not self._force:
                raise RecipeError(
                    f"the stage {stale[0]!r} was interrupted in {self.directory} under another recipe, code or number "
                    "of threads.",
                    "Go on with those it was begun with, begin anew with --force, or give another --out.",
                )
            for n in stale:
                del begun[n]
        begun[name] = key
        self._running.append(name)
        write_json(self.path(MANIFEST), self._manifest)

    def _end(self, name: str) -> None:
        self._manifest.get("begun", {}).pop(name, None)
        if name in self._running:
            self._running.remove(name)
        write_json(self.path(MANIFEST), self._manifest)

    def retire(self, stages: Iterable[str]) -> list[str]:
        """Forget finished ``stages`` that the recipe no longer has; their files go to :data:`ASIDE`. Returns these."""
        moved: list[str] = []
        for name in [name for name in stages if name in self._manifest["stages"]]:
            moved += self._set_aside(name, self.outputs(name))
            del self._manifest["stages"][name]
            write_json(self.path(MANIFEST), self._manifest)
        return moved

    def set_aside(self, names: Iterable[str]) -> list[str]:
        """Move files that say something of a model that is gone to :data:`ASIDE`; return those that were there."""
        moved = []
        for name in names:
            if self.path(name).is_file():
                target = self.path(ASIDE) / name
                with refusing(target):
                    target.parent.mkdir(parents=True, exist_ok=True)
                    self.path(name).replace(target)
                moved.append(name)
        self.moved_aside += moved
        return moved

    def _set_aside(self, stage: str, names: Iterable[str]) -> list[str]:
        others = (record for name, record in self._manifest["stages"].items() if name != stage)
        kept = {name for record in others for name in record["outputs"]}
        return self.set_aside(sorted(set(names) - kept))

    def require_files(self) -> None:
        """See that what the stages wrote is still there.

        Raises:
            DataError: If somebody has removed some of it meanwhile.
        """
        gone = sorted(
            name
            for record in self._manifest["stages"].values()
            for name in record["outputs"]
            if not self.path(name).is_file()
        )
        if gone:
            raise DataError(
                f"removed from {self.directory} while it was being built: {', '.join(gone)}.",
                "The same command makes them again.",
            )

    @property
    def stages(self) -> tuple[str, ...]:
        """Names of the finished stages."""
        return tuple(self._manifest["stages"])

    def commits(self) -> dict[str, str]:
        """The commit that did each stage; empty for sources outside git."""
        return {name: record.get("commit", "") for name, record in self._manifest["stages"].items()}

    def adopt(self, other: Run, stages: Iterable[str]) -> None:
        """Take over finished ``stages`` of another run, files and record, where this run has not the same already.

        Whether they fit is decided as always: a stage whose inputs differ is done again.
        """
        for name in stages:
            record = other._manifest["stages"].get(name)
            if record is None or self.is_current(name, record["key"]):
                continue
            for output in record["outputs"]:
                with replacing(self.path(output)) as temporary:
                    shutil.copyfile(other.path(output), temporary)
            self._manifest["stages"][name] = record
            write_json(self.path(MANIFEST), self._manifest)

    def figures(self, stage: str) -> dict[str, Any]:
        """The figures that ``stage`` recorded; empty if it has not run."""
        return self._manifest["stages"].get(stage, {}).get("figures", {})

    def outputs(self, stage: str) -> dict[str, str]:
        """``{file: SHA-256}`` of ``stage``; empty if it has not run."""
        return self._manifest["stages"].get(stage, {}).get("outputs", {})

    def seconds(self) -> dict[str, float]:
        """How long each stage took when it was last done."""
        return {name: record["seconds"] for name, record in self._manifest["stages"].items()}
