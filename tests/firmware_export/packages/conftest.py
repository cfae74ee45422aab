"""Every target's package, exported once."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from package_support import package


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a target's package; not to be written to."""
    made: dict[str, Path] = {}

    def get(target: str) -> Path:
        if target not in made:
            made[target] = package(tmp_path_factory.mktemp("packages") / "hey_nova", target)
        return made[target]

    return get
