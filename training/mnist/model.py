"""Build the MNIST net from a state_dict."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from model.mnist.net import Net
from training.weights import WeightsError

PIXELS = 784
CLASSES = 10


def build_model(state: Mapping[str, Tensor]) -> Net:
    """Return a Net with the weights in `state`. Raises WeightsError unless it maps 784 pixels to 10 digits."""
    try:
        net = Net.from_state_dict(state)
    except (LookupError, ValueError, AttributeError, RuntimeError) as error:
        raise WeightsError("the weights do not fit Net: train them with training.mnist.train") from error
    if (net.fc1.in_features, net.fc2.out_features) != (PIXELS, CLASSES):
        sizes = f"{net.fc1.in_features} inputs and {net.fc2.out_features} outputs"
        raise WeightsError(
            f"the weights have {sizes}, not {PIXELS} and {CLASSES}: train them with training.mnist.train"
        )
    return net
