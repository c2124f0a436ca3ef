"""The manifests as `kubectl apply -k` would send them."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.containers.conftest import scanner
from tests.monitoring.conftest import promtool  # noqa: F401 - a fixture

OVERLAYS = ("cpu", "gpu", "fetched", "monitoring", "kserve", "training")
Resource = dict[str, Any]


class Manifests:
    """The resources of one overlay."""

    def __init__(self, resources: list[Resource]) -> None:
        self.all = resources

    def one(self, kind: str, name: str) -> Resource:
        (found,) = (r for r in self.all if (r["kind"], r["metadata"]["name"]) == (kind, name))
        return found

    def pod(self, name: str) -> Resource:
        return self.one("Deployment", name)["spec"]["template"]["spec"]

    def container(self, name: str) -> Resource:
        (container,) = self.pod(name)["containers"]
        return container


def render(folder: Path) -> Manifests:
    done = subprocess.run([scanner("kubectl"), "kustomize", folder], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")  # what is deprecated is said on stderr
    return Manifests(list(yaml.safe_load_all(done.stdout)))


@pytest.fixture(scope="session")
def rendered(root: Path) -> dict[str, Manifests]:
    """Return every overlay, rendered."""
    folders = sorted((root / "kubernetes/overlays").iterdir())
    assert {folder.name for folder in folders} == set(OVERLAYS)
    return {folder.name: render(folder) for folder in folders}


@pytest.fixture(scope="session")
def cpu(rendered: dict[str, Manifests]) -> Manifests:
    return rendered["cpu"]


@pytest.fixture(scope="session")
def compose(root: Path) -> Resource:
    """Return compose's services, with the value that each ${NAME:-value} has by default."""
    text = (root / "docker/compose.yaml").read_text()
    while "${" in text:
        start = text.rindex("${")
        default = text[start:].partition(":-")[2].partition("}")[0]
        text = f"{text[:start]}{default}{text[text.index('}', start) + 1 :]}"
    return yaml.safe_load(text)["services"]
