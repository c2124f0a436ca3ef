"""The MNIST classifier: one hidden layer, 784-500-10."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn


class Net(nn.Module):
    """Multi-layer perceptron for 28×28 grayscale images of digits.

    Maps pixels, float32 in [0, 1], shape [n, input_size], to logits, float32, shape [n, num_classes].
    """

    def __init__(self, input_size: int = 784, hidden_size: int = 500, num_classes: int = 10) -> None:
        super().__init__()
        self.fc1 = nn.Linear(input_size, hidden_size)
        self.relu = nn.ReLU()
        self.fc2 = nn.Linear(hidden_size, num_classes)

    @classmethod
    def from_state_dict(cls, state: Mapping[str, Tensor]) -> Net:
        """Build a net of the sizes in a state_dict and load it.

        Raises KeyError when a layer is missing, RuntimeError when the shapes do not match.
        """
        hidden_size, input_size = state["fc1.weight"].shape
        net = cls(input_size, hidden_size, num_classes=state["fc2.weight"].shape[0])
        net.load_state_dict(state)
        return net

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(self.relu(self.fc1(x)))


def build(state: Mapping[str, Tensor]) -> Net:
    """Build the net from a state_dict. Raises ValueError unless it maps 784 pixels to 10 digits."""
    net = Net.from_state_dict(state)
    if (net.fc1.in_features, net.fc2.out_features) != (784, 10):
        raise ValueError(f"the net has {net.fc1.in_features} inputs and {net.fc2.out_features} outputs, not 784 and 10")
    return net
