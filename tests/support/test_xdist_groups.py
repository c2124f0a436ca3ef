"""Under pytest-xdist the node id of a test in a group ends with the group, by which the controller schedules it."""

from __future__ import annotations

import pytest


@pytest.mark.xdist_group("example")
def test_the_node_id_ends_with_the_group(request):
    if not request.config.getoption("loadgroup", False):
        pytest.skip("runs under pytest-xdist with --dist loadgroup only")
    assert request.node.nodeid.endswith("@example")
