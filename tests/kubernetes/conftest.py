"""The overlays, and the folders of the models, as `kubectl apply -k` sends them."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from model import config
from tests.containers.conftest import scanner
from tests.monitoring.conftest import promtool  # noqa: F401 - a fixture

OVERLAYS = ("cpu", "gpu", "fetched", "monitoring")
MODELS = config.names()
OF_A_MODEL = ("kserve", "training")
Resource = dict[str, Any]


class Manifests:
    """The resources of a rendered overlay."""

    def __init__(self, resources: list[Resource]) -> None:
        self.all = resources

    def find(self, kind: str, name: str) -> Resource:
        (found,) = (r for r in self.all if (r["kind"], r["metadata"]["name"]) == (kind, name))
        return found

    def pod(self, name: str) -> Resource:
        return self.find("Deployment", name)["spec"]["template"]["spec"]

    def container(self, name: str) -> Resource:
        (container,) = self.pod(name)["containers"]
        return container


def render(folder: Path) -> Manifests:
    """Render an overlay. kubectl must not warn: it reports deprecated fields on stderr."""
    done = subprocess.run([scanner("kubectl"), "kustomize", folder], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return Manifests(list(yaml.safe_load_all(done.stdout)))


@pytest.fixture(scope="session")
def rendered(root: Path) -> dict[str, Manifests]:
    """Return all rendered overlays by name, and those of the models: "NAME/kserve"."""
    folders = [*(root / "kubernetes").glob("overlays/*"), *(root / "kubernetes").glob("models/*/*")]
    names = {"/".join(folder.relative_to(root / "kubernetes").parts[1:]): folder for folder in folders}
    assert set(names) == {*OVERLAYS, *(f"{model}/{part}" for model in MODELS for part in OF_A_MODEL)}
    return {name: render(folder) for name, folder in names.items()}


@pytest.fixture(scope="session")
def cpu(rendered: dict[str, Manifests]) -> Manifests:
    """Return the rendered overlay cpu."""
    return rendered["cpu"]


@pytest.fixture(scope="session")
def compose(root: Path) -> Resource:
    """Return the services of docker/compose.yaml with the default values of its variables."""
    text = (root / "docker/compose.yaml").read_text()
    while "${" in text:
        start = text.rindex("${")
        default = text[start:].partition(":-")[2].partition("}")[0]
        text = f"{text[:start]}{default}{text[text.index('}', start) + 1 :]}"
    return yaml.safe_load(text)["services"]
