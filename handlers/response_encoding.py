"""Encode predictions, one form for each form of request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import orjson
from numpy.typing import NDArray

from handlers.messages import Response
from handlers.protocols import npy, v2
from handlers.request_parsing import Request
from model.config import ModelConfig

Values: TypeAlias = "NDArray[Any] | list[str]"
Prediction: TypeAlias = Mapping[str, Values]  # each output's values [n, ...] for the n inputs of one request


class ResponseEncoder:
    """Encodes the predictions of one version of a model."""

    def __init__(self, config: ModelConfig, version: str) -> None:
        self._protocols = config.protocols
        self._envelope = {"model_name": config.name, "model_version": version}

    def encode(self, request: Request, prediction: Prediction, explanation: Prediction, request_id: str) -> Response:
        """Encode the response to one request; `explanation` is empty unless it was requested."""
        if request.form == "npy" and not explanation:
            return Response(npy.encode(prediction[self._protocols.npy[0]]), npy.CONTENT_TYPE)  # type: ignore[arg-type]
        names = self._protocols.v2 if request.form == "v2" else self._protocols.v1
        outputs = {name: prediction[name] for name in names}
        if explanation:
            outputs.update(explanation)
        if request.form == "single":
            return Response(_dumps(_to_object(outputs, 0)))
        if request.form == "v2":
            envelope = {**self._envelope, "id": request.id or request_id}
            requested = [(n, values) for n, values in outputs.items() if not request.outputs or n in request.outputs]
            body, header_length = v2.encode(envelope, requested, request.binary)
            if not request.binary:
                return Response(body)
            headers = (("Inference-Header-Content-Length", str(header_length)),)
            return Response(body, v2.BINARY_CONTENT_TYPE, headers=headers)
        return Response(_dumps({"predictions": [_to_object(outputs, i) for i in range(len(request.inputs))]}))


def _to_object(outputs: Prediction, i: int) -> dict[str, Any]:
    """Return the JSON object of one input's prediction."""
    return {name: values[i] for name, values in outputs.items()}


def _dumps(message: dict[str, Any]) -> bytes:
    return orjson.dumps(message, option=orjson.OPT_SERIALIZE_NUMPY)
