"""The README of a complete firmware."""

from __future__ import annotations

from firmware_export.boards import Board
from firmware_export.engine import Engine
from kws_tfmot.contract import ModelContract
from kws_tfmot.detection.monitor import MonitorPlan

_TEXT = """\
# A keyword spotter for {board} ({core})

Hears: {keywords}. From the model with SHA-256 `{digest}`.

Samples come in, lines go out: `main.c` prints frame, keyword and score (of 32768) of each detection. Audio front end
(`{kind}`, {rate} Hz), int8 network ({constants:,} bytes of constants, {arena:,} bytes of RAM) and detector are in
integers, without malloc.

```sh
arm-none-eabi-gcc {flags} -mthumb -O2 -nostdlib -T board.ld *.c -lc -lgcc -o firmware.elf
```

builds it for the machine that QEMU emulates. It reads the 16-bit samples of `pcm.bin` (`microphone_file.c`) through
semihosting and prints through it:

```sh
sox sound.wav -t raw -e signed -b 16 -c 1 -r {rate} pcm.bin
qemu-system-arm -M {board} -nographic -semihosting-config enable=on,target=native -kernel firmware.elf
```

| file | what it is | on a board of your own |
|---|---|---|
| `main.c` | the loop | your `main` or task, with these lines |
| `microphone.h`, `microphone_file.c` | the microphone's two functions | write the functions: PDM or I2S by DMA |
| `start.c`, `board.ld`, `board.h`, `semihosting.c` | start-up, memory map, text | leave out: your SDK has them |
| everything else | the spotter | compile with `-O2` for your core |

@monitor@As a library for Arduino, Zephyr, PlatformIO, ESP-IDF, CMSIS-Pack or CMake, with examples of microphones:
`kws export MODEL --target arduino` and so on.

The code is under the Apache License 2.0. The weights and tables made from your model are yours.
"""


def firmware_readme(board: Board, engine: Engine, contract: ModelContract, monitor: MonitorPlan | None = None) -> str:
    """How to build, run and change the firmware for ``board``; byte-stable."""
    text = _TEXT.replace("@monitor@", monitor_text(monitor, len(contract.labels)) if monitor else "")
    return text.format(
        board=board.name,
        core=board.core,
        keywords=", ".join(label for label in contract.labels if not label.startswith("_")),
        digest=engine.digest,
        kind=contract.frontend.kind,
        rate=contract.frontend.sample_rate,
        constants=engine.constant_bytes,
        arena=engine.plan.arena,
        flags=" ".join(board.flags),
    )


def monitor_text(monitor: MonitorPlan, classes: int) -> str:
    """What a firmware counts and keeps, and the RAM that it takes, as paragraphs of a README."""
    counted, kept = monitor.statistics_bytes(classes), monitor.recorder_bytes
    text = f"""**Counters** (`kws_statistics.h`, {counted:,} bytes of RAM): triggers, near misses and best scores of
every keyword, near from {monitor.near / 32768:.0%} of its threshold on.

"""
    if not kept:
        return text
    takes = monitor.takes
    seconds, after = (samples / monitor.rate for samples in (monitor.take_samples, monitor.after_samples))
    return f"""{text}**Recorder** (`kws_recorder.h`, {kept:,} bytes of RAM): the sound of the last {takes} triggers and
near misses, up to {seconds:.1f} s each, {after:.1f} s of it after the event, in mu-law. It stays in RAM until your code
reads it (`kws_recorder_describe`, `_read`, `_wav_header`). It is the voice of whoever is near: ask them before you send
it anywhere.

"""
