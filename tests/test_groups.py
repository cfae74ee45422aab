"""Tests that share a costly fixture stay on one worker."""

from __future__ import annotations

import os

import pytest


@pytest.mark.xdist_group("kept")
@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="without workers nothing is distributed")
def test_groups_are_kept_on_one_worker(request: pytest.FixtureRequest) -> None:
    assert request.node.nodeid.endswith("@kept")  # pytest-xdist groups by this suffix


@pytest.fixture(scope="module")
def costly() -> str:
    return "made once"


@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="without workers nothing is distributed")
def test_tests_that_share_a_fixture_of_their_file_are_a_group(request: pytest.FixtureRequest, costly: str) -> None:
    assert request.node.nodeid.endswith("@tests/test_groups.py")
