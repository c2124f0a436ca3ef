"""Parse a request in any protocol that a model offers.

The protocol is recognized by content, so every one works at every route of TorchServe.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from handlers import request_body
from handlers.errors import ClientError
from handlers.inputs import InputReader, Inputs
from handlers.protocols import npy, v1, v2
from model.config import ModelConfig

HEALTH_CHECK_HEADER = "x-health-check"


class Request(NamedTuple):
    """Inputs [n, *shape] (handlers/inputs.py) and the form of the response.

    A health check is answered like any request, but its predictions are not counted.
    """

    inputs: Inputs
    form: Literal["single", "list", "v2", "npy"]
    id: str | None = None
    outputs: Sequence[str] = ()
    binary: Collection[str] = ()
    explain: bool = False
    health_check: bool = False


class RequestParser:
    """Parses the requests of one model; `preprocess` turns one encoded file into one input."""

    def __init__(self, config: ModelConfig, preprocess: Callable[[bytes], Inputs]) -> None:
        self.reader = InputReader(config.input, preprocess)
        self._config = config
        self._explained = config.explanation.outputs if config.explanation else {}

    def parse(self, parts: Mapping[str, Any], headers: Mapping[str, str]) -> Request:
        """Parse one request from the parts of its body and its headers with lowercase names. Raises ClientError."""
        request = self._parse_form(request_body.read_parts(parts, headers), headers)
        if HEALTH_CHECK_HEADER in headers:
            request = request._replace(health_check=True)
        return request if headers.get("explain") != "True" else self._explain(request)

    def _explain(self, request: Request) -> Request:
        explanation = self._config.explanation
        if explanation is None:
            name = self._config.name
            raise ClientError(f"{name} offers no explanations; send the request to /predictions/{name}")
        if len(request.inputs) > explanation.max_count:
            raise ClientError(
                f"{len(request.inputs)} inputs are too many to explain at once; send 1 to {explanation.max_count}"
            )
        return request._replace(explain=True)

    def _parse_form(self, bodies: Mapping[str, bytes], headers: Mapping[str, str]) -> Request:
        if len(bodies) > 1:
            return Request(self.reader.read_files(bodies, are_bodies=True), "list")
        (body,) = bodies.values()
        content_type = headers.get("content-type", "")
        if body.startswith(npy.MAGIC) or npy.CONTENT_TYPE in content_type:
            return self._parse_npy(body, headers)
        if v2.HEADER_LENGTH in headers:
            message, binary = v2.split_body(body, headers[v2.HEADER_LENGTH])
            return self._parse_json(request_body.load_json(message), binary)
        if request_body.is_json(body, content_type):
            return self._parse_json(request_body.load_json(body))
        return Request(self.reader.read_body(body), "single")

    def _parse_npy(self, body: bytes, headers: Mapping[str, str]) -> Request:
        if not self._config.protocols.npy:
            raise ClientError(f'{self._config.name} takes no .npy array; send {{"instances": [...]}}')
        accepts_npy = npy.CONTENT_TYPE in headers.get("accept", "")
        return Request(npy.parse(body, self.reader), "npy" if accepts_npy else "list")

    def _parse_json(self, message: Any, binary: bytes = b"") -> Request:
        if isinstance(message, dict) and "instances" in message:
            return Request(v1.parse(message["instances"], self.reader), "list")
        if isinstance(message, dict) and "inputs" in message and self._config.protocols.v2:
            known = [*self._config.protocols.v2, *self._explained]
            parsed = v2.parse(message, binary, self.reader, known)
            return Request(parsed.inputs, "v2", parsed.id, parsed.outputs, parsed.binary)
        accepted = ' or {"inputs": [...]}' if self._config.protocols.v2 else ""
        raise ClientError(f'the JSON has no inputs of the model; send {{"instances": [...]}}{accepted}')
