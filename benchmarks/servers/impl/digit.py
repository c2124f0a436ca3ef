"""Weights, net, decoding and response, shared by all other servers, so that only the servers differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from common.paths import ROOT
from model.mnist.net import Net

SIDE = 28
WEIGHTS = ROOT / "weights/mnist.pt"


def load_net() -> Net:
    """Load the trained net for a worker that shares its cores with others."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    net = Net.from_state_dict(torch.load(WEIGHTS, weights_only=True)).eval()
    predict(net, [np.zeros(SIDE * SIDE, np.float32)])  # the first pass initializes torch
    return net


def decode(data: bytes) -> NDArray[np.float32]:
    """Decode an image file to the net's input, float32 [784] in [0, 1]. Raises ValueError."""
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    if picture is None:
        raise ValueError("not an image")
    if picture.shape != (SIDE, SIDE):
        picture = cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return picture.reshape(-1).astype(np.float32) / 255


@torch.inference_mode()
def predict(net: Net, pixels: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return the probabilities, float32 [n, 10], of n images, each float32 [784] in [0, 1]."""
    return net(torch.from_numpy(np.stack(pixels))).softmax(dim=1).numpy()


def responses(probabilities: NDArray[np.float32]) -> list[dict[str, Any]]:
    """Return one JSON object for each row of `probabilities`, float32 [n, 10]."""
    digits = probabilities.argmax(axis=1).tolist()
    return [
        {"digit": digit, "confidence": row[digit], "probabilities": row}
        for digit, row in zip(digits, probabilities.tolist(), strict=True)
    ]
