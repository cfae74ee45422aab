"""An ESP-IDF component: ``idf_component.yml``, CMakeLists.txt and two projects."""

from __future__ import annotations

from dataclasses import dataclass

from firmware_export.codegen.stamp import LICENCE
from firmware_export.packages.content import source_text
from firmware_export.packages.protocol import Content, Files

_MANIFEST = """\
version: "@version@"
description: "@summary@"
license: @licence@
dependencies:
  idf: ">=5.1"
examples:
  - path: ./examples/selftest
  - path: ./examples/microphone
"""

_LISTS = """\
idf_component_register(SRCS
@sources@
  INCLUDE_DIRS "src")
target_compile_options(${COMPONENT_LIB} PRIVATE -O2) # the kernels are slower with -Og and -Os
"""

_PROJECT = """\
cmake_minimum_required(VERSION 3.16)
include($ENV{IDF_PATH}/tools/cmake/project.cmake)
project(@name@_@example@)
"""

_MAIN = """\
idf_component_register(SRCS "main.c"@needs@)
"""

_MAIN_MANIFEST = """\
dependencies:
  @name@:
    version: "*"
    override_path: "../../../"
"""

_USAGE = """\
```sh
idf.py -C examples/selftest set-target esp32s3 build flash monitor
idf.py -C examples/microphone set-target esp32s3 build flash monitor   # INMP441 or alike; set the pins in main.c
```

In your project: this folder under `components/`, or in `idf_component.yml` `@name@: {version: "*", override_path:
/path/to/@name@}`. The folder's name is the component's: call it `@name@`.

Tested: both manifests by Espressif's component manager; CMakeLists.txt run by CMake with a stand-in of
`idf_component_register`; the sources compiled for RV32IMAC (ESP32-C3, C6, H2) by Clang, the self-test run on this
computer.
ESP-IDF and Xtensa compilers cannot be installed from a package registry: `examples/microphone` was compiled with a
stand-in of `driver/i2s_std.h`, and the engine has no kernels for Xtensa's or the S3's own vector instructions: it runs
there as portable C.
"""


@dataclass(frozen=True)
class EspIdf:
    """See :class:`~firmware_export.packages.protocol.Target`."""

    name: str = "esp-idf"
    usage: str = _USAGE

    def files(self, content: Content) -> Files:
        """The component's files, ``src`` and two projects."""
        sources = "".join(f"  src/{file}\n" for file in content.c_files)
        texts = {"idf_component.yml": _MANIFEST, "CMakeLists.txt": _LISTS.replace("@sources@", sources.rstrip("\n"))}
        for example in ("selftest", "microphone"):
            folder = f"examples/{example}"
            needs = "\n  PRIV_REQUIRES esp_driver_i2s" if example == "microphone" else ""
            texts[f"{folder}/CMakeLists.txt"] = _PROJECT.replace("@example@", example)
            texts[f"{folder}/main/CMakeLists.txt"] = _MAIN.replace("@needs@", needs)
            texts[f"{folder}/main/idf_component.yml"] = _MAIN_MANIFEST
            texts[f"{folder}/main/main.c"] = source_text(f"esp_{example}.c", content.name)
        places = {"version": content.version, "summary": content.summary, "licence": LICENCE, "name": content.name}
        for place, value in places.items():
            texts = {file: text.replace(f"@{place}@", value) for file, text in texts.items()}
        return {**content.under("src"), **texts}
