"""What a package is made of, and what every target turns it into."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from kws_tfmot import __version__
from kws_tfmot.frontend.frontend_settings import FrontendSettings

Files = dict[str, bytes | str]


@dataclass(frozen=True)
class Content:
    """One model's firmware, whatever package it is put into.

    Attributes:
        name: What every file and C identifier begins with.
        sources: ``.c`` and ``.h`` files of engine, front end, detector, chain and self-test.
        labels: The classes, in the order of the outputs.
        frontend: How samples become features.
        digest: SHA-256 of the ``.tflite``.
        arena_bytes: RAM of the network.
        constant_bytes: Weights and tables of the network in flash.
        checksum: What the self-test gives on the desktop.
        monitor: What it counts and keeps, for the README; empty where it does not.
    """

    name: str
    sources: dict[str, str]
    labels: tuple[str, ...]
    frontend: FrontendSettings
    digest: str
    arena_bytes: int
    constant_bytes: int
    checksum: int
    monitor: str = ""
    version: str = __version__

    @property
    def c_files(self) -> list[str]:
        """Names of the ``.c`` files, sorted."""
        return sorted(file for file in self.sources if file.endswith(".c"))

    @property
    def keywords(self) -> str:
        """The words that can be heard, for a sentence."""
        return ", ".join(label for label in self.labels if not label.startswith("_"))

    @property
    def summary(self) -> str:
        """One sentence for a manifest, without quotes, commas or line ends that a manifest could trip over."""
        return "Keyword spotter: integer audio front end and int8 network and detector in C99"

    def under(self, folder: str) -> Files:
        """The sources in ``folder``."""
        return {f"{folder}/{name}": text for name, text in self.sources.items()}


class Target(Protocol):
    """A tool chain that packages are made for."""

    @property
    def name(self) -> str:
        """What ``kws export --target`` calls it."""

    @property
    def usage(self) -> str:
        """Markdown with ``@name@`` for the package's name: how to build with the package, and what was tested of it."""

    def files(self, content: Content) -> Files:
        """Every file but README and LICENSE by its path in the package; equal contents give equal bytes."""
