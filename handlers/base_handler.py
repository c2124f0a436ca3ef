"""Base class of all handlers: it answers a batch of requests with a model's preprocess, inference and postprocess.

A request affects no other one of its batch. One that cannot be read gets status 400. Where `inference` or `postprocess`
raises, each request of the batch is tried alone, and those that raise again get 500.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import torch
from torch import Tensor, nn

from handlers.errors import ClientError
from handlers.inputs import Inputs, micro_batches
from handlers.messages import FAILED, STATUS_PHRASES, RawRequest, Response, lowercase_headers
from handlers.metrics import Batch, PredictionMetrics
from handlers.request_parsing import Request, RequestParser
from handlers.response_encoding import Prediction, ResponseEncoder, Values
from model import config as model_config
from torchserve_patches import fast_path, metric_lines

logger = logging.getLogger(__name__)
REPORTED = ("architecture", "recipe", "test", "temperature", "data_sha256", "weights_sha256", "versions")


class ModelHandler(ABC):
    """Serves the model of one model.yaml in every protocol that it offers. A model's handler defines three methods.

    `preprocess` turns one encoded file into one input; a model that takes only numbers has none. `inference` runs the
    net. `postprocess` names its outputs. A model with an `explanation` in its model.yaml also defines `explain`.
    """

    net: nn.Module  # in evaluation mode, on `device`
    training: dict[str, Any]  # the report of the weights' training

    def preprocess(self, data: bytes) -> Inputs:
        """Read one encoded file, such as an image; return an array of model.yaml's input shape. Raises ClientError.

        Pixels are uint8 from 0 to 255 or float32 from 0 to 1, numbers float32, integers int64.
        """
        raise NotImplementedError("model.yaml says that inputs may be encoded: define preprocess")

    def inference(self, inputs: Tensor) -> Any:
        """Run the net on [n, *shape], float32 (pixels: 0 to 1) or int64, on the model's device."""
        return self.net(inputs)

    @abstractmethod
    def postprocess(self, outputs: Any) -> Mapping[str, Values]:
        """Return the outputs of model.yaml by name, each [n, …], from the result of `inference`.

        Arrays on the CPU of the datatype in model.yaml; a list of n strings for BYTES.
        """

    def explain(self, inputs: Tensor, prediction: Prediction) -> Mapping[str, Values]:
        """Return the outputs of model.yaml's `explanation` by name, each [n, …], for inputs and their prediction."""
        raise NotImplementedError("model.yaml says that the model explains: define explain")

    def initialize(self, context: Any) -> None:
        """Load the model when TorchServe starts the worker. A worker whose handler raises here cannot start."""
        # Workers share the cores, so each has one torch thread. TorchServe's worker logs every batch at INFO to stdout,
        # which Java parses; metrics are INFO too and must stay.
        torch.set_num_threads(1)
        logging.getLogger().setLevel(logging.WARNING)
        logging.getLogger("ts.metrics").setLevel(logging.INFO)
        manifest = context.manifest["model"]
        gpu_id = context.system_properties["gpu_id"]
        is_on_gpu = gpu_id is not None and torch.cuda.is_available()
        model_dir = Path(context.system_properties["model_dir"])
        self.load(
            manifest["modelName"],
            model_dir / manifest["serializedFile"],
            json.loads((model_dir / "training.json").read_text()),
            torch.device(f"cuda:{gpu_id}" if is_on_gpu else "cpu"),
        )
        self.version: str = manifest["modelVersion"]
        self._encoder = ResponseEncoder(self.config, self.version)
        self.metrics = PredictionMetrics(context.metrics, context.model_name, self.version, self.config)
        self.metrics.start()
        metric_lines.drop_prediction_time(context.metrics)
        fast_path.install(self.handle_batch)

    def load(self, name: str, weights: Path, report: dict[str, Any], device: torch.device) -> None:
        """Load the model and its weights, and warm it up. Needs no TorchServe."""
        self.config = model_config.load(name)
        self.training = report
        self.device = device
        state = torch.load(weights, map_location=device, weights_only=True)
        self.net = importlib.import_module(f"model.{name}.net").build(state).to(device).eval()
        self.parser = RequestParser(self.config, self.preprocess)
        reader = self.parser.reader
        self._predict([np.zeros((1, *reader.spec.shape), reader.dtype)])  # the first pass is slow

    def describe(self) -> dict[str, Any]:
        """Return the description of the model that GET /models/NAME?customized=true answers."""
        config = self.config
        return {
            "model": config.summary,
            "version": self.version,
            "labels": config.labels,
            "device": str(self.device),
            "input": {"type": config.input.type, "shape": config.input.shape, "encoded": config.input.encoded},
            "max_inputs_per_request": config.input.max_count,
            "outputs": list(config.outputs),
            "protocols": [p for p in ("v1", "v2", "npy") if getattr(config.protocols, p)],
            "training": {key: self.training[key] for key in REPORTED if key in self.training},
        }

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
            for name, value in response.headers:
                context.set_response_header(i, name, value)
            context.set_response_content_type(i, response.content_type)
            context.set_response_status(response.status, STATUS_PHRASES[response.status], i)
        return [response.body for response in responses]

    def handle_batch(self, batch: Sequence[RawRequest]) -> list[Response]:
        """Return the response to each request of a batch, in order: 500 to all where our own code fails."""
        try:
            return self._handle_batch(batch)
        except Exception:
            logger.exception("a batch of %d requests failed", len(batch))
            self.metrics.add(Batch(len(batch), [FAILED.outcome] * len(batch), 0, 0, 0))
            return [FAILED] * len(batch)

    def _handle_batch(self, batch: Sequence[RawRequest]) -> list[Response]:
        start_s = time.perf_counter()
        results: list[Any] = [self._parse(request) for request in batch]
        pending = [i for i, result in enumerate(results) if not isinstance(result, Response)]
        parsed_s = time.perf_counter()
        requests: list[Request] = [results[i] for i in pending]
        predictions = self._predict_each(requests)
        predicted_s = time.perf_counter()
        for i, request, prediction in zip(pending, requests, predictions, strict=True):
            results[i] = self._respond(request, prediction, batch[i].id)
        refused = [response.outcome for response in results if response.outcome != "ok"]
        if self.config.label_output:
            self.metrics.add_predictions(
                [p for r, p in zip(requests, predictions, strict=True) if p is not None and not r.health_check]
            )
        stages_s = parsed_s - start_s, predicted_s - parsed_s, time.perf_counter() - predicted_s
        self.metrics.add(Batch(len(batch), refused, *stages_s))
        return results

    def _parse(self, raw: RawRequest) -> Request | Response:
        """Parse one request, or return the response that needs no prediction."""
        # gRPC sends the parts as a map, which has no order.
        parts = dict(sorted(raw.parts.items())) if raw.is_grpc else raw.parts
        try:
            if _is_describe(raw):  # `worker` is for serving.deployment.draining
                return Response(orjson.dumps({**self.describe(), "worker": os.getpid()}))
            return self.parser.parse(parts, raw.headers)
        except ClientError as error:
            return _error_response(error.status, str(error), error.outcome)
        except Exception:
            logger.exception("request %s could not be read", raw.id)
            return _failed("the server failed to read this request")

    def _predict_each(self, requests: Sequence[Request]) -> list[Prediction | None]:
        """Predict all requests at once, or each alone if that raises; None for a request that raises alone."""
        if not requests:
            return []
        try:
            return list(self._predict([request.inputs for request in requests]))
        except Exception:
            logger.exception("inference failed on a batch of %d requests", len(requests))
        if len(requests) == 1:
            return [None]
        predictions: list[Prediction | None] = []
        for request in requests:
            try:
                predictions += self._predict([request.inputs])
            except Exception:  # its traceback is in the log already
                predictions.append(None)
        return predictions

    def _predict(self, inputs: Sequence[Inputs]) -> list[Prediction]:
        """Run inference and postprocess on the inputs of several requests; return the prediction of each."""
        sizes = [len(array) for array in inputs]
        predictions: list[Prediction] = []
        for group in micro_batches(sizes, self.config.input.max_count):
            collated = torch.from_numpy(self.parser.reader.collate(inputs[group])).to(self.device)
            with torch.inference_mode():
                outputs = self.postprocess(self.inference(collated))
            wrong = [name for name, values in outputs.items() if len(values) != len(collated)]
            if wrong:
                raise ValueError(f"postprocess returned no value for each of {len(collated)} inputs in {wrong}")
            start = 0
            for size in sizes[group]:
                predictions.append({name: values[start : start + size] for name, values in outputs.items()})
                start += size
        return predictions

    def _respond(self, request: Request, prediction: Prediction | None, request_id: str) -> Response:
        """Explain a prediction if that was requested, and encode it."""
        if prediction is None:
            return _failed("the model failed on this request")
        try:
            explanation = self._explain(request, prediction) if request.explain else {}
            response = self._encoder.encode(request, prediction, explanation, request_id)
        except Exception:
            logger.exception("request %s could not be answered", request_id)
            return _failed("the server failed to answer this request")
        return response

    def _explain(self, request: Request, prediction: Prediction) -> Prediction:
        inputs = torch.from_numpy(self.parser.reader.collate([request.inputs])).to(self.device)
        return self.explain(inputs, prediction)


def _error_response(status: int, message: str, outcome: str) -> Response:
    return Response(orjson.dumps({"error": message}), status=status, outcome=outcome)


def _failed(message: str) -> Response:
    return _error_response(500, f"{message}; its log says why", "failed")


def _is_describe(request: RawRequest) -> bool:
    """Return whether this is TorchServe's own describe request, which has no body and no "explain" header.

    TorchServe adds an "explain" header to every prediction. A client may send any header, so "describe" alone proves
    nothing.
    """
    return not request.parts and not request.headers["explain"] and request.headers.get("describe") == "True"
