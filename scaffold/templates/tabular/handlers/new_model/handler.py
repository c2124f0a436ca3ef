"""The handler of new_model: features in, labels and probabilities out."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from handlers.base_handler import ModelHandler
from handlers.response_encoding import Values


class NewModelHandler(ModelHandler):
    """Answers the most probable label, and the probability of each."""

    def inference(self, inputs: Tensor) -> Tensor:
        """Return probabilities [n, 3] for features [n, 4]."""
        return self.net(inputs).softmax(dim=1)

    def postprocess(self, outputs: Tensor) -> Mapping[str, Values]:
        probabilities = outputs.cpu().numpy()
        classes = probabilities.argmax(axis=1)
        return {
            "class": classes,
            "label": [self.config.labels[i] for i in classes],
            "confidence": probabilities.max(axis=1),
            "probabilities": probabilities,
        }
