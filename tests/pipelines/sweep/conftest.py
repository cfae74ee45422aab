"""What tests with Ray need."""

from __future__ import annotations

import importlib.util

import pytest


@pytest.fixture(scope="session")
def ray_installed() -> None:
    """Skip where Ray is missing."""
    if importlib.util.find_spec("ray") is None:
        pytest.skip("Ray is not installed: pip install '.[sweep]'")
