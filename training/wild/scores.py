"""What answers to the pictures are worth: accuracy by kind, refusals, how well confidence tells digits from the rest.

Answers are probabilities [n, 10]; a refused picture's are all 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt

from client_error import ClientError
from training.wild.samples import Sample
from training.wild.steps import Read

Answers = npt.NDArray[np.float32]
Predict = Callable[[npt.NDArray[np.uint8]], Answers]  # [n, 28, 28] -> probabilities [n, 10]
Ask = Callable[[Iterable[Sample]], Answers]


def answers(samples: Iterable[Sample], read: Read, predict: Predict) -> Answers:
    pixels, refused = [], []
    for sample in samples:
        try:
            pixels.append(read(sample.data))
            refused.append(False)
        except ClientError:
            pixels.append(np.zeros((28, 28), np.uint8))
            refused.append(True)
    return np.where(np.array(refused)[:, None], 0, predict(np.stack(pixels))).astype(np.float32)


def accuracy_by_kind(samples: list[Sample], probabilities: Answers) -> dict[str, float]:
    right = (probabilities.argmax(axis=1) == [s.label for s in samples]) & ~refused(probabilities)
    kinds = np.array([s.kind for s in samples])
    return {kind: float(right[kinds == kind].mean()) for kind in dict.fromkeys(kinds.tolist())}


def refused(probabilities: Answers) -> npt.NDArray[np.bool_]:
    return np.asarray(probabilities.max(axis=1) == 0)


def refusal(digits: Answers, others: Answers) -> dict[str, float | None]:
    """How often pictures without a digit are refused, and how well confidence tells the digits from them."""
    confidence = others.max(axis=1)[~refused(others)]
    return {
        "refused": float(refused(others).mean()),
        "mean_confidence": float(confidence.mean()) if len(confidence) else None,
        "auroc": auroc(digits.max(axis=1), others.max(axis=1)),
    }


def auroc(positive: npt.NDArray[np.float32], negative: npt.NDArray[np.float32]) -> float:
    """The chance that a positive scores above a negative, ties half (Mann and Whitney, 1947)."""
    above = (positive[:, None] > negative[None]).mean() + 0.5 * (positive[:, None] == negative[None]).mean()
    return float(above)
