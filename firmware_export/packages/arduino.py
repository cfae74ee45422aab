"""An Arduino library: what the IDE and arduino-cli install from a folder or a ZIP file.

``library.properties`` follows the Arduino library specification, revision 1.5: its fields, the sets of allowed
characters and of categories, ``src`` compiled recursively, each example in a folder of its sketch's name.
"""

from __future__ import annotations

from dataclasses import dataclass

from firmware_export.packages.content import source_text
from firmware_export.packages.protocol import Content, Files

_PROPERTIES = """\
name={name}
version={version}
author=kws-tfmot
maintainer=kws-tfmot
sentence={summary}.
paragraph=The same scores on every core, to the last bit. Made from one model; no dynamic memory and no floating point.
category=Data Processing
url=https://example.com/{name}
architectures=*
includes={name}.h
"""

_USAGE = """\
Copy this folder to the `libraries` folder of your sketchbook, or `arduino-cli lib install --zip-path`. Then open one of
its examples: `Selftest`, `PdmMicrophone` (Nano 33 BLE Sense, Nicla, Portenta, Nano RP2040 Connect: Arduino's PDM
library, DMA) or `I2sMicrophone` (ESP32 with core 3 or later, DMA). 32-bit boards; an AVR has neither the RAM nor the
32-bit `int`. Before you publish the library, set author, maintainer and url in `library.properties`.

Tested: the fields of `library.properties` against Arduino's library specification; the library and `Selftest`
compiled as the IDE does (each `.c` file by itself, the sketch as C++11 behind `Arduino.h`), `Selftest` run on this
computer. `Arduino.h`, `PDM.h` and `ESP_I2S.h` were stand-ins with the documented signatures: no Arduino core could
be installed, and no board was at hand.
"""


@dataclass(frozen=True)
class Arduino:
    """See :class:`~firmware_export.packages.protocol.Target`."""

    name: str = "arduino"
    usage: str = _USAGE

    def files(self, content: Content) -> Files:
        """``library.properties``, ``keywords.txt``, ``src`` and three sketches."""
        name, upper = content.name, content.name.upper()
        words = [(name, 1), (f"{name}_init", 2), (f"{name}_push", 2), (f"{name}_selftest", 2), (f"{upper}_HEARD", 3)]
        kinds = {1: "KEYWORD1", 2: "KEYWORD2", 3: "LITERAL1"}
        return {
            **content.under("src"),
            "library.properties": _PROPERTIES.format(name=name, version=content.version, summary=content.summary),
            "keywords.txt": "".join(f"{word}\t{kinds[kind]}\n" for word, kind in words),
            **sketches(content),
        }


def sketches(content: Content) -> Files:
    """The sketches, each in its folder."""
    names = ("Selftest", "PdmMicrophone", "I2sMicrophone")
    return {f"examples/{name}/{name}.ino": source_text(f"{name}.ino", content.name) for name in names}
