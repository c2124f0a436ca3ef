"""Calibration of a classifier: temperature scaling, reliability bins and the expected calibration error."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, softmax

BINS = 15
TEMPERATURES = [hundredths / 100 for hundredths in range(20, 301)]


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """Return the T, to the hundredth, whose softmax(logits / T) has the least cross-entropy (Guo et al. 2017).

    Takes logits float32 [n, classes] of images that the net was not trained on, and labels int64 [n].
    """
    losses = torch.stack([cross_entropy(logits / temperature, labels) for temperature in TEMPERATURES])
    return TEMPERATURES[int(losses.argmin())]


class Reliability(NamedTuple):
    """Sums over the answers in each of `BINS` equal bins of confidence, float32 [BINS] each."""

    answers: Tensor
    confidence: Tensor
    correct: Tensor


def reliability(logits: Tensor, labels: Tensor, temperature: float = 1.0) -> Reliability:
    """Bin the answers by confidence; takes logits float32 [n, classes] and labels int64 [n]."""
    confidence, answer = softmax(logits / temperature, 1).max(1)
    bins = (confidence * BINS).long().clamp(max=BINS - 1)
    columns = torch.stack([torch.ones_like(confidence), confidence, (answer == labels).float()], 1)
    return Reliability(*torch.zeros(BINS, 3, device=logits.device).index_add(0, bins, columns).unbind(1))


def expected_calibration_error(logits: Tensor, labels: Tensor, temperature: float = 1.0) -> float:
    """Return the mean |confidence - accuracy| over the bins, weighted by their answers; shapes as in `reliability`."""
    bins = reliability(logits, labels, temperature)
    return (bins.confidence - bins.correct).abs().sum().item() / len(labels)
