"""BentoML with two workers and adaptive batching; a batchable API takes a list, so a request is a list of one image."""

from __future__ import annotations

import base64
import os
import sys
from pathlib import Path
from typing import Any

import bentoml

from benchmarks.servers.impl.digit import decode, load_net, predict, responses


@bentoml.service(workers=2, logging={"access": {"enabled": False}})
class Digits:
    def __init__(self) -> None:
        self.net = load_net()

    @bentoml.api(batchable=True, max_batch_size=32, max_latency_ms=1000)
    def predict(self, images: list[str]) -> list[dict[str, Any]]:
        return responses(predict(self.net, [decode(base64.b64decode(image)) for image in images]))


if __name__ == "__main__":
    command = Path(sys.executable).with_name("bentoml")
    service = "benchmarks.servers.impl.bentoml_server:Digits"
    os.environ["BENTOML_DO_NOT_TRACK"] = "True"
    os.execv(command, [str(command), "serve", service, "--host", "127.0.0.1", "--port", sys.argv[1]])  # noqa: S606
