"""Make archives for tests to deploy: changed copies of the real ones."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch
import yaml

MANIFEST = "MAR-INF/MANIFEST.json"


def with_changed(archive: Path, target: Path, changes: Mapping[str, bytes]) -> Path:
    """Copy an archive with some files replaced or added."""
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(target, "w") as new:
        for name in [*old.namelist(), *(changes.keys() - set(old.namelist()))]:
            new.writestr(name, changes[name] if name in changes else old.read(name))
    return target


def with_config(archive: Path, target: Path, **settings: int) -> Path:
    """Copy an archive with some settings of its model-config.yaml replaced."""
    with zipfile.ZipFile(archive) as old:
        config = yaml.safe_load(old.read("model-config.yaml"))
    return with_changed(archive, target, {"model-config.yaml": yaml.safe_dump({**config, **settings}).encode()})


def of_version(archive: Path, target: Path, version: str, changes: Mapping[str, bytes] = {}) -> Path:
    """Copy an archive as another version, with one worker so that it starts sooner."""
    with zipfile.ZipFile(archive) as old:
        manifest = json.loads(old.read(MANIFEST))
        config = old.read("model-config.yaml").replace(b"Workers: 2", b"Workers: 1")
    manifest["model"]["modelVersion"] = version
    changed = {MANIFEST: json.dumps(manifest).encode(), "model-config.yaml": config, **changes}
    return with_changed(archive, target, changed)


def weights_that_mistake_each_digit_for_the_next(archive: Path) -> bytes:
    """Return the archive's own weights with the outputs moved on by one."""
    with zipfile.ZipFile(archive) as packed:
        state = torch.load(io.BytesIO(packed.read("mnist.pt")), weights_only=True)
    moved = {name: value.roll(1, 0) if name.startswith("fc2") else value for name, value in state.items()}
    stream = io.BytesIO()
    torch.save(moved, stream)
    return stream.getvalue()
