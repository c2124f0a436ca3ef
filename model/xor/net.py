"""The XOR classifier: two hidden units, 2-2-1."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn


class XORModel(nn.Module):
    """Two inputs, two hidden units, one output, with sigmoid activations.

    Maps float32 of shape [n, 2] to the probability that the output is 1, float32 in (0, 1), shape [n, 1].
    """

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(2, 2)
        self.fc2 = nn.Linear(2, 1)
        self.sigmoid = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        return self.sigmoid(self.fc2(self.sigmoid(self.fc1(x))))


def build(state: Mapping[str, Tensor]) -> XORModel:
    """Build the net from a state_dict. Raises RuntimeError when its layers or shapes differ."""
    net = XORModel()
    net.load_state_dict(state)
    return net
