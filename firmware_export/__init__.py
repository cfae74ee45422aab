"""From a checked ``.tflite`` to C: TFLM exports, the device engine, its code generator and the emulator.

``import firmware_export`` gives what a script needs, each imported when it is first used; see docs/python.md.
"""

from __future__ import annotations

import importlib
from typing import Any

# name -> module that has it
_LAZY = {
    "board_of": "firmware_export.boards",
    "budget_of": "firmware_export.boards",
    "emulate": "firmware_export.emulation.emulator",
    "emulate_frontend": "firmware_export.emulation.example",
    "export_engine": "firmware_export.engine",
    "export_firmware": "firmware_export.emulation.example",
    "export_tflm": "firmware_export.tflm.export",
    "stand_in": "firmware_export.boards",
    "EngineInterpreter": "firmware_export.emulation.host",
}
_RENAMED = {"export_firmware": "export_example"}
__all__ = sorted(_LAZY)


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_LAZY[name]), _RENAMED.get(name, name))
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
