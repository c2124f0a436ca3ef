"""Attribute a prediction to its inputs with integrated gradients."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def integrated_gradients(net: nn.Module, inputs: Tensor, target: Tensor, steps: int = 32) -> Tensor:
    """Attribute the logit of `target` to each value of the inputs, against inputs of zeros.

    inputs: float32 [n, …]; target: int64 [n]. Returns float32 [n, …]; the sum over one input is, within the error of
    the midpoint rule, its logit less the logit of zeros.
    Sundararajan, Taly, Yan: Axiomatic Attribution for Deep Networks, 2017, equation 1.
    """
    alphas = (torch.arange(steps, device=inputs.device) + 0.5) / steps
    path = (alphas.view(-1, *[1] * inputs.dim()) * inputs).requires_grad_()  # [steps, n, …]
    logits = net(path.flatten(0, 1)).unflatten(0, (steps, len(inputs)))
    chosen = logits.gather(2, target.expand(steps, -1).unsqueeze(2))
    (gradients,) = torch.autograd.grad(chosen.sum(), path)
    return inputs * gradients.mean(dim=0)
