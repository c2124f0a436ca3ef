"""The servers that are compared: how to start each, send it an image, and read the digit from its response."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.paths import ROOT

HERE = Path(__file__).resolve().parent
BENCHMARKS = HERE.parent


@dataclass(frozen=True)
class ServerEntry:
    """`python -m benchmarks.servers.impl.MODULE PORT` starts it; a POST of one image to `path` returns its digit."""

    name: str
    module: str
    path: str
    package: str  # whose version is reported
    environment: str | None = None  # servers/requirements/ENVIRONMENT.txt; None is the project's own environment
    options: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "image/png"})
    encode: Callable[[bytes], bytes] = bytes  # an image file as this server expects it
    digit: Callable[[bytes], int] = lambda body: int(json.loads(body)["digit"])
    needs_shared_python: bool = False  # a Python with libpython*.so

    @property
    def requirements(self) -> Path:
        if self.environment is None:
            return ROOT / "requirements/serve.txt"
        return HERE / f"requirements/{self.environment}.txt"

    @property
    def version(self) -> str:
        found = re.search(rf"^{re.escape(self.package)}==(\S+)", self.requirements.read_text(), re.MULTILINE)
        return found[1] if found else "?"


def _in_json(wrap: Callable[[str], Any]) -> Callable[[bytes], bytes]:
    return lambda image: json.dumps(wrap(base64.b64encode(image).decode())).encode()


JSON = {"Content-Type": "application/json"}
SAMPLES = {digit: ROOT / f"model/mnist/samples/{digit}.png" for digit in range(10)}
DIGIT_OF_SAMPLE = {path.read_bytes(): digit for digit, path in SAMPLES.items()}
SERVERS = (
    ServerEntry("ours", "ours", "/predictions/mnist", "torchserve"),
    ServerEntry("echo", "echo", "/predictions/mnist", "torchserve", digit=DIGIT_OF_SAMPLE.__getitem__),
    ServerEntry("torchserve", "torchserve_server", "/predictions/mnist", "torchserve"),
    ServerEntry("mosec", "mosec_server", "/inference", "mosec", "mosec"),
    ServerEntry("mosec-orjson", "mosec_server", "/inference", "mosec", "mosec", options=("--orjson",)),
    ServerEntry(
        *("litserve", "litserve_server", "/predict", "litserve", "litserve"),
        headers=JSON,
        encode=_in_json(lambda text: {"image_data": text}),
    ),
    ServerEntry(
        *("bentoml", "bentoml_server", "/predict", "bentoml", "bentoml"),
        headers=JSON,
        encode=_in_json(lambda text: {"images": [text]}),
        digit=lambda body: int(json.loads(body)[0]["digit"]),
    ),
    ServerEntry("fastapi", "fastapi_server", "/predict", "fastapi", "fastapi"),
    ServerEntry("ray", "ray_server", "/", "ray", "ray"),
    ServerEntry(
        *("triton", "triton_server", "/v2/models/mnist/infer", "nvidia-pytriton", "triton"),
        headers={"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": "0"},  # a raw request
        digit=lambda body: int.from_bytes(body[-8:], "little"),  # the last output tensor, INT64 [1, 1]
        needs_shared_python=True,
    ),
)
OURS = SERVERS[0]
BY_NAME = {server.name: server for server in SERVERS}
