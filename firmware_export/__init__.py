"""From a checked ``.tflite`` to C: TFLM exports, the device engine, its code generator and the emulator."""
