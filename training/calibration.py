"""Confidence that means something: of the answers given with 90 %, nine in ten are right."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, softmax

BINS = 15
TEMPERATURES = [hundredths / 100 for hundredths in range(20, 301)]


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """Find T for which softmax(logits / T) fits `labels` best (Guo et al. 2017), to the hundredth.

    Takes logits float32 [n, 10] of images that the net was not trained on, and labels int64 [n].
    """
    losses = torch.stack([cross_entropy(logits / temperature, labels) for temperature in TEMPERATURES])
    return TEMPERATURES[int(losses.argmin())]


class Reliability(NamedTuple):
    """What `BINS` equal bins of confidence hold, each float32 [BINS]: sums over the answers in them."""

    answers: Tensor
    confidence: Tensor
    correct: Tensor


def reliability(logits: Tensor, labels: Tensor, temperature: float = 1.0) -> Reliability:
    """Sort answers by confidence: logits float32 [n, 10], labels int64 [n]."""
    confidence, digit = softmax(logits / temperature, 1).max(1)
    bins = (confidence * BINS).long().clamp(max=BINS - 1)
    columns = torch.stack([torch.ones_like(confidence), confidence, (digit == labels).float()], 1)
    return Reliability(*torch.zeros(BINS, 3, device=logits.device).index_add(0, bins, columns).unbind(1))


def expected_calibration_error(logits: Tensor, labels: Tensor, temperature: float = 1.0) -> float:
    """Mean distance of confidence and accuracy over `BINS` equal bins of confidence, each weighing what it holds."""
    bins = reliability(logits, labels, temperature)
    return (bins.confidence - bins.correct).abs().sum().item() / len(labels)
