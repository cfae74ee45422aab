"""What a path is, for refusing it where something else was wanted: a model of which kind, a run, a recipe, a sound."""

from __future__ import annotations

import zipfile
from pathlib import Path

from kws_tfmot.damage import DAMAGE

# kind -> what to do with it instead
_USES = {
    "a TFLite model": "`kws inspect`, `evaluate`, `benchmark`, `emulate`, `export`, `stream`, `listen` take it",
    "a Keras model": "a recipe trains on from it and converts it (model: {file: ...}, or `kws build --from`)",
    "a folder with a finished build": "`kws report`, `choose` and `build --from` take it; its model is in it, "
    "model_int8.tflite",
    "a folder with a build that has not ended": "`kws build` with the same --out goes on from there",
    "a recipe": "`kws build`, `train`, `compare`, `sweep` take it",
    "a sound file": "`kws stream SOUND MODEL` takes it",
    "a folder": "",
}
_HEAD = 16


def kind_of(path: str | Path) -> str:
    """What lies at ``path``, by its first bytes; empty if there is nothing, or nothing that is known."""
    path = Path(path)
    try:
        if path.is_dir():
            if not (path / "manifest.json").is_file():
                return "a folder"
            return f"a folder with a {'finished build' if (path / 'metrics.json').is_file() else _OPEN}"
        if not path.is_file():  # a pipe would be waited for
            return ""
        with path.open("rb") as file:
            head = file.read(_HEAD)
        if head[4:8] == b"TFL3":
            return "a TFLite model"
        if head.startswith(b"\x89HDF\r\n\x1a\n") or (zipfile.is_zipfile(path) and _holds_config(path)):
            return "a Keras model"
        if head[:4] in (b"RIFF", b"fLaC", b"OggS"):
            return "a sound file"
    except DAMAGE:
        return ""
    return "a recipe" if path.suffix in (".yaml", ".yml") else ""


_OPEN = "build that has not ended"


def _holds_config(path: Path) -> bool:
    with zipfile.ZipFile(path) as archive:
        return "config.json" in archive.namelist()


def received(path: str | Path, wanted: str) -> tuple[str, str] | None:
    """``(message, way out)`` where ``path`` is something else than ``wanted``; ``None`` where it is that or unknown.

    Args:
        path: What was given.
        wanted: One of the kinds, such as ``"a TFLite model"``.
    """
    kind = kind_of(path)
    if not kind or kind == wanted:
        return None
    use = _USES[kind]
    return f"expected {wanted}. Received: {str(path)!r}, {kind}", f"{use[0].upper()}{use[1:]}." if use else ""
