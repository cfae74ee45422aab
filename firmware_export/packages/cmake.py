"""CMake alone: a static library for any compiler, and two programs for this computer."""

from __future__ import annotations

from dataclasses import dataclass

from firmware_export.packages.content import microphones, source_text
from firmware_export.packages.protocol import Content, Files

_LISTS = """\
cmake_minimum_required(VERSION 3.13)
project(@name@ VERSION @version@ LANGUAGES C)

add_library(@name@ STATIC
@sources@)
target_include_directories(@name@ PUBLIC "${CMAKE_CURRENT_SOURCE_DIR}/src")
set_target_properties(@name@ PROPERTIES C_STANDARD 11 C_STANDARD_REQUIRED ON)
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  target_compile_options(@name@ PRIVATE -O2) # the kernels are several times slower without optimisation
endif()
target_compile_options(@name@ PRIVATE -ffunction-sections -fdata-sections)

# The programs run on a computer; a firmware adds this directory and links @name@.
if(CMAKE_SOURCE_DIR STREQUAL CMAKE_CURRENT_SOURCE_DIR AND NOT CMAKE_CROSSCOMPILING)
  enable_testing()
  add_executable(@name@_selftest examples/selftest.c)
  add_executable(@name@_listen examples/listen_file.c)
  foreach(program @name@_selftest @name@_listen)
    target_link_libraries(${program} PRIVATE @name@)
    set_target_properties(${program} PROPERTIES C_STANDARD 11)
  endforeach()
  add_test(NAME @name@_selftest COMMAND @name@_selftest)
endif()
"""

_USAGE = """\
```sh
cmake -S . -B build && cmake --build build && ctest --test-dir build
build/@name@_listen sound.wav      # PCM, 16 bits, one channel, the model's rate
```

In a firmware: `add_subdirectory(@name@)` and `target_link_libraries(app PRIVATE @name@)`; set your core's options
(`-mcpu=...`) in the tool chain file, they choose the kernels. `examples/listen_main.c` is the loop for a microphone;
`examples/microphone.h` are its two functions, and `examples/microphones` has them for boards of Nordic (nRF52840: PDM
by EasyDMA), ST (STM32L4: PDM through DFSDM and DMA) and Raspberry Pi (RP2040, RP2350: I2S by PIO and DMA).

Tested: built and run with CMake and this computer's compiler, compared with the desktop; built with a tool chain file
for `arm-none-eabi-gcc`. The microphones were compiled by it against the vendors' own headers (nrfx 4.2.1, STM32L4 HAL
1.13.5, pico-sdk 2.2.0), and heard on no board; what the PIO program samples was simulated.
"""


@dataclass(frozen=True)
class CMake:
    """See :class:`~firmware_export.packages.protocol.Target`."""

    name: str = "cmake"
    usage: str = _USAGE

    def files(self, content: Content) -> Files:
        """``CMakeLists.txt``, ``src`` and ``examples``."""
        sources = "".join(f"  src/{file}\n" for file in content.c_files)
        lists = _LISTS.replace("@sources@", sources.rstrip("\n"))
        return {
            **content.under("src"),
            "CMakeLists.txt": lists.replace("@name@", content.name).replace("@version@", content.version),
            "examples/selftest.c": source_text("selftest_main.c", content.name),
            "examples/listen_file.c": source_text("listen_file.c", content.name),
            **microphones(content.name),
        }
