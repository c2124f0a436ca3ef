"""Score one net on the test digits in detail: confusion matrix, mistakes, reliability."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from training.calibration import expected_calibration_error, reliability


@torch.no_grad()
def scores(net: nn.Module, pixels: Tensor, labels: Tensor, temperature: float) -> dict[str, Any]:
    """Score `net` on pixels float32 [n, 784] in [0, 1] and labels int64 [n], ready for JSON.

    `confusion[label][answer]` are counts; `mistakes` have their index in the test set, most confident first;
    `reliability` is at `temperature`, `reliability_uncalibrated` at 1.
    """
    logits = net(pixels)
    confidence, answers = (logits / temperature).softmax(1).max(1)
    wrong = (answers != labels).nonzero().flatten()
    wrong = wrong[confidence[wrong].argsort(descending=True)]
    confusion = torch.bincount(labels * 10 + answers, minlength=100).view(10, 10)
    return {
        "correct": len(labels) - len(wrong),
        "total": len(labels),
        "temperature": temperature,
        "confusion": confusion.tolist(),
        "per_class": [_score_digit(confusion, digit) for digit in range(10)],
        "mistakes": [
            {"index": i, "label": int(labels[i]), "answer": int(answers[i]), "confidence": float(confidence[i])}
            for i in wrong.tolist()
        ],
        "calibration_error": expected_calibration_error(logits, labels, temperature),
        "calibration_error_uncalibrated": expected_calibration_error(logits, labels),
        "reliability": [bins.tolist() for bins in reliability(logits, labels, temperature)],
        "reliability_uncalibrated": [bins.tolist() for bins in reliability(logits, labels)],
    }


def _score_digit(confusion: Tensor, digit: int) -> dict[str, Any]:
    """Return precision and recall of one digit, with the counts behind them."""
    right, answered, total = int(confusion[digit, digit]), int(confusion[:, digit].sum()), int(confusion[digit].sum())
    shares = {"precision": right / max(answered, 1), "recall": right / max(total, 1)}
    return {"digit": digit, "total": total, "correct": right, **shares}
