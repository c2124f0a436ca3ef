"""One training run: a recipe, the epochs done so far, and the checkpoint that survives an interruption."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from tqdm import tqdm

from model import Net
from training import weights
from training.command import UserError
from training.files import write_atomically

LEARNING_RATES = {"adam": 1e-3, "sgd": 0.1}
MOMENTUM = 0.9


class RunError(UserError):
    """Why a run can't go on."""


@dataclass(frozen=True)
class Recipe:
    """All that decides the weights: the same recipe on the same machine gives the same bits."""

    optimizer: str = "adam"
    epochs: int = 20
    lr: float = LEARNING_RATES["adam"]
    batch_size: int = 100
    hidden_size: int = 500
    seed: int = 0
    device: str = "cpu"


class Run:
    """A recipe in progress. Between two epochs it can be saved, and taken up again to the bit."""

    def __init__(self, recipe: Recipe) -> None:
        _deterministic(recipe.device)
        torch.manual_seed(recipe.seed)
        self.recipe = recipe
        self.net = Net(hidden_size=recipe.hidden_size).to(recipe.device)
        self.optimizer = _optimizer(self.net, recipe)
        self.shuffle = torch.Generator().manual_seed(recipe.seed)
        self.epochs: list[dict[str, Any]] = []

    def epoch(self, pixels: Tensor, labels: Tensor) -> None:
        """Learn from each digit once, in a new order. Raises RunError when the loss is no longer a number."""
        start_s = time.perf_counter()
        loss_sum, correct = torch.zeros(2, device=pixels.device)  # read at the end: each read waits for the device
        order = torch.randperm(len(labels), generator=self.shuffle).to(pixels.device)
        for batch in self._with_progress(torch.split(order, self.recipe.batch_size)):
            logits = self.net(pixels[batch])
            loss = cross_entropy(logits, labels[batch])
            self.optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            loss_sum += loss.detach() * len(batch)
            correct += (logits.argmax(1) == labels[batch]).sum()
        if not torch.isfinite(loss_sum):
            raise RunError(
                f"the loss is {loss_sum.item()} in epoch {len(self.epochs) + 1}: use a smaller --lr, and --fresh"
            )
        self.epochs.append(
            {
                "epoch": len(self.epochs) + 1,
                "train_loss": loss_sum.item() / len(labels),
                "train_accuracy": correct.item() / len(labels),
                "seconds": round(time.perf_counter() - start_s, 2),
            }
        )

    def _with_progress(self, batches: Sequence[Tensor]) -> Iterable[Tensor]:
        return tqdm(batches, f"epoch {len(self.epochs) + 1}", unit="batch", leave=False, disable=None)

    def save(self, checkpoint: Path) -> None:
        state = {
            "recipe": asdict(self.recipe),
            "epochs": self.epochs,
            "net": self.net.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "shuffle": self.shuffle.get_state(),
        }
        write_atomically(checkpoint, weights.to_bytes(state))

    def resume(self, checkpoint: Path) -> None:
        """Take up the state in `checkpoint`. Raises RunError when it belongs to another recipe or is broken."""
        anew = f"--fresh starts anew, without {checkpoint}"
        try:
            state = weights.load_state(checkpoint)
            if state["recipe"] != asdict(self.recipe):
                raise RunError(f"an interrupted run had {_differences(state['recipe'], self.recipe)}: {anew}")
            self.epochs = state["epochs"]
            self.net.load_state_dict(state["net"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.shuffle.set_state(state["shuffle"])
        except (weights.WeightsError, LookupError, RuntimeError, TypeError, ValueError) as error:
            raise RunError(f"the checkpoint of an interrupted run is broken: {anew}") from error


def _differences(found: dict[str, Any], wanted: Recipe) -> str:
    names = [name for name, value in asdict(wanted).items() if found.get(name) != value]
    return ", ".join(f"--{name.replace('_', '-')} {found.get(name)}" for name in names)


def _deterministic(device: str) -> None:
    if device == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it cuBLAS refuses to be deterministic
        torch.use_deterministic_algorithms(True)


def _optimizer(net: Net, recipe: Recipe) -> torch.optim.Optimizer:
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(net.parameters(), recipe.lr, MOMENTUM, fused=True)
    return torch.optim.Adam(net.parameters(), recipe.lr, fused=True)
