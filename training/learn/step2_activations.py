"""Step 2: activation functions, and a gradient that vanishes."""

# %% imports
import matplotlib.pyplot as plt
import torch
from torch import nn

from common.plots import style
from training.learn.picture import save

# %% activations
ACTIVATIONS = {
    "sigmoid": nn.Sigmoid(),
    "tanh": nn.Tanh(),
    "ReLU": nn.ReLU(),
    "leaky ReLU": nn.LeakyReLU(0.01),
}
print("value and slope at  x = -5           x = 1           x = 5")
for name, activation in ACTIVATIONS.items():
    x = torch.tensor([-5.0, 1.0, 5.0], requires_grad=True)
    values = activation(x)
    values.sum().backward()
    columns = torch.stack([values.detach(), x.grad], dim=1).flatten().tolist()
    print(f"{name:14}", "  ".join(f"{number:6.3f}" for number in columns))

# %% softmax
scores = torch.tensor([[0.1, 0.2, 0.9, 0.3]])
probabilities = scores.softmax(dim=1)
print("softmax:", [round(p, 3) for p in probabilities[0].tolist()])
print("sum:", round(probabilities.sum().item(), 3))
largest, index = torch.max(probabilities, 1)
print("largest:", round(largest.item(), 3), "at index", index.item())

# %% linear
torch.manual_seed(0)
first, second = nn.Linear(2, 8), nn.Linear(8, 1)
single = nn.Linear(2, 1)
with torch.no_grad():
    single.weight.copy_(second.weight @ first.weight)
    single.bias.copy_(second.weight @ first.bias + second.bias)
points = torch.rand(1000, 2)
stacked = second(first(points))
bent = second(first(points).relu())
print(
    "two linear layers equal one:", torch.allclose(stacked, single(points), atol=1e-6)
)
print("with ReLU between them:     ", torch.allclose(bent, single(points), atol=1e-6))

# %% vanishing
LAYERS = 10


def gradient_of_each_layer(activation: nn.Module) -> list[float]:
    """Return the mean size of each layer's gradient, first layer first."""
    torch.manual_seed(0)
    layers = [nn.Linear(64, 64) for _ in range(LAYERS)]
    net = nn.Sequential(*[module for layer in layers for module in (layer, activation)])
    for layer in layers:
        nn.init.kaiming_normal_(layer.weight)
    net(torch.randn(200, 64)).pow(2).mean().backward()
    return [layer.weight.grad.abs().mean().item() for layer in layers]


gradients = {
    name: gradient_of_each_layer(activation) for name, activation in ACTIVATIONS.items()
}
for name, sizes in gradients.items():
    print(f"{name:10} gradient of layer 1 / of layer 10: {sizes[0] / sizes[-1]:.1e}")

# %% dead unit
for name in ("ReLU", "leaky ReLU"):
    unit = nn.Linear(1, 1)
    nn.init.constant_(unit.weight, 1.0)
    nn.init.constant_(unit.bias, -10.0)  # below zero for every input from 0 to 1
    ACTIVATIONS[name](unit(torch.rand(100, 1))).mean().backward()
    print(f"{name}: gradient of a dead unit {unit.bias.grad.item():.2f}")

# %% picture
with style():
    figure, (curves, slopes, layers) = plt.subplots(3, 1, figsize=(5, 9))
    for name, activation in ACTIVATIONS.items():
        x = torch.linspace(-5, 5, 201, requires_grad=True)
        values = activation(x)
        values.sum().backward()
        width = 5 if name == "ReLU" else 1.5  # leaky ReLU lies on it
        curves.plot(x.detach(), values.detach(), label=name, linewidth=width)
        slopes.plot(x.detach(), x.grad, label=name, linewidth=width)
        steps = range(1, LAYERS + 1)
        layers.semilogy(steps, gradients[name], "o-", label=name, linewidth=width)
    curves.set(xlabel="input", ylabel="output", ylim=(-1.2, 3))
    curves.set_title("Sigmoid and tanh flatten out; ReLU does not")
    slopes.set(xlabel="input", ylabel="slope")
    slopes.set_title("The slope of sigmoid is at most 0.25")
    layers.set(xlabel="layer (10 is next to the loss)", xticks=steps)
    layers.set(ylabel="mean gradient")
    layers.set_title("Through ten sigmoids the gradient vanishes")
    curves.legend(loc="upper left")
    slopes.legend(loc="upper left", fontsize=9)
    layers.legend(loc="lower right", fontsize=9)
save(figure, "2-activations")
