"""The sample request of a model: a running server must answer it as the model.yaml says."""

from __future__ import annotations

import shlex
from pathlib import Path

from model.config import ModelConfig
from serving.client import InferenceClient
from serving.encoding import JSON


def wrong_answer(client: InferenceClient, config: ModelConfig, version: str | None = None) -> str | None:
    """Send the sample; return one sentence when the prediction lacks what is expected. Raises ServiceError."""
    prediction = client.predict(config.name, config.sample_request, version)
    expected = config.sample.response
    found = {name: prediction.get(name) for name in expected}
    if found == expected:
        return None
    return f"{config.name} answers {config.sample.request} with {found}, not {expected}"


def curl_command(config: ModelConfig, inference: str) -> str:
    """Return a command line that sends the sample to the address `inference`."""
    path = config.sample_request
    if path.is_relative_to(Path.cwd()):
        path = path.relative_to(Path.cwd())
    content_type = f" -H 'Content-Type: {JSON}'" if path.suffix == ".json" else ""
    return f"curl -T {shlex.quote(str(path))}{content_type} {inference}/predictions/{config.name}"
