"""TorchServe's configuration file, config.properties."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def read_settings(config: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Read the properties of `config`. TS_… variables of `environment` override them, as in TorchServe itself."""
    lines = (line.strip() for line in config.read_text().splitlines())
    pairs = (line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    settings = {name.strip(): value.strip() for name, value in pairs}
    return {name: environment.get(f"TS_{name.upper()}", value) for name, value in settings.items()}
