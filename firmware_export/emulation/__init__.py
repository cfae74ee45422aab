"""Firmware on emulated boards and on this computer: build, run, count, compare."""
