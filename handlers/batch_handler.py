"""The frame of every handler: one bad request in a batch is answered 4xx and never hurts its neighbours.

TorchServe answers any exception out of `handle` with 503 to the whole batch, so nothing may leave it.
"""

from __future__ import annotations

import json
import logging
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import orjson
import torch

import socket_reading
from client_error import ClientError
from prediction_metrics import Batch, PredictionMetrics

JSON = "application/json"
logger = logging.getLogger(__name__)
Request = TypeVar("Request")
Prediction = TypeVar("Prediction")


class Answer(NamedTuple):
    """The encoded body of a response, its type and its status, and what a refusal is counted as."""

    body: bytes
    content_type: str = JSON
    status: int = 200
    outcome: str = "answered"


class BatchHandler(ABC, Generic[Request, Prediction]):
    """Parses each request on its own, predicts for all at once, renders each answer on its own."""

    digits = 0  # that the net tells apart, for metrics

    def initialize(self, context: Any) -> None:
        """Load the model once, when TorchServe starts the worker. An exception here is a worker that cannot start."""
        # One thread each: workers, not torch's threads, share the cores. TorchServe logs every batch at INFO
        # through stdout and reads it in Java; metrics are INFO too and must stay.
        torch.set_num_threads(1)
        logging.getLogger().setLevel(logging.WARNING)
        logging.getLogger("ts.metrics").setLevel(logging.INFO)
        self.model_name: str = context.model_name
        self.version: str = context.manifest["model"]["modelVersion"]
        gpu_id = context.system_properties["gpu_id"]
        is_on_gpu = gpu_id is not None and torch.cuda.is_available()
        self.device = torch.device(f"cuda:{gpu_id}" if is_on_gpu else "cpu")
        model_dir = Path(context.system_properties["model_dir"])
        self.training = json.loads((model_dir / "training.json").read_text())
        weights = model_dir / context.manifest["model"]["serializedFile"]
        self.load(torch.load(weights, map_location=self.device, weights_only=True))
        self.metrics = PredictionMetrics(context.metrics, self.model_name, self.version, self.digits)
        self.metrics.start()
        socket_reading.install()

    @abstractmethod
    def load(self, state: dict[str, torch.Tensor]) -> None:
        """Build the net from its state_dict and warm it up."""

    @abstractmethod
    def parse(self, parts: Mapping[str, Any], headers: Mapping[str, str]) -> Request:
        """Read one request. Raises ClientError."""

    @abstractmethod
    def predict(self, requests: Sequence[Request]) -> Sequence[Prediction]:
        """Answer all requests with one pass through the net."""

    @abstractmethod
    def render(self, request: Request, prediction: Prediction, request_id: str) -> Answer:
        """Encode the answer to one request."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """Say what the model is: the answer to GET /models/NAME?customized=true."""

    def handle(self, data: Sequence[Mapping[str, Any]], context: Any) -> list[bytes]:
        """Answer a batch as TorchServe hands it over, one body for each request, in order."""
        began_s = time.perf_counter()
        answers: dict[int, Answer] = {}
        requests: dict[int, Request] = {}
        for i, parts in enumerate(data):
            read = self._read(context, i, parts)
            if isinstance(read, Answer):
                answers[i] = read
            else:
                requests[i] = read
        refused = [answer.outcome for answer in answers.values() if answer.outcome != "answered"]
        read_s = time.perf_counter()
        predictions = self.predict(list(requests.values())) if requests else []
        predicted_s = time.perf_counter()
        for (i, request), prediction in zip(requests.items(), predictions, strict=True):
            answers[i] = self.render(request, prediction, context.get_request_id(i))
        for i, answer in answers.items():
            context.set_response_content_type(i, answer.content_type)
            context.set_response_status(answer.status, _PHRASES[answer.status], i)
        bodies = [answers[i].body for i in range(len(data))]
        rendered_s = time.perf_counter()
        self.metrics.add(Batch(len(data), refused, read_s - began_s, predicted_s - read_s, rendered_s - predicted_s))
        return bodies

    def _read(self, context: Any, i: int, parts: Mapping[str, Any]) -> Request | Answer:
        """Parse one request, or answer it at once where the net is not needed."""
        headers = context.get_all_request_header(i)
        if _is_describe(parts, headers):
            return Answer(orjson.dumps({**self.describe(), "worker": os.getpid()}))  # for serving.draining
        if _is_grpc(headers):
            # StreamPredictions waits to hear that no answer follows; TorchServe ends the worker if it does not.
            context.set_response_header(i, "ts_stream_next", "false")
            parts = dict(sorted(parts.items()))  # they were a map, which has no order
        try:
            return self.parse(parts, _lower_case(headers))
        except ClientError as error:
            return _refusal(400, str(error), error.outcome)
        except Exception:
            logger.exception("a request could not be read")
            return _refusal(500, "the server failed to read this request; its log says why", "failed")


_PHRASES = {200: "OK", 400: "Bad Request", 500: "Internal Server Error"}


def _refusal(status: int, sentence: str, outcome: str) -> Answer:
    return Answer(orjson.dumps({"error": sentence}), status=status, outcome=outcome)


def _is_describe(parts: Mapping[str, Any], headers: Mapping[str, Any]) -> bool:
    """TorchServe's own describe request has no body, and no "explain" header, which it gives to every prediction.

    A client can send any header it likes, so "describe" alone proves nothing.
    """
    return not parts and headers.get("describe") == "True" and "explain" not in headers


def _is_grpc(headers: Mapping[str, Any]) -> bool:
    """Over gRPC nothing comes along but the parts' types; over HTTP, one header at least.

    Which call it was cannot be seen.
    """
    return "explain" not in headers and not any(isinstance(value, str) for value in headers.values())


def _lower_case(headers: Mapping[str, Any]) -> dict[str, str]:
    """Bring names to lower case; TorchServe's own "explain" wins over a client's, and the parts' types are left out."""
    named = {name.lower(): value for name, value in headers.items() if isinstance(value, str)}
    named["explain"] = headers.get("explain", "False")
    return named
