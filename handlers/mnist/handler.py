"""The handler of the MNIST model: images in, calibrated probabilities out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
import torch

from handlers.attribution import integrated_gradients
from handlers.base_handler import BatchHandler
from handlers.messages import Response
from handlers.mnist import request_parsing, response_encoding
from handlers.mnist.preprocessing.decode import FORMATS
from handlers.mnist.preprocessing.normalize import SIDE
from handlers.mnist.protocols import npy
from handlers.mnist.protocols.arrays import MAX_DIGITS, NUM_PIXELS, collate, micro_batches
from handlers.mnist.request_parsing import DigitRequest
from handlers.mnist.response_encoding import Explanation, Predictions
from model.mnist.net import Net


class MnistHandler(BatchHandler[DigitRequest, Predictions]):
    """Answers POST /predictions/mnist and /explanations/mnist in every form of `request_parsing`."""

    num_classes = 10

    def load_model(self, state: dict[str, torch.Tensor]) -> None:
        self.net = Net.from_state_dict(state).to(self.device).eval()
        self.temperature: float = self.training["temperature"]
        cv2.setNumThreads(1)  # workers share the cores
        self._compute_probabilities(np.zeros((1, NUM_PIXELS), np.float32))  # the first pass warms torch up

    def preprocess(self, parts: Mapping[str, Any], headers: Mapping[str, str]) -> DigitRequest:
        return request_parsing.parse(parts, headers)

    def inference(self, requests: Sequence[DigitRequest]) -> list[Predictions]:
        groups = micro_batches([request.pixels for request in requests])
        probabilities = np.concatenate([self._compute_probabilities(collate(group)) for group in groups])
        digits = probabilities.argmax(axis=1).tolist()
        predictions, start, has_health_check = [], 0, False
        for request in requests:
            end = start + len(request.pixels)
            prediction = Predictions(digits[start:end], probabilities[start:end])
            predictions.append(self._explain(request, prediction) if request.explain else prediction)
            start, has_health_check = end, has_health_check or request.health_check
        counted = _without_health_checks(requests, predictions) if has_health_check else probabilities
        self.metrics.add_predictions(counted)
        return predictions

    def postprocess(self, request: DigitRequest, prediction: Predictions, request_id: str) -> Response:
        if request.form == "single":
            return Response(response_encoding.encode_single(prediction))
        if request.form == "v2":
            envelope = {"model_name": self.model_name, "model_version": self.version, "id": request.id or request_id}
            return Response(response_encoding.encode_v2(prediction, envelope, request.outputs))
        if request.form == "npy" and not request.explain:
            return Response(response_encoding.encode_npy(prediction), npy.CONTENT_TYPE)
        return Response(response_encoding.encode_list(prediction))

    def describe(self) -> dict[str, Any]:
        return {
            "model": self.training["architecture"],
            "version": self.version,
            "labels": [str(digit) for digit in range(self.training["architecture"]["num_classes"])],
            "test_accuracy": self.training["test"]["accuracy"],
            "temperature": self.temperature,
            "training_data_sha256": self.training["data_sha256"],
            "versions": self.training["versions"],
            "device": str(self.device),
            "image_formats": FORMATS,
            "request_forms": ["image", "multipart images", "instances", "Open Inference Protocol V2", npy.CONTENT_TYPE],
            "max_digits_per_request": MAX_DIGITS,
        }

    @torch.inference_mode()
    def _compute_probabilities(self, pixels: np.ndarray) -> np.ndarray:
        logits = self.net(torch.from_numpy(pixels).to(self.device))
        return (logits / self.temperature).softmax(dim=1).cpu().numpy()

    def _explain(self, request: DigitRequest, prediction: Predictions) -> Predictions:
        pixels = collate([request.pixels])
        target = torch.tensor(prediction.digits, device=self.device)
        attribution = integrated_gradients(self.net, torch.from_numpy(pixels).to(self.device), target).cpu().numpy()
        seen = np.rint(pixels * 255).astype(np.uint8)
        images = (-1, SIDE, SIDE)
        return prediction._replace(explanation=Explanation(attribution.reshape(images), seen.reshape(images)))


def _without_health_checks(requests: Sequence[DigitRequest], predictions: Sequence[Predictions]) -> np.ndarray:
    """Return the probabilities [n, 10] of all requests but health checks, which would add a 7 each second."""
    answered = zip(requests, predictions, strict=True)
    return np.concatenate([p.probabilities[:0] if request.health_check else p.probabilities for request, p in answered])
