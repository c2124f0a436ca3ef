"""The network of new_model: a small convolutional classifier of colour images."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn


class Net(nn.Module):
    """Maps RGB images, float32 from 0 to 1, shape [n, 32, 32, 3], to logits, float32 [n, classes]."""

    def __init__(self, classes: int = 3) -> None:
        super().__init__()
        self.features = nn.Sequential(_block(3, 16), _block(16, 32), _block(32, 64))
        self.classifier = nn.Linear(64, classes)

    def forward(self, images: Tensor) -> Tensor:
        features = self.features(images.movedim(-1, 1))  # channels first, as convolutions expect them
        return self.classifier(features.amax(dim=(2, 3)))  # wherever the shape is


def _block(inputs: int, outputs: int) -> nn.Sequential:
    """Return a convolution that halves the height and the width."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(), nn.MaxPool2d(2)
    )


def build(state: Mapping[str, Tensor]) -> Net:
    """Build the net from a state_dict. Raises RuntimeError when its layers or shapes differ."""
    net = Net()
    net.load_state_dict(state)
    return net
