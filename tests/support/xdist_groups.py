"""Make pytest-xdist's `--dist loadgroup` honour the mark xdist_group.

pytest-xdist 3.8 appends the group to `item._nodeid`, which pytest 9.2 no longer reads: it ignores every group silently.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: Sequence[pytest.Item]) -> None:
    """Append @group to the node ids in a worker of pytest-xdist; its controller sends a group to one worker."""
    if not config.getoption("loadgroup", False):
        return
    for item in items:
        mark = item.get_closest_marker("xdist_group")
        if mark and not item.nodeid.endswith(f"@{mark.args[0]}"):
            item._id = item.id.parse(f"{item.nodeid}@{mark.args[0]}")
