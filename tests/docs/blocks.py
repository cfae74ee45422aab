"""Commands in Markdown: read from code blocks, as a reader would type them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
DOCS = (
    "tutorial",
    "after_shipping",
    "second_look",
    "custom_keywords",
    "data",
    "methods",
    "sweeps",
    "evaluation",
    "device",
    "packages",
    "browser",
    "platforms",
    "streaming",
    "limits",
    "own_network",
    "zoo",
)
_MARK = re.compile(r"<!-- (?P<kind>not run|device): (?P<reason>.+) -->")


class Command(NamedTuple):
    """One command; ``kind`` is ``run``, ``device`` (needs the Arm compiler) or ``not run`` with its ``reason``."""

    text: str
    kind: str
    reason: str
    line: int

    @property
    def words(self) -> list[str]:
        """Split as a shell does."""
        return shlex.split(self.text.replace("\\\n", " "), comments=True)


def document(name: str) -> Path:
    """``docs/NAME.md``."""
    return ROOT / "docs" / f"{name}.md"


def code_blocks(text: str, language: str) -> list[tuple[int, str, str, str]]:
    """Number of the first line, kind, reason and text of every block in ``language``."""
    found, mark, inside, start = [], None, None, 0
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        if inside is None:
            if match := _MARK.fullmatch(line.strip()):
                mark = match
            elif line.startswith("```"):
                inside, start = line[3:].strip(), number + 1
            elif line.strip():
                mark = None
        elif line == "```":
            if inside == language:
                kind, reason = (mark["kind"], mark["reason"]) if mark else ("run", "")
                found.append((start, kind, reason, "\n".join(lines[start - 1 : number - 1])))
            inside, mark = None, None
    return found


def commands(text: str) -> list[Command]:
    """The commands of every ``bash`` block, continued lines joined, a here-document with the command that takes it."""
    found = []
    for start, kind, reason, block in code_blocks(text, "bash"):
        pending: list[str] = []
        until = ""
        first = start
        for offset, line in enumerate(block.splitlines()):
            pending.append(line)
            if match := re.search(r"<<'(\w+)'$", line):
                until = match[1]
            elif until and line == until:
                until = ""
            if until or line.endswith("\\"):
                continue
            if any(part.strip() for part in pending):
                found.append(Command("\n".join(pending), kind, reason, first))
            pending, first = [], start + offset + 1
    return found


def indented_commands(text: str) -> list[Command]:
    """The commands of blocks indented by four spaces (those of the README)."""
    lines = re.findall(r"^ {4}(?:\.venv/bin/)?((?:kws|make) .*)$", text, re.M)
    return [Command(line, "not run", "in the README", 0) for line in lines]


def inline_options(text: str) -> list[tuple[str, list[str]]]:
    """Command and options of every `kws ...` within a sentence."""
    spans = re.findall(r"`(kws [^`]+)`", re.sub(r"```.*?```", "", text, flags=re.S))
    found = []
    for span in spans:
        words = span.split()
        if re.fullmatch(r"[a-z]+", words[1]):
            found.append((words[1], re.findall(r"(?<=\s)--[a-z-]+", span)))
    return found
