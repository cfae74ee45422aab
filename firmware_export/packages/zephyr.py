"""A Zephyr module: ``zephyr/module.yml``, Kconfig, CMakeLists.txt and two samples."""

from __future__ import annotations

from dataclasses import dataclass

from firmware_export.packages.content import source_text
from firmware_export.packages.protocol import Content, Files

_MODULE = """\
name: @name@
build:
  cmake: .
  kconfig: Kconfig
  settings: {}
samples:
  - samples
"""

_KCONFIG = """\
config KWS_@NAME@
  bool "Keyword spotter @name@"
  help
    Audio front end, int8 network and detector of one model, in integers.
    The caller owns all memory; nothing else is configured.
"""

_LISTS = """\
if(CONFIG_KWS_@NAME@)
  zephyr_include_directories(src)
  zephyr_library_named(@name@)
  zephyr_library_compile_options(-O2) # the kernels are slower with Zephyr's -Os
  zephyr_library_sources(
@sources@)
endif()
"""

_SAMPLE = """\
cmake_minimum_required(VERSION 3.20.0)
list(APPEND EXTRA_ZEPHYR_MODULES ${CMAKE_CURRENT_SOURCE_DIR}/../..)
find_package(Zephyr REQUIRED HINTS $ENV{ZEPHYR_BASE})
project(@name@_@sample@)
target_sources(app PRIVATE src/main.c)
"""

_CONF = """\
CONFIG_KWS_@NAME@=y
CONFIG_MAIN_STACK_SIZE=4096
"""

_SELFTEST = """\
sample:
  name: @name@ self-test
tests:
  sample.@name@.selftest:
    integration_platforms:
      - native_sim
      - mps2/an385
    harness: console
    harness_config:
      type: one_line
      regex:
        - "selftest passed"
"""

# The microphone's pins of a PDM breakout on an nRF52840 DK.
_OVERLAY = """\
&pinctrl {
	@name@_pdm: @name@_pdm {
		group1 {
			psels = <NRF_PSEL(PDM_CLK, 1, 10)>, <NRF_PSEL(PDM_DIN, 1, 11)>;
		};
	};
};

dmic_dev: &pdm0 {
	status = "okay";
	pinctrl-0 = <&@name@_pdm>;
	pinctrl-names = "default";
	clock-source = "PCLK32M";
};
"""

_USAGE = """\
```sh
west build -b mps2/an385 samples/selftest -t run
west build -b nrf52840dk/nrf52840 samples/microphone
```

In your application: `list(APPEND EXTRA_ZEPHYR_MODULES /path/to/@name@)` before `find_package(Zephyr)`, or the module in
your west manifest; then `CONFIG_KWS_@NAME@=y`. `samples/microphone` reads any board whose device tree has a `dmic_dev`
(PDM by DMA: Nordic, STM32, NXP, Ambiq); an overlay for the nRF52840 DK is beside it.

Tested: `module.yml` against the keys of Zephyr's module schema, Kconfig by kconfiglib, CMakeLists.txt run by CMake with
stand-ins of Zephyr's functions and compiled by `arm-none-eabi-gcc` for a Cortex-M4; `samples/selftest` run. Zephyr
itself cannot be installed from a package registry: `samples/microphone` was compiled with a stand-in of
`zephyr/audio/dmic.h`.
"""


@dataclass(frozen=True)
class Zephyr:
    """See :class:`~firmware_export.packages.protocol.Target`."""

    name: str = "zephyr"
    usage: str = _USAGE

    def files(self, content: Content) -> Files:
        """The module's files, ``src`` and two samples."""
        name = content.name
        sources = "".join(f"    src/{file}\n" for file in content.c_files)
        texts = {
            "zephyr/module.yml": _MODULE,
            "Kconfig": _KCONFIG,
            "CMakeLists.txt": _LISTS.replace("@sources@", sources.rstrip("\n")),
            "samples/selftest/CMakeLists.txt": _SAMPLE.replace("@sample@", "selftest"),
            "samples/selftest/prj.conf": _CONF,
            "samples/selftest/sample.yaml": _SELFTEST,
            "samples/microphone/CMakeLists.txt": _SAMPLE.replace("@sample@", "microphone"),
            "samples/microphone/prj.conf": _CONF + "CONFIG_AUDIO=y\nCONFIG_AUDIO_DMIC=y\n",
            "samples/microphone/boards/nrf52840dk_nrf52840.overlay": _OVERLAY,
        }
        files: Files = {
            file: text.replace("@name@", name).replace("@NAME@", name.upper()) for file, text in texts.items()
        }
        files["samples/selftest/src/main.c"] = source_text("selftest_main.c", name)
        files["samples/microphone/src/main.c"] = source_text("zephyr_microphone.c", name)
        return {**content.under("src"), **files}
