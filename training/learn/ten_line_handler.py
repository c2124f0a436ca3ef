"""The simplest handler: BaseHandler loads the net and runs it."""

from __future__ import annotations

import io

import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.functional import to_tensor
from ts.torch_handler.base_handler import BaseHandler


class DigitHandler(BaseHandler):
    def preprocess(self, requests: list[dict[str, bytes]]) -> Tensor:
        files = [request.get("data") or request["body"] for request in requests]
        images = [Image.open(io.BytesIO(file)).convert("L") for file in files]
        pixels = [to_tensor(image.resize((28, 28))).view(28 * 28) for image in images]
        return torch.stack(pixels).to(self.device)

    def postprocess(self, outputs: Tensor) -> list[dict[str, float]]:
        confidence, digit = outputs.softmax(dim=1).max(dim=1)
        pairs = zip(digit.tolist(), confidence.tolist(), strict=True)
        return [{"digit": d, "confidence": round(c, 3)} for d, c in pairs]
