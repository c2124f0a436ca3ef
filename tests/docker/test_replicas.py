"""The containers of benchmarks.replicas: in use, within their limit, and gone, as it asks."""

from __future__ import annotations

import pytest

from benchmarks.composed import Composed
from benchmarks.replicas import Load
from tests.docker.conftest import docker

pytestmark = pytest.mark.docker


def test_one_of_two_is_used_within_its_limit_and_none_is_left(service, monkeypatch):
    monkeypatch.setenv("IMAGE_PREFIX", service.name)
    with Composed(2) as composed:
        composed.use(1)
        composed.limit(0.5)
        before = composed.replicas[0].counters()
        measured = Load(composed).open(rate=100, seconds=4)
        used_s, unused_s = measured["replica_cpu_s"]
        assert measured["wrong"] == 0 < measured["checked"]
        assert 0.01 < used_s < 0.6 * measured["seconds"]  # its share, and what it had left of the period before
        assert unused_s < 0.2 * used_s
        composed.use(2)
        assert composed.replicas[0].counters()["batched"] >= before["batched"] + 100
    project = f"label=com.docker.compose.project={composed.project}"
    assert docker("ps", "--all", "--quiet", "--filter", project) == ""
