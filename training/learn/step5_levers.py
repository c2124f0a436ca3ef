"""Step 5: optimizer, loss, dropout, batch normalization, hidden size, and a search."""

# %% imports
from pathlib import Path

import matplotlib.pyplot as plt
import optuna
import torch
from torch import nn

from common.plots import style
from training.learn.picture import save
from training.mnist.data import load_mnist, split_validation

# %% data
mnist = split_validation(load_mnist(Path("data")))
pixels, labels = mnist.train_pixels[:10_000], mnist.train_labels[:10_000]
validation_pixels, validation_labels = (
    mnist.test_pixels[:5000],
    mnist.test_labels[:5000],
)


# %% train
def train(
    optimizer: str = "Adam",
    lr: float = 1e-3,
    loss: str = "cross-entropy",
    hidden: int = 500,
    dropout: float = 0.0,
    batch_norm: bool = False,
    digits: int = 10_000,
    epochs: int = 5,
) -> list[tuple[float, float]]:
    """Return percent right of 1,000 training and the validation digits, by epoch."""
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Linear(784, hidden),
        nn.BatchNorm1d(hidden) if batch_norm else nn.Identity(),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(hidden, 10),
    )
    steps = {"Adam": torch.optim.Adam, "SGD": torch.optim.SGD}[optimizer](
        net.parameters(), lr=lr
    )
    one_hot = nn.functional.one_hot(labels, 10).float()
    accuracies = []
    for _ in range(epochs):
        net.train()
        for batch in torch.randperm(digits).split(100):
            outputs = net(pixels[batch])
            if loss == "cross-entropy":
                value = nn.functional.cross_entropy(outputs, labels[batch])
            else:
                value = nn.functional.mse_loss(outputs.softmax(dim=1), one_hot[batch])
            steps.zero_grad()
            value.backward()
            steps.step()
        net.eval()
        seen = accuracy(net, pixels[:1000], labels[:1000])
        accuracies.append((seen, accuracy(net, validation_pixels, validation_labels)))
    return accuracies


@torch.no_grad()
def accuracy(net: nn.Module, pixels: torch.Tensor, labels: torch.Tensor) -> float:
    return 100 * (net(pixels).argmax(1) == labels).float().mean().item()


# %% optimizers
runs = {
    "Adam, lr 0.001": train("Adam", 1e-3),
    "SGD, lr 0.001": train("SGD", 1e-3),
    "SGD, lr 0.1": train("SGD", 0.1),
    "SGD, lr 0.1, MSE": train("SGD", 0.1, loss="MSE"),
    "Adam, lr 0.001, MSE": train("Adam", 1e-3, loss="MSE"),
}
for name, run in runs.items():
    print(
        f"{name:20} {run[0][1]:.1f} % after epoch 1, {run[-1][1]:.1f} % after epoch 5"
    )

# %% optimizers picture
with style():
    figure, axes = plt.subplots(figsize=(5, 4.4))
    for (name, run), marker in zip(runs.items(), "os^vD", strict=True):
        percents = [validation for _, validation in run]
        axes.plot(range(1, 6), percents, marker=marker, label=name)
    axes.set(xlabel="epoch", ylabel="validation accuracy (%)", xticks=range(1, 6))
    axes.set_title("Adam needs no tuning; SGD needs\na rate that fits the loss")
    axes.legend(fontsize=9)
save(figure, "5-optimizers")

# %% dropout
few = {share: train(dropout=share, digits=1000, epochs=30) for share in (0.0, 0.5)}
for share, run in few.items():
    print(f"dropout {share}: {run[-1][0]:.1f} % of 1000 training digits,")
    print(f"             {run[-1][1]:.1f} % of validation digits")

# %% batch norm
RATES = (0.01, 0.1, 1.0, 3.0)
plain = [train("SGD", rate, epochs=2)[-1][1] for rate in RATES]
normalized = [train("SGD", rate, batch_norm=True, epochs=2)[-1][1] for rate in RATES]
for rate, without, with_norm in zip(RATES, plain, normalized, strict=True):
    print(f"lr {rate:4}: plain {without:.1f} %, batch normalization {with_norm:.1f} %")

# %% hidden size
SIZES = (2, 8, 32, 125, 500, 1000)
by_size = [train(hidden=size)[-1][1] for size in SIZES]
for size, percent in zip(SIZES, by_size, strict=True):
    parameters = 784 * size + size + size * 10 + 10
    print(f"{size:4} hidden units, {parameters:7,} parameters: {percent:.1f} %")

# %% levers picture
with style():
    figure, (top, middle, bottom) = plt.subplots(3, 1, figsize=(5, 10))
    for (share, run), color in zip(few.items(), ("C0", "C1"), strict=True):
        seen, unseen = zip(*run, strict=True)
        top.plot(
            range(1, 31), seen, "--", color=color, label=f"dropout {share}, training"
        )
        top.plot(
            range(1, 31), unseen, color=color, label=f"dropout {share}, validation"
        )
    top.set(xlabel="epoch", ylabel="accuracy (%)", ylim=(75, 101))
    top.set_title("1000 digits are learnt by heart: overfitting")
    top.legend(fontsize=9)
    middle.semilogx(RATES, plain, "o-", label="plain")
    middle.semilogx(RATES, normalized, "s-", label="batch normalization")
    middle.set(xlabel="learning rate of SGD", ylabel="validation accuracy (%)")
    middle.set_title("Batch normalization forgives the learning rate")
    middle.legend(fontsize=9)
    bottom.semilogx(SIZES, by_size, "o-")
    bottom.set(xlabel="hidden units", ylabel="validation accuracy (%)")
    bottom.set_xticks(SIZES, [str(size) for size in SIZES])
    bottom.minorticks_off()
    bottom.set_title("Each step to more hidden units gains less")
save(figure, "5-levers")


# %% search
def objective(trial: optuna.Trial) -> float:
    hidden = trial.suggest_int("hidden", 16, 512, log=True)
    lr = trial.suggest_float("lr", 1e-4, 3e-2, log=True)
    dropout = trial.suggest_float("dropout", 0.0, 0.5)
    return train(lr=lr, hidden=hidden, dropout=dropout, epochs=2)[-1][1]


optuna.logging.set_verbosity(optuna.logging.WARNING)
study = optuna.create_study(
    direction="maximize", sampler=optuna.samplers.TPESampler(seed=0)
)
study.optimize(objective, n_trials=12)
values = [trial.value or 0.0 for trial in study.trials]
print(f"{len(values)} trials from {min(values):.1f} % to {max(values):.1f} %")
best = study.best_params
print(
    f"best: hidden {best['hidden']}, lr {best['lr']:.3f}, dropout {best['dropout']:.2f}"
)

# %% search picture
with style():
    figure, axes = plt.subplots(figsize=(5, 3.8))
    rates = [trial.params["lr"] for trial in study.trials]
    axes.semilogx(rates, values, "o", label="trial")
    axes.semilogx(best["lr"], study.best_value, "o", markersize=10, label="best")
    axes.set(xlabel="learning rate of Adam", ylabel="validation accuracy (%)")
    axes.set_title("The search finds that the learning rate\nmatters most")
    axes.legend()
save(figure, "5-search")
