"""Learning-rate schedules."""

from __future__ import annotations

import math

SCHEDULES = ("constant", "warmup-cosine")
WARMUP = 0.1  # fraction of all steps


def learning_rate(schedule: str, maximum: float, progress: float) -> float:
    """Return the learning rate after the fraction `progress` of all steps, 0 to 1.

    "warmup-cosine" is a linear warm-up over `WARMUP` to `maximum`, then a cosine decay to 0.
    """
    if schedule == "constant":
        return maximum
    if progress < WARMUP:
        return maximum * progress / WARMUP
    return maximum * (1 + math.cos(math.pi * (progress - WARMUP) / (1 - WARMUP))) / 2
