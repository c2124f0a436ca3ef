"""The handler of the XOR model: pairs of bits in, their exclusive or out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from torch import Tensor

from handlers.base_handler import ModelHandler
from handlers.response_encoding import Values


class XORHandler(ModelHandler):
    """Answers the more probable bit of each pair, and the probability of a 1."""

    def inference(self, inputs: Tensor) -> Tensor:
        """Return the probability of a 1, [n], for pairs of bits [n, 2]."""
        return self.net(inputs.float()).squeeze(1)

    def postprocess(self, outputs: Tensor) -> Mapping[str, Values]:
        probability = outputs.cpu().numpy()
        return {"output": (probability > 0.5).astype(np.int64), "probability": probability}
