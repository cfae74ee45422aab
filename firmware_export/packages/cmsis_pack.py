"""An Open-CMSIS-Pack: a ``.pdsc`` by Arm's schema 1.7.7, and the ``.pack`` archive that ``cpackget add`` installs."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from xml.sax.saxutils import quoteattr

from firmware_export.codegen.stamp import LICENCE, stamp
from firmware_export.packages.content import microphones, source_text
from firmware_export.packages.protocol import Content, Files

VENDOR = "kws-tfmot"

_PDSC = """\
<?xml version="1.0" encoding="UTF-8"?>
<package schemaVersion="1.7.7" xmlns:xs="http://www.w3.org/2001/XMLSchema-instance"
         xs:noNamespaceSchemaLocation="PACK.xsd">
  <vendor>{vendor}</vendor>
  <name>{name}</name>
  <description>{summary}</description>
  <url>https://example.com/</url>
  <license>LICENSE</license>
  <licenseSets>
    <licenseSet id="all" default="true">
      <license name="LICENSE" title="Apache License 2.0" spdx="{licence}"/>
    </licenseSet>
  </licenseSets>
  <releases>
    <release version="{version}">Generated from the model with SHA-256 {digest}.</release>
  </releases>
  <keywords>
    <keyword>keyword spotting</keyword>
  </keywords>
  <conditions>
    <condition id="{name} cores">
      <description>Any Cortex-M core</description>
{cores}
    </condition>
  </conditions>
  <components>
    <component Cclass="Machine Learning" Cgroup="Keyword Spotting" Csub={sub} Cversion="{version}"
               condition="{name} cores">
      <description>{summary}</description>
      <RTE_Components_h>
        #define RTE_KWS_{upper} /* keyword spotter {name} */
      </RTE_Components_h>
      <files>
        <file category="doc" name="README.md"/>
        <file category="include" name="src/"/>
{sources}
{templates}
      </files>
    </component>
  </components>
</package>
"""

_CORES = ("M0", "M0+", "M3", "M4", "M7", "M23", "M33", "M55", "M85")
_TEMPLATES = {
    "selftest.c": "Self-test",
    "listen_main.c": "Microphone to keyword",
    "microphone.h": "Microphone to keyword",
    "microphones/microphone_nrf52.c": "Microphone: nRF52, PDM by EasyDMA",
    "microphones/microphone_rp2040.c": "Microphone: RP2040, I2S by PIO and DMA",
    "microphones/microphone_stm32l4.c": "Microphone: STM32L4, DFSDM by DMA",
    "microphones/microphone_ring.h": "Microphone: ring of hops",
}

_USAGE = """\
```sh
cpackget add @pack@
```

Then select the component `Machine Learning:Keyword Spotting:@name@` in a csolution (`- component: Machine
Learning:Keyword Spotting:@name@`), MDK or IAR. Self-test and microphone loop are its user code templates;
`examples/microphone.h` are its two functions, and there are templates of them for nRF52, STM32L4 and RP2040.
The archive holds the files of this folder.

Tested: the `.pdsc` by Arm's schema `PACK.xsd` (Open-CMSIS-Pack-Spec) where that file is given, and always that every
file it names exists and every source is named; the component compiled for Cortex-M0+, M4 and M55 by
`arm-none-eabi-gcc`. `packchk` and `cbuild` come as binaries from Arm's site and were not run.
"""


@dataclass(frozen=True)
class CmsisPack:
    """See :class:`~firmware_export.packages.protocol.Target`."""

    name: str = "cmsis-pack"
    usage: str = _USAGE.replace("@pack@", f"{VENDOR}.@name@.@version@.pack")

    def files(self, content: Content) -> Files:
        """The ``.pdsc``, ``src``, ``examples`` and, from all of these, the ``.pack``."""
        return {
            **content.under("src"),
            "examples/selftest.c": source_text("selftest_main.c", content.name),
            **microphones(content.name),
            f"{VENDOR}.{content.name}.pdsc": description(content),
        }

    def archive(self, files: Files, content: Content) -> Files:
        """The ``.pack`` of all files of the package, the same bytes for the same files."""
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as pack:
            for name, data in sorted(stamp(files).items()):
                entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
                entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
                pack.writestr(entry, data)
        return {f"{VENDOR}.{content.name}.{content.version}.pack": stream.getvalue()}


def description(content: Content) -> str:
    """The ``.pdsc`` of a package."""
    lines = [f'        <file category="source" name={quoteattr(f"src/{file}")}/>' for file in content.c_files]
    templates = [
        f'        <file category="{"header" if file.endswith(".h") else "source"}" attr="template" '
        f'name="examples/{file}" select="{title}"/>'
        for file, title in _TEMPLATES.items()
    ]
    return _PDSC.format(
        vendor=VENDOR,
        name=content.name,
        upper=content.name.upper(),
        sub=quoteattr(content.name),
        summary=content.summary,
        licence=LICENCE,
        version=content.version,
        digest=content.digest,
        cores="\n".join(f'      <accept Dcore="Cortex-{core}"/>' for core in _CORES),
        sources="\n".join(lines),
        templates="\n".join(templates),
    )
