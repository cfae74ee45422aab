"""From a checked ``.tflite`` to C: TFLM exports, the device engine, its code generator and the emulator.

``import firmware_export`` gives what a script needs, each imported when it is first used; see docs/python.md.
"""

from __future__ import annotations

from kws_tfmot.lazy import lazy_names

# name -> module that has it
_LAZY = {
    "board_of": "firmware_export.boards",
    "budget_of": "firmware_export.boards",
    "emulate": "firmware_export.emulation.emulator",
    "emulate_frontend": "firmware_export.emulation.example",
    "export_engine": "firmware_export.engine",
    "export_firmware": "firmware_export.emulation.example",
    "export_tflm": "firmware_export.tflm.tflm_export",
    "open_engine": "firmware_export.emulation.steps",
    "stand_in": "firmware_export.boards",
    "EngineInterpreter": "firmware_export.emulation.host",
}
__all__ = sorted(_LAZY)
__getattr__, __dir__ = lazy_names(__name__, _LAZY, {"export_firmware": "export_example"})
