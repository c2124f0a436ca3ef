"""Build the XOR net from a state_dict."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from model.xor.net import XORModel
from training.weights import WeightsError


def build_model(state: Mapping[str, Tensor]) -> XORModel:
    """Return an XORModel with the weights in `state`. Raises WeightsError when its layers or shapes differ."""
    net = XORModel()
    try:
        net.load_state_dict(state)
    except (AttributeError, RuntimeError) as error:
        raise WeightsError("the weights do not fit XORModel: train them with training.xor.train") from error
    return net
