"""Tiers of tests: each test that no other marker names is a unit test. Tests of one file share a process.

Sharing a process shares the fixtures of that file, where pytest-xdist would otherwise make them once in each process.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

TIERS = ("server", "browser", "container", "fault", "scan", "gpu")


@pytest.hookimpl(tryfirst=True)  # before -m selects
def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    for item in items:
        if not any(item.get_closest_marker(tier) for tier in TIERS):
            item.add_marker(pytest.mark.unit)
        if not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))
