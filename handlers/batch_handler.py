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
from typing import Any, Generic, TypeVar

import orjson
import torch

import batch_exchange
import socket_reading
from batch_exchange import PHRASES, Answer
from batch_exchange import Request as Taken
from client_error import ClientError
from prediction_metrics import Batch, PredictionMetrics
from socket_reading import named

logger = logging.getLogger(__name__)
Request = TypeVar("Request")
Prediction = TypeVar("Prediction")


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
        socket_reading.install(self.answer)

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
        requests = [
            Taken(context.get_request_id(i), named(context.get_all_request_header(i)), parts)
            for i, parts in enumerate(data)
        ]
        answers = self.answer(requests)
        for i, (request, answer) in enumerate(zip(requests, answers, strict=True)):
            if request.is_grpc:
                context.set_response_header(i, *batch_exchange.LAST_OF_STREAM)
            context.set_response_content_type(i, answer.content_type)
            context.set_response_status(answer.status, PHRASES[answer.status], i)
        return [answer.body for answer in answers]

    def answer(self, batch: Sequence[Taken]) -> list[Answer]:
        """Answer each request of a batch, in order."""
        began_s = time.perf_counter()
        answers: list[Any] = [self._read(request) for request in batch]
        open_ones = [i for i, read in enumerate(answers) if not isinstance(read, Answer)]
        refused = [read.outcome for read in answers if isinstance(read, Answer) and read.outcome != "answered"]
        read_s = time.perf_counter()
        predictions = self.predict([answers[i] for i in open_ones]) if open_ones else []
        predicted_s = time.perf_counter()
        for i, prediction in zip(open_ones, predictions, strict=True):
            answers[i] = self.render(answers[i], prediction, batch[i].id)
        rendered_s = time.perf_counter()
        self.metrics.add(Batch(len(batch), refused, read_s - began_s, predicted_s - read_s, rendered_s - predicted_s))
        return answers

    def _read(self, request: Taken) -> Request | Answer:
        """Parse one request, or answer it at once where the net is not needed."""
        if _is_describe(request):
            return Answer(orjson.dumps({**self.describe(), "worker": os.getpid()}))  # for serving.draining
        # Over gRPC, parts are a map, which has no order.
        parts = dict(sorted(request.parts.items())) if request.is_grpc else request.parts
        try:
            return self.parse(parts, request.headers)
        except ClientError as error:
            return _refusal(400, str(error), error.outcome)
        except Exception:
            logger.exception("a request could not be read")
            return _refusal(500, "the server failed to read this request; its log says why", "failed")


def _refusal(status: int, sentence: str, outcome: str) -> Answer:
    return Answer(orjson.dumps({"error": sentence}), status=status, outcome=outcome)


def _is_describe(request: Taken) -> bool:
    """TorchServe's own describe request has no body, and no "explain" header, which it gives to every prediction.

    A client can send any header it likes, so "describe" alone proves nothing.
    """
    return not request.parts and not request.headers["explain"] and request.headers.get("describe") == "True"
