"""The handler of new_model: images in, labels and probabilities out."""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from handlers.attribution import integrated_gradients
from handlers.base_handler import ModelHandler
from handlers.errors import ClientError
from handlers.inputs import Inputs
from handlers.response_encoding import Prediction, Values

FORMATS = ("PNG", "JPEG")
MAX_SIDE_PX = 4096


class NewModelHandler(ModelHandler):
    """Answers the most probable label, with each pixel's attribution on request."""

    def preprocess(self, data: bytes) -> Inputs:
        """Read an image file of any size; return RGB pixels, uint8 [32, 32, 3]. Raises ClientError."""
        height, width, _ = self.config.input.shape
        try:
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                if max(image.size) > MAX_SIDE_PX:  # known from the header, before any pixel takes memory
                    raise ClientError(
                        f"the image has {image.width}×{image.height} pixels; send at most {MAX_SIDE_PX} a side"
                    )
                image.draft("RGB", (2 * width, 2 * height))  # a JPEG is decoded at a fraction of its size
                return np.asarray(image.convert("RGB").resize((width, height), Image.Resampling.BOX))
        except ClientError:
            raise
        except Exception as error:  # Pillow raises many types for broken bytes
            raise ClientError("the file is not a whole image; send a PNG or a JPEG") from error

    def inference(self, inputs: Tensor) -> Tensor:
        """Return probabilities [n, 3] for pixels [n, 32, 32, 3] from 0 to 1."""
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

    def explain(self, inputs: Tensor, prediction: Prediction) -> Mapping[str, Values]:
        """Return each pixel's contribution to the logit of the predicted class."""
        classes = torch.as_tensor(prediction["class"], device=self.device)
        attribution = integrated_gradients(self.net, inputs, classes).sum(dim=-1)  # over the three colours
        return {"attribution": attribution.cpu().numpy()}
