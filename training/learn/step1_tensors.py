"""Step 1: tensors, the computation graph, and a first net."""

# %% imports
import time

import matplotlib.pyplot as plt
import torch

from common.plots import style
from training.learn.net import SimpleNet
from training.learn.picture import FOLDER, save

# %% shapes
scalar = torch.tensor(3.0)
vector = torch.tensor([1.0, 2.0, 3.0])
matrix = torch.ones(2, 3)
images = torch.zeros(100, 1, 28, 28)  # batch, channels, height, width
for name, tensor in {
    "scalar": scalar,
    "vector": vector,
    "matrix": matrix,
    "images": images,
}.items():
    print(f"{name:7} {tensor.ndim} dimensions, shape {list(tensor.shape)}")

# %% view
print("100 images:       ", list(images.view(-1, 28 * 28).shape))
photos = torch.zeros(2, 3, 784, 784)
print("2 photos, flat:   ", list(photos.view(2, -1).shape))
print("2 photos, by rows:", list(photos.view(-1, 28 * 28).shape))

# %% speed
size = 120
left, right = torch.rand(size, size), torch.rand(size, size)
rows, columns = left.tolist(), right.T.tolist()

start = time.perf_counter()
product = [
    [sum(a * b for a, b in zip(row, column, strict=True)) for column in columns]
    for row in rows
]
list_seconds = time.perf_counter() - start

start = time.perf_counter()
for _ in range(20):
    same_product = left @ right
tensor_seconds = (time.perf_counter() - start) / 20

print(
    "same numbers:",
    torch.allclose(torch.tensor(product), same_product, atol=1e-3),
)
print("faster than lists:", f"{list_seconds / tensor_seconds:.0f} times")

# %% graph
x = torch.tensor(3.0, requires_grad=True)
y = x * x + 2 * x
node = y.grad_fn
print("y =", y.item(), "was made by", node.name())
print(
    "its inputs were made by",
    [parent.name() for parent, _ in node.next_functions],
)

# %% gradient
y.backward()
print("slope at 3:", x.grad.item())
(x * x + 2 * x).backward()
print("added to the first:", x.grad.item())
x.grad.zero_()
(x * x + 2 * x).backward()
print("after setting it to zero:", x.grad.item())

# %% module
torch.manual_seed(0)
net = SimpleNet()
for name, parameter in net.named_parameters():
    print(f"{name:10} {list(parameter.shape)}")
print("parameters:", sum(parameter.numel() for parameter in net.parameters()))
samples = torch.rand(4, 10)
print("4 samples in, out comes", list(net(samples).shape))

# %% save
torch.save(net.state_dict(), FOLDER / "simple_net.pt")
copy = SimpleNet()
copy.load_state_dict(torch.load(FOLDER / "simple_net.pt", weights_only=True))
copy.eval()  # evaluation mode; train() goes back
print("the copy answers the same:", torch.equal(net(samples), copy(samples)))

# %% picture
with style():
    figure, axes = plt.subplots(figsize=(5, 3.8))
    points = torch.linspace(-2, 5, 100)
    axes.plot(points, points * points + 2 * points, label="y = x² + 2x")
    axes.plot(points, 15 + 8 * (points - 3), "--", label="tangent with slope 8")
    axes.plot(3, 15, "ko")
    axes.set(xlabel="x", ylabel="y", ylim=(-8, 32))
    axes.set_title("At x = 3 the gradient is 8:\nthe slope of the tangent")
    axes.legend()
save(figure, "1-gradient")
