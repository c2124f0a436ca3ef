"""The handler of the MNIST model: images in, calibrated probabilities out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from handlers.attribution import integrated_gradients
from handlers.base_handler import ModelHandler
from handlers.mnist.preprocessing.decode import FORMATS, ImageArray
from handlers.mnist.preprocessing.pipeline import preprocess_image
from handlers.response_encoding import Prediction, Values


class MnistHandler(ModelHandler):
    """Answers digits, with each pixel's attribution on request."""

    def initialize(self, context: Any) -> None:
        cv2.setNumThreads(1)  # workers share the cores
        super().initialize(context)

    def preprocess(self, data: bytes) -> ImageArray:
        return preprocess_image(data)

    def inference(self, inputs: Tensor) -> Tensor:
        """Return probabilities [n, 10] for pixels [n, 28, 28]."""
        logits: Tensor = self.net(inputs.flatten(1))
        return (logits / self.training["temperature"]).softmax(dim=1)

    def postprocess(self, outputs: Tensor) -> Mapping[str, Values]:
        probabilities = outputs.cpu().numpy()
        return {
            "digit": probabilities.argmax(axis=1),
            "confidence": probabilities.max(axis=1),
            "probabilities": probabilities,
        }

    def explain(self, inputs: Tensor, prediction: Prediction) -> Mapping[str, Values]:
        """Return each pixel's contribution to the digit's logit, and the pixels that the net saw."""
        digits = torch.from_numpy(prediction["digit"]).to(self.device)
        attribution = integrated_gradients(self.net, inputs.flatten(1), digits).reshape(inputs.shape)
        return {
            "attribution": attribution.cpu().numpy(),
            "pixels": np.rint(inputs.cpu().numpy() * 255).astype(np.uint8),
        }

    def describe(self) -> dict[str, Any]:
        return {**super().describe(), "image_formats": FORMATS}
