"""``kws export --target`` for tool chains: which there are, and the writing of a whole package."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from firmware_export.codegen.rename import DEFAULT_NAME
from firmware_export.codegen.stamp import LICENCE, stamp
from firmware_export.packages.arduino import Arduino
from firmware_export.packages.cmake import CMake
from firmware_export.packages.cmsis_pack import CmsisPack
from firmware_export.packages.content import package_content
from firmware_export.packages.esp_idf import EspIdf
from firmware_export.packages.package_readme import package_readme
from firmware_export.packages.platformio import PlatformIO
from firmware_export.packages.protocol import Content, Files, Target
from firmware_export.packages.zephyr import Zephyr
from kws_tfmot.contract import ModelContract
from kws_tfmot.errors import RecipeError, did_you_mean
from kws_tfmot.files import sha256_bytes, write_files
from kws_tfmot.json_reader import read_json

TARGETS: dict[str, Target] = {
    target.name: target for target in (Arduino(), Zephyr(), CmsisPack(), PlatformIO(), EspIdf(), CMake())
}
RECORD = "kws_package.json"
"""File of a package that says what made it and lists its files."""

_LICENCE_TEXT = Path(__file__).parent / "LICENSE"


def export_package(
    model: str | Path | bytes,
    out_dir: str | Path,
    contract: ModelContract,
    target: str,
    *,
    name: str = DEFAULT_NAME,
    optimise: str = "balanced",
    stream: bool = False,
    hop: int | None = None,
    core: str | None = None,
    monitor: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Write ``model`` as a package for ``target``; all of its files or none, and return its record.

    Files of an earlier package in the same folder that this one does not have are removed. The same model and arguments
    give the same bytes.

    Args:
        model: Path or bytes of an int8 ``.tflite``.
        out_dir: The package's folder.
        contract: The model's labels, front end and detector.
        target: One of :data:`TARGETS`.
        name: What every file and C identifier begins with.
        optimise: As for :func:`firmware_export.engine.build`.
        stream: Take steps in place of windows, as a model with state always does.
        hop: Frames a step takes; the least possible by default.
        core: Whose cycles decide the encodings; Cortex-M4 by default.
        monitor: Settings of :meth:`~kws_tfmot.detection.monitor.MonitorPlan.of` for counters and a recorder; none by
            default.

    Raises:
        RecipeError: For an unknown target or an impossible name.
        ModelError: For a model that the engine does not run.
    """
    if target not in TARGETS:
        raise RecipeError(
            f"unknown target {target!r}.{did_you_mean(target, tuple(TARGETS))} Allowed: {', '.join(TARGETS)}."
        )
    content = package_content(model, contract, name, optimise, stream=stream, hop=hop, core=core, monitor=monitor)
    files = package_files(content, TARGETS[target])
    record = _record(content, target, files)
    whole = files | {RECORD: json.dumps(record, indent=2) + "\n"}
    write_files(whole, out_dir, stale=_earlier(Path(out_dir)))
    return record


def package_files(content: Content, target: Target) -> Files:
    """Every file of a package but its record, licence and version at the head of each."""
    files: Files = {
        **target.files(content),
        "README.md": package_readme(content, target),
        "LICENSE": _LICENCE_TEXT.read_text(encoding="utf-8"),
    }
    packed = target.archive(files, content) if isinstance(target, CmsisPack) else {}
    return stamp(files) | packed


def _record(content: Content, target: str, files: Files) -> dict[str, Any]:
    return {
        "generator": "kws-tfmot",
        "version": content.version,
        "licence": LICENCE,
        "target": target,
        "name": content.name,
        "model_sha256": content.digest,
        "labels": list(content.labels),
        "frontend": content.frontend.model_dump(mode="json"),
        "arena_bytes": content.arena_bytes,
        "constant_bytes": content.constant_bytes,
        "selftest_checksum": f"{content.checksum:08x}",
        "files": {
            name: sha256_bytes(data.encode() if isinstance(data, str) else data) for name, data in sorted(files.items())
        },
    }


def _earlier(folder: Path) -> list[str]:
    """The files of the package that the folder holds already, of this or another target."""
    try:
        listed = read_json(folder / RECORD)["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    names = [name for name in listed if isinstance(name, str) and name.isprintable()]
    inside = [name for name in names if not Path(name).is_absolute() and ".." not in Path(name).parts]
    return [name for name in inside if (folder / name).is_file()]
