"""Step 3: train XORModel by hand, and meet a local minimum."""

# %% imports
import matplotlib.pyplot as plt
import torch
from torch import nn, optim

from common.plots import style
from model.xor.net import XORModel
from training.learn.picture import save

# %% data
x_data = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
y_data = torch.tensor([[0.0], [1.0], [1.0], [0.0]])


# %% loop
def train(seed: int) -> tuple[XORModel, list[float]]:
    """Train from the weights that `seed` draws; return model and losses."""
    torch.manual_seed(seed)
    model = XORModel()
    criterion = nn.BCELoss()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    losses = []
    for epoch in range(10_001):
        outputs = model(x_data)  # forward pass
        loss = criterion(outputs, y_data)

        optimizer.zero_grad()
        loss.backward()  # backward pass: fills .grad of each parameter
        optimizer.step()  # reads .grad, not the loss

        losses.append(loss.item())
        if epoch % 2000 == 0:
            print(f"seed {seed}, epoch {epoch:5}, loss {loss.item():.4f}")
    return model, losses


# %% learn
model, losses = train(seed=11)
with torch.no_grad():
    answers = model(x_data)
for bits, answer in zip(x_data.int().tolist(), answers.flatten().tolist(), strict=True):
    print(bits, f"-> {answer:.2f}")

# %% stuck
stuck_model, stuck_losses = train(seed=5)
with torch.no_grad():
    stuck_answers = stuck_model(x_data).flatten().tolist()
print("answers:", [round(answer, 2) for answer in stuck_answers])

# %% flat
_, flat_losses = train(seed=0)

# %% picture
with style():
    figure, (curves, plane) = plt.subplots(2, 1, figsize=(5, 8), height_ratios=(3, 4))
    for seed, run in {11: losses, 5: stuck_losses, 0: flat_losses}.items():
        curves.plot(run, label=f"seed {seed}")
    curves.set(xlabel="epoch", ylabel="loss (binary cross-entropy)", ylim=(0, 0.8))
    curves.set_title(
        "One start learns, one ends in a local\nminimum, one stays on the plateau"
    )
    curves.legend(loc="lower left")

    side = torch.linspace(-0.25, 1.25, 101)
    grid = torch.cartesian_prod(side, side)
    with torch.no_grad():
        surface = model(grid).view(101, 101).T
    filled = plane.contourf(side, side, surface, levels=10, cmap="cividis")
    figure.colorbar(filled, label="answer of the model")
    plane.plot(*x_data[[0, 3]].T, "ow", markeredgecolor="black", label="should be 0")
    plane.plot(*x_data[[1, 2]].T, "ok", markeredgecolor="white", label="should be 1")
    plane.set(xlabel="first input", ylabel="second input")
    plane.set_title("Two lines separate what one line cannot")
    plane.legend(loc="center", frameon=True)
save(figure, "3-xor")
