"""The golden set: inputs with known labels that a version must predict well before it may serve.

The model.yaml names its file, an .npz of `inputs` [n, *shape] and `labels` [n], and the required share of right ones.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from common.errors import UserError
from model.config import FILE, ModelConfig
from serving.client import InferenceClient, Prediction
from serving.encoding import Data

PROBABILITIES = "probabilities"  # an output of this name sums to 1
CHANNELS = (1, 3, 4)


class GoldenError(UserError):
    """A version must not serve; the message is one sentence."""


class GoldenSet:
    """The golden set of one model, and the number of right predictions that it asks for.

    Raises GoldenError when no response has an output to compare with the labels.
    """

    def __init__(self, config: ModelConfig) -> None:
        self._config = config
        self._output = _compared_output(config)
        with np.load(config.golden_file) as golden:
            self._inputs, self._labels = golden["inputs"], golden["labels"]
        self.min_correct = math.ceil(round(config.golden_set.min_correct * len(self), 6))
        self.max_regression = math.floor(round(config.golden_set.max_regression * len(self), 6))

    def __len__(self) -> int:
        return len(self._labels)

    def count_correct(self, client: InferenceClient, version: str) -> int:
        """Send each input to `version` in a request of its own, and count the right predictions.

        Raises GoldenError for a response that is no prediction of the model, ServiceError when there is none.
        """
        correct = 0
        for values, label in zip(self._inputs, self._labels, strict=True):
            prediction = client.predict(self._config.name, self._encode(values), version)
            if wrong := self._invalid_output(prediction):
                raise GoldenError(f"{version} returned invalid {wrong} for a golden input with the label {label}")
            correct += self._is_right(prediction[self._output], label)
        return correct

    def check(self, version: str, correct: int, correct_before: int | None) -> None:
        """Raise GoldenError when `correct` is too low, also compared with the version before, where there is one."""
        sentence = f"{version} predicts {self.describe(correct)}"
        if correct < self.min_correct:
            raise GoldenError(f"{sentence}, fewer than {self.min_correct}")
        if correct_before is not None and correct < correct_before - self.max_regression:
            raise GoldenError(f"{sentence}, and the version before it {correct_before}")

    def describe(self, correct: int) -> str:
        """Format a result, such as "199 of 200 golden inputs right"."""
        return f"{correct} of {len(self)} golden inputs right"

    def _encode(self, values: NDArray[Any]) -> Data:
        """Return an input as clients send it: pixels as an image where the model takes files, all else as numbers."""
        if self._config.input.encoded and self._config.input.type == "pixels" and values.dtype == np.uint8:
            return _to_image(values)
        return list(values.tolist()) if values.ndim else values

    def _invalid_output(self, prediction: Prediction) -> str | None:
        """Return the name of an output that is missing, of the wrong shape, or not a number or probability."""
        for name in self._config.protocols.v1:
            spec, value = self._config.outputs[name], prediction.get(name)
            if value is None or np.shape(value) != spec.shape:
                return name
            if spec.datatype == "FP32" and not np.isfinite(value).all():
                return name
            if name == PROBABILITIES and not math.isclose(sum(value), 1, abs_tol=1e-4):
                return name
        return None

    def _is_right(self, value: Any, label: Any) -> bool:
        """Compare an output with a label; strings are names of labels."""
        if isinstance(value, str):
            return value == (label if isinstance(label, str) else self._config.labels[int(label)])
        difference = np.asarray(value, np.float64) - np.asarray(label, np.float64)
        return bool((np.abs(difference) <= self._config.golden_set.tolerance).all())


def _compared_output(config: ModelConfig) -> str:
    """Return the output that is compared with the labels: a classifier may answer the name instead of the index."""
    expected = config.golden_set.output or config.label_output
    names = [name for name in config.protocols.v1 if config.labels and config.outputs[name].datatype == "BYTES"]
    if found := next((name for name in (expected, *names) if name in config.protocols.v1), None):
        return found
    raise GoldenError(
        f"{config.folder / FILE}: protocols.v1 lacks {expected}, which golden_set compares with the labels"
    )


def _to_image(pixels: NDArray[np.uint8]) -> Image.Image:
    """Convert pixels [h, w], [h, w, channels] or [channels, h, w]."""
    if pixels.ndim == 3 and pixels.shape[0] in CHANNELS and pixels.shape[2] not in CHANNELS:
        pixels = pixels.transpose(1, 2, 0)
    return Image.fromarray(pixels[:, :, 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels)
