"""The simplest handler: BaseHandler loads the net and runs it."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.functional import to_tensor
from ts.torch_handler.base_handler import BaseHandler


class DigitHandler(BaseHandler):
    def preprocess(self, requests: Sequence[Mapping[str, Any]]) -> Tensor:
        files = [request.get("data") or request["body"] for request in requests]
        images = [
            Image.open(io.BytesIO(file)).convert("L").resize((28, 28)) for file in files
        ]
        return torch.stack([to_tensor(image).view(28 * 28) for image in images]).to(
            self.device
        )

    def postprocess(self, outputs: Tensor) -> list[dict[str, Any]]:
        probabilities = outputs.softmax(dim=1)
        return [
            {
                "digit": int(row.argmax()),
                "confidence": round(float(row.max()), 3),
            }
            for row in probabilities
        ]
