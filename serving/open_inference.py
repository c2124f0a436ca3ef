"""Health and metadata of the Open Inference Protocol (V2) and of KServe's V1, which TorchServe does not answer.

    GET /v2                               name, version and extensions of the server
    GET /v2/health/live                   {"live": true}
    GET /v2/health/ready                  200 or 503 {"ready": …}: a real prediction of every model
    GET /v2/models/NAME[/versions/V]        platform, versions, input and output tensors
    GET /v2/models/NAME[/versions/V]/ready  200 or 503 {"name", "ready"}: a real prediction of the model
    GET /v1/models                        {"models": […]}
    GET /v1/models/NAME                   200 or 503 {"name", "ready"}

The page server answers them, and in containers the supervisor's health server. The gateway does not forward them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from model.config import ModelConfig, Output
from serving import __version__
from serving.client import Client, ServiceError
from serving.torchserve.samples import wrong_answer

PATH = re.compile(
    r"/(?:v1/models(?:/(?P<v1>\w+))?|v2(?:/health/(?P<health>live|ready))?"
    r"|v2/models/(?P<v2>\w+)(?:/versions/(?P<version>[0-9.]+))?(?P<ready>/ready)?)"
)
TIMEOUT_S = 4.0
Answer = tuple[int, dict[str, Any]]


class OpenInference:
    """Answers for the models of one TorchServe, at the addresses of its inference and management APIs."""

    def __init__(self, models: Sequence[ModelConfig], inference: str, management: str) -> None:
        self._models = {model.name: model for model in models}
        self._addresses = inference, management

    def answer(self, path: str) -> Answer | None:
        """Return the status and body of a GET of `path`, or None for a path of no such route."""
        match = PATH.fullmatch(path)
        if match is None:
            return None
        name = match["v1"] or match["v2"]
        if name is None:
            return self._server(path, match["health"])
        if name not in self._models:
            return _error(f"there is no model {name}; the models are {', '.join(self._models) or 'none'}")
        with self._client() as client:
            try:
                versions = [str(version["modelVersion"]) for version in client.describe_all(name)]
            except ServiceError:
                versions = []
            version = match["version"]
            if version and version not in versions:
                return _error(f"{name} has no version {version}; its versions are {', '.join(versions) or 'none'}")
            if match["v1"] or match["ready"]:
                is_ready = self._is_ready(client, self._models[name], version)
                return 200 if is_ready else 503, {"name": name, "ready": is_ready}
        return 200, metadata(self._models[name], versions)

    def _server(self, path: str, health: str | None) -> Answer:
        if path == "/v1/models":
            return 200, {"models": list(self._models)}
        if health == "live":
            return 200, {"live": True}
        if health == "ready":
            with self._client() as client:
                is_ready = all(self._is_ready(client, model) for model in self._models.values())
            return 200 if is_ready else 503, {"ready": is_ready}
        return 200, {"name": "torchserve", "version": __version__, "extensions": ["binary_tensor_data"]}

    def _is_ready(self, client: Client, model: ModelConfig, version: str | None = None) -> bool:
        try:
            return wrong_answer(client, model, version) is None
        except ServiceError:
            return False

    def _client(self) -> Client:
        return Client(*self._addresses, TIMEOUT_S, retries=0, is_probe=True)


def metadata(model: ModelConfig, versions: Sequence[str]) -> dict[str, Any]:
    """Return the metadata of a model: its input tensor, in the first accepted datatype, and its output tensors."""
    spec = model.input
    return {
        "name": model.name,
        "versions": list(versions),
        "platform": "pytorch_torchserve",
        "inputs": [{"name": spec.name, "datatype": spec.datatypes[0], "shape": [-1, *spec.shape]}],
        "outputs": [_tensor(name, model.outputs[name]) for name in model.protocols.v2],
    }


def _tensor(name: str, output: Output) -> dict[str, Any]:
    return {"name": name, "datatype": output.datatype, "shape": [-1, *output.shape]}


def _error(sentence: str) -> Answer:
    return 404, {"error": sentence}
