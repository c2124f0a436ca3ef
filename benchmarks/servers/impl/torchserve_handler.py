"""A TorchServe handler as in its documentation: `BaseHandler` loads the model; two methods are overridden."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from ts.torch_handler.base_handler import BaseHandler

from benchmarks.servers.impl.digit import decode, responses


class DigitHandler(BaseHandler):
    def preprocess(self, data: Sequence[Mapping[str, Any]]) -> torch.Tensor:
        images = [row.get("data") or row.get("body") for row in data]
        return torch.from_numpy(np.stack([decode(image) for image in images])).to(self.device)

    def postprocess(self, data: torch.Tensor) -> list[dict[str, Any]]:
        return responses(data.softmax(dim=1).detach().cpu().numpy())
