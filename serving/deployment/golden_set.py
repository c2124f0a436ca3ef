"""Golden digits: 200 of MNIST's test set, twenty of each digit, that a version must read before it may serve.

model/mnist/golden.npz holds them; python -m training.mnist.samples wrote it.
"""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from common.paths import ROOT
from serving.client import Client

GOLDEN = ROOT / "model/mnist/golden.npz"
LEAST_RIGHT = 194  # 97 %, as training.archive asks of weights on the whole test set
MOST_LOST = 2  # fewer right than the version before: one more miss in 200 may be chance


class GoldenError(RuntimeError):
    """Why a version must not serve; the message is one sentence."""


def count_right(client: Client, version: str) -> int:
    """Send each golden digit to `version` as a picture, and count the right answers.

    Raises GoldenError for an answer that is no prediction, ServiceError for none.
    """
    with np.load(GOLDEN) as golden:
        images, labels = golden["images"], golden["labels"]
    right = 0
    for pixels, label in zip(images, labels, strict=True):
        prediction = client.predict(Image.fromarray(pixels), version)
        if not math.isclose(sum(prediction.probabilities), 1, abs_tol=1e-4) or len(prediction.probabilities) != 10:
            raise GoldenError(f"{version} answers a golden {label} with probabilities that are none")
        right += prediction.digit == label
    return right


def check(version: str, right: int, before: int | None) -> None:
    """Raise GoldenError when `right` is too few, also beside what the version `before` it read."""
    if right < LEAST_RIGHT:
        raise GoldenError(f"{version} reads {right} of 200 golden digits right, fewer than {LEAST_RIGHT}")
    if before is not None and right < before - MOST_LOST:
        raise GoldenError(f"{version} reads {right} of 200 golden digits right, and the version before it {before}")
