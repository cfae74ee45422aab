"""What other platforms install: the markers of the requirements, and the Dockerfile beside the set-up scripts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
LINUX = {"sys_platform": "linux", "platform_machine": "x86_64", "python_version": "3.11"}


def wanted(**platform: str) -> set[str]:
    extra = re.search(r"^    (tflite-runtime==.*)$", (ROOT / "setup.cfg").read_text(), re.MULTILINE)[1]
    lines = [line.split("#")[0].strip() for line in (ROOT / "requirements.txt").read_text().splitlines()] + [extra]
    requirements = [Requirement(line) for line in lines if line]
    environment = LINUX | platform
    return {each.name for each in requirements if each.marker is None or each.marker.evaluate(environment)}


@pytest.mark.parametrize(
    ("platform", "missing"),
    [
        ({}, set()),
        ({"python_version": "3.12"}, {"tflite-runtime"}),
        ({"platform_machine": "aarch64"}, {"tflite-micro"}),
        ({"sys_platform": "darwin", "platform_machine": "arm64"}, {"tflite-micro", "tflite-runtime"}),
    ],
)
def test_what_has_no_wheel_is_not_asked_for(platform: dict[str, str], missing: set[str]) -> None:
    assert wanted() - wanted(**platform) == missing
    assert {"tensorflow", "ai-edge-litert", "matplotlib"} <= wanted(**platform)


def test_the_container_has_the_tools_of_the_set_up() -> None:
    text = (ROOT / "Dockerfile").read_text()
    scripts = (ROOT / "scripts" / "toolchain.sh").read_text()
    tools = {name for names in re.findall(r'missing="\$missing ([^"]+)"', scripts) for name in names.split()}
    assert tools - {"chromium"} <= set(text.split())
    copied = re.findall(r"^COPY (.+) \S+$", text, re.MULTILINE)
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert {name for names in copied for name in names.split()} == allowed
    assert all((ROOT / name).exists() for name in allowed)
