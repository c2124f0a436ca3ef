"""Integrated gradients satisfy the completeness axiom."""

from __future__ import annotations

import torch
from torch import nn

from handlers.attribution import integrated_gradients
from model.mnist.net import Net


def test_attributions_sum_to_the_change_of_the_logit():
    torch.manual_seed(0)
    net = Net(hidden_size=50)
    pixels, target = torch.rand(5, 784), torch.tensor([0, 3, 3, 9, 1])
    attributions = integrated_gradients(net, pixels, target, steps=256)
    rows = torch.arange(5)
    change = net(pixels)[rows, target] - net(torch.zeros(5, 784))[rows, target]
    torch.testing.assert_close(attributions.sum(dim=1), change, rtol=0, atol=5e-3)


def test_a_linear_net_is_attributed_weight_times_pixel():
    net = nn.Linear(784, 10)
    pixels = torch.rand(1, 784)
    attributions = integrated_gradients(net, pixels, torch.tensor([4]))
    torch.testing.assert_close(attributions, pixels * net.weight[4])


def test_black_pixels_have_no_share():
    pixels = torch.rand(1, 784)
    pixels[0, :100] = 0
    assert integrated_gradients(Net(), pixels, torch.tensor([0]))[0, :100].abs().max() == 0
