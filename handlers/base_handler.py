"""Base class of all handlers: preprocess, inference and postprocess for a batch of requests.

A request that cannot be read gets status 400 and never affects the rest of its batch. TorchServe answers any exception
out of `handle` with 503 to the whole batch, so a request must not make `handle` raise.
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

from handlers.errors import ClientError
from handlers.messages import STATUS_PHRASES, RawRequest, Response, lowercase_headers
from handlers.metrics import Batch, PredictionMetrics
from torchserve_patches import fast_path, metric_lines

logger = logging.getLogger(__name__)
Request = TypeVar("Request")
Prediction = TypeVar("Prediction")


class BatchHandler(ABC, Generic[Request, Prediction]):
    """Preprocesses each request on its own, infers all at once, postprocesses each prediction on its own."""

    num_classes = 0  # for the metrics of a classifier; 0 for any other model

    def initialize(self, context: Any) -> None:
        """Load the model when TorchServe starts the worker. A worker whose handler raises here cannot start."""
        # Workers share the cores, so each has one torch thread. TorchServe's worker logs every batch at INFO to stdout,
        # which Java parses; metrics are INFO too and must stay.
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
        self.load_model(torch.load(weights, map_location=self.device, weights_only=True))
        self.metrics = PredictionMetrics(context.metrics, self.model_name, self.version, self.num_classes)
        self.metrics.start()
        metric_lines.drop_prediction_time(context.metrics)
        fast_path.install(self.handle_batch)

    @abstractmethod
    def load_model(self, state: dict[str, torch.Tensor]) -> None:
        """Build the net from its state_dict and warm it up."""

    @abstractmethod
    def preprocess(self, parts: Mapping[str, Any], headers: Mapping[str, str]) -> Request:
        """Read one request: the parts of its body and its headers with lowercase names. Raises ClientError."""

    @abstractmethod
    def inference(self, requests: Sequence[Request]) -> Sequence[Prediction]:
        """Run the net once for all requests; return one prediction for each, in order."""

    @abstractmethod
    def postprocess(self, request: Request, prediction: Prediction, request_id: str) -> Response:
        """Encode the response to one request."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """Return the description of the model that GET /models/NAME?customized=true answers."""

    def handle(self, data: Sequence[Mapping[str, Any]], context: Any) -> list[bytes]:
        """Handle a batch as TorchServe passes it; return one body for each request, in order."""
        batch = [
            RawRequest(context.get_request_id(i), lowercase_headers(context.get_all_request_header(i)), parts)
            for i, parts in enumerate(data)
        ]
        responses = self.handle_batch(batch)
        for i, (request, response) in enumerate(zip(batch, responses, strict=True)):
            if request.is_grpc:
                context.set_response_header(i, *fast_path.END_OF_STREAM)
            context.set_response_content_type(i, response.content_type)
            context.set_response_status(response.status, STATUS_PHRASES[response.status], i)
        return [response.body for response in responses]

    def handle_batch(self, batch: Sequence[RawRequest]) -> list[Response]:
        """Return the response to each request of a batch, in order."""
        start_s = time.perf_counter()
        results: list[Any] = [self._preprocess(request) for request in batch]
        pending = [i for i, result in enumerate(results) if not isinstance(result, Response)]
        refused = [result.outcome for result in results if isinstance(result, Response) and result.outcome != "ok"]
        preprocessed_s = time.perf_counter()
        predictions = self.inference([results[i] for i in pending]) if pending else []
        inferred_s = time.perf_counter()
        for i, prediction in zip(pending, predictions, strict=True):
            results[i] = self.postprocess(results[i], prediction, batch[i].id)
        end_s = time.perf_counter()
        stages_s = preprocessed_s - start_s, inferred_s - preprocessed_s, end_s - inferred_s
        self.metrics.add(Batch(len(batch), refused, *stages_s))
        return results

    def _preprocess(self, request: RawRequest) -> Request | Response:
        """Preprocess one request, or return the response that needs no inference."""
        if _is_describe(request):
            return Response(orjson.dumps({**self.describe(), "worker": os.getpid()}))  # for serving.deployment.draining
        # gRPC sends the parts as a map, which has no order.
        parts = dict(sorted(request.parts.items())) if request.is_grpc else request.parts
        try:
            return self.preprocess(parts, request.headers)
        except ClientError as error:
            return _error_response(400, str(error), error.outcome)
        except Exception:
            logger.exception("a request could not be read")
            return _error_response(500, "the server failed to read this request; its log says why", "failed")


def _error_response(status: int, message: str, outcome: str) -> Response:
    return Response(orjson.dumps({"error": message}), status=status, outcome=outcome)


def _is_describe(request: RawRequest) -> bool:
    """Return whether this is TorchServe's own describe request, which has no body and no "explain" header.

    TorchServe adds an "explain" header to every prediction. A client may send any header, so "describe" alone proves
    nothing.
    """
    return not request.parts and not request.headers["explain"] and request.headers.get("describe") == "True"
