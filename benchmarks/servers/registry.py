"""The servers that are compared: how each is started, asked, and understood."""

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
class Peer:
    """`python -m benchmarks.servers.impl.MODULE PORT` starts it; a POST of one image to `path` is answered with its digit."""

    name: str
    module: str
    path: str
    package: str  # whose version is told
    environment: str | None = None  # benchmarks/requirements/ENVIRONMENT.txt; None is the project's own
    options: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "image/png"})
    encode: Callable[[bytes], bytes] = bytes  # an image file as this server wants it
    digit: Callable[[bytes], int] = lambda body: int(json.loads(body)["digit"])
    needs_shared_python: bool = False  # one with libpython*.so

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
ECHO = {path.read_bytes(): digit for digit, path in SAMPLES.items()}
PEERS = (
    Peer("ours", "ours", "/predictions/mnist", "torchserve"),
    Peer("echo", "echo", "/predictions/mnist", "torchserve", digit=ECHO.__getitem__),
    Peer("torchserve", "torchserve_server", "/predictions/mnist", "torchserve"),
    Peer("mosec", "mosec_server", "/inference", "mosec", "mosec"),
    Peer("mosec-orjson", "mosec_server", "/inference", "mosec", "mosec", options=("--orjson",)),
    Peer(
        *("litserve", "litserve_server", "/predict", "litserve", "litserve"),
        headers=JSON,
        encode=_in_json(lambda text: {"image_data": text}),
    ),
    Peer(
        *("bentoml", "bentoml_server", "/predict", "bentoml", "bentoml"),
        headers=JSON,
        encode=_in_json(lambda text: {"images": [text]}),
        digit=lambda body: int(json.loads(body)[0]["digit"]),
    ),
    Peer("fastapi", "fastapi_server", "/predict", "fastapi", "fastapi"),
    Peer("ray", "ray_server", "/", "ray", "ray"),
    Peer(
        *("triton", "triton_server", "/v2/models/mnist/infer", "nvidia-pytriton", "triton"),
        headers={"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": "0"},  # a raw request
        digit=lambda body: int.from_bytes(body[-8:], "little"),  # the last output tensor, INT64 [1, 1]
        needs_shared_python=True,
    ),
)
