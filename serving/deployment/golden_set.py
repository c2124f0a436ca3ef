"""The golden set: MNIST test images that a version must predict well before it may serve.

model/mnist/golden.npz holds `images`, uint8 [n, 28, 28], and `labels` [n]; training.mnist.samples writes it.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from PIL import Image

from common.errors import UserError
from common.paths import ROOT
from serving.client import Client

GOLDEN = ROOT / "model/mnist/golden.npz"
MIN_CORRECT = 0.97  # share of the set, as training.archive asks of weights on the whole test set
MAX_REGRESSION = 0.01  # share of the set by which a version may fall behind the one before: 2 of 200 may be chance


class GoldenError(UserError):
    """A version must not serve; the message is one sentence."""


class GoldenSet:
    """Images and labels of one file, and the number of correct predictions that they ask for."""

    def __init__(self, path: Path = GOLDEN) -> None:
        with np.load(path) as golden:
            self._images, self._labels = golden["images"], golden["labels"]
        self.min_correct = math.ceil(round(MIN_CORRECT * len(self), 6))
        self.max_regression = math.floor(round(MAX_REGRESSION * len(self), 6))

    def __len__(self) -> int:
        return len(self._labels)

    def count_correct(self, client: Client, version: str) -> int:
        """Send each image to `version` and count the correct predictions.

        Raises GoldenError for a response that is not a prediction, ServiceError when there is none.
        """
        correct = 0
        for pixels, label in zip(self._images, self._labels, strict=True):
            prediction = client.predict(Image.fromarray(pixels), version)
            if not math.isclose(sum(prediction.probabilities), 1, abs_tol=1e-4) or len(prediction.probabilities) != 10:
                raise GoldenError(f"{version} returned invalid probabilities for golden digit {label}")
            correct += prediction.digit == label
        return correct

    def check(self, version: str, correct: int, correct_before: int | None) -> None:
        """Raise GoldenError when `correct` is too low, also compared with the version before, where there is one."""
        sentence = f"{version} reads {self.describe(correct)}"
        if correct < self.min_correct:
            raise GoldenError(f"{sentence}, fewer than {self.min_correct}")
        if correct_before is not None and correct < correct_before - self.max_regression:
            raise GoldenError(f"{sentence}, and the version before it {correct_before}")

    def describe(self, correct: int) -> str:
        """Format a result, such as "199 of 200 golden digits right"."""
        return f"{correct} of {len(self)} golden digits right"
