"""Step 4: train Net on MNIST and evaluate it."""

# %% imports
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

from common.plots import style
from model.mnist.net import Net
from training.learn.picture import FOLDER, save
from training.mnist.data import fetch_mnist

# %% settings
input_size = 784  # pixels of an image
hidden_size = 500  # units of the hidden layer
num_classes = 10  # digits
num_epochs = 2  # the study path trains 20
batch_size = 100
lr = 1e-3
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
torch.manual_seed(0)

# %% data
fetch_mnist(Path("data"))
train_data = datasets.MNIST(root="data", train=True, transform=transforms.ToTensor())
test_data = datasets.MNIST(root="data", train=False, transform=transforms.ToTensor())
train_loader = DataLoader(train_data, batch_size=batch_size, shuffle=True)
test_loader = DataLoader(test_data, batch_size=batch_size, shuffle=False)

# %% batch
images, labels = next(iter(test_loader))
print("a batch:", list(images.shape), "labels:", labels[:5].tolist())
print("flat:   ", list(images.view(-1, 28 * 28).shape))
print("pixels: ", images.min().item(), "to", images.max().item())
print("in the file up to", test_data.data.max().item())

# %% net
net = Net(input_size, hidden_size, num_classes).to(device)
loss_function = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=lr)
print("parameters:", sum(parameter.numel() for parameter in net.parameters()))

# %% training
losses = []
for epoch in range(num_epochs):
    for i, (images, labels) in enumerate(train_loader):
        images = images.view(-1, 28 * 28).to(device)
        labels = labels.to(device)

        optimizer.zero_grad()
        outputs = net(images)
        loss = loss_function(outputs, labels)
        loss.backward()
        optimizer.step()

        losses.append(loss.item())
        if (i + 1) % 100 == 0:
            step = f"step {i + 1}/{len(train_loader)}"
            print(f"epoch {epoch + 1}, {step}, loss {loss.item():.3f}")

# %% evaluation
net.eval()
correct, total = 0, 0
wrong: list[tuple[torch.Tensor, int, int]] = []
with torch.no_grad():
    for images, labels in test_loader:
        outputs = net(images.view(-1, 28 * 28).to(device)).cpu()
        _, predicted = torch.max(outputs, 1)
        correct += (predicted == labels).sum().item()
        total += labels.size(0)
        missed = predicted != labels
        pairs = labels[missed].tolist(), predicted[missed].tolist()
        wrong += zip(images[missed], *pairs, strict=True)
print(f"right: {100 * correct / total:.2f} % of {total} test images")

# %% save
torch.save(net.cpu().state_dict(), FOLDER / "net.pt")

# %% picture
with style():
    figure = plt.figure(figsize=(5, 7))
    top, bottom = figure.subfigures(2, 1, height_ratios=(3, 4))
    axes = top.subplots()
    axes.semilogy(losses, color="0.7", label="each step")
    means = torch.tensor(losses).view(-1, 100).mean(dim=1)
    axes.semilogy(range(50, len(losses), 100), means, "o-", label="mean of 100 steps")
    axes.set(xlabel="step", ylabel="cross-entropy")
    axes.set_title("The loss falls fast, then slowly")
    axes.legend()
    bottom.suptitle("Many of the mistakes are hard for people too")
    for axes, (image, label, prediction) in zip(
        bottom.subplots(3, 4).flat, wrong, strict=False
    ):
        axes.imshow(image[0], cmap="gray_r")
        axes.set_title(f"{label}, read as {prediction}", fontsize=10)
        axes.axis("off")
save(figure, "4-mnist")
