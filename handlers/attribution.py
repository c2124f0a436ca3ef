"""Attribute a prediction to its pixels with integrated gradients."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def integrated_gradients(net: nn.Module, pixels: Tensor, target: Tensor, steps: int = 32) -> Tensor:
    """Attribute the logit of `target` to each pixel, against a black image.

    pixels: float32 [n, 784] in [0, 1]; target: int64 [n]. Returns float32 [n, 784]; each row sums, within the
    error of the midpoint rule, to the logit at `pixels` less the logit at black.
    Sundararajan, Taly, Yan: Axiomatic Attribution for Deep Networks, 2017, equation 1.
    """
    alphas = (torch.arange(steps, device=pixels.device) + 0.5) / steps
    path = (alphas[:, None, None] * pixels).requires_grad_()  # [steps, n, 784]
    logits = net(path).gather(2, target.expand(steps, -1).unsqueeze(2))
    (gradients,) = torch.autograd.grad(logits.sum(), path)
    return pixels * gradients.mean(dim=0)
