"""The network of new_model: one hidden layer on normalized features."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn


class Net(nn.Module):
    """Maps raw features, float32 [n, features], to logits, float32 [n, classes].

    The mean and the spread of each feature are buffers, so they are saved with the weights and nobody can forget them.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, features: int = 4, classes: int = 3) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("std", torch.ones(features))
        self.layers = nn.Sequential(nn.Linear(features, 16), nn.ReLU(), nn.Linear(16, classes))

    def normalize(self, inputs: Tensor) -> None:
        """Take mean and spread from the training inputs [n, features]."""
        self.mean.copy_(inputs.mean(dim=0))
        self.std.copy_(inputs.std(dim=0))

    def forward(self, inputs: Tensor) -> Tensor:
        return self.layers((inputs - self.mean) / self.std)


def build(state: Mapping[str, Tensor]) -> Net:
    """Build the net from a state_dict. Raises RuntimeError when its layers or shapes differ."""
    net = Net()
    net.load_state_dict(state)
    return net
