"""The sample request of a model: a running server must answer it as the model.yaml says."""

from __future__ import annotations

import math
import shlex
from pathlib import Path
from typing import Any

from model.config import ModelConfig
from serving.client import InferenceClient
from serving.encoding import JSON


def wrong_answer(client: InferenceClient, config: ModelConfig, version: str | None = None) -> str | None:
    """Send the sample; return one sentence when the prediction lacks what is expected. Raises ServiceError."""
    prediction = client.predict(config.name, config.sample_request, version)
    expected = config.sample.response
    found = {name: prediction.get(name) for name in expected}
    if all(_agree(found[name], expected[name], config) for name in expected):
        return None
    return f"{config.name} answers {config.sample.request} with {found}, not {expected}"


def _agree(found: Any, expected: Any, config: ModelConfig) -> bool:
    """Compare a field; a number with a decimal point may differ by 0.1 %, or by the tolerance of the golden set."""
    if isinstance(expected, float) and isinstance(found, (int, float)):
        return math.isclose(found, expected, rel_tol=1e-3, abs_tol=config.golden_set.tolerance)
    return bool(found == expected)


def curl_command(config: ModelConfig, inference: str) -> str:
    """Return a command line that sends the sample to the address `inference`."""
    path = config.sample_request
    if path.is_relative_to(Path.cwd()):
        path = path.relative_to(Path.cwd())
    content_type = f" -H 'Content-Type: {JSON}'" if path.suffix == ".json" else ""
    return f"curl -T {shlex.quote(str(path))}{content_type} {inference}/predictions/{config.name}"
