"""One training run: a recipe, the epochs done so far, and the checkpoint that survives an interruption."""

from __future__ import annotations

import copy
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.utils.fusion import fuse_linear_bn_eval
from tqdm import tqdm

from model import Net
from training import weights
from training.augmentation import Augment
from training.command import UserError
from training.files import write_atomically
from training.recipes import Recipe

MOMENTUM = 0.9
EPOCH_SEED_STEP = 1_000_003  # a prime, so that epochs of neighbouring seeds do not meet


class RunError(UserError):
    """Why a run can't go on."""


class Run:
    """A recipe in progress. Between two epochs it can be saved, and taken up again to the bit.

    The same recipe and seed on the same machine give the same weights, to the bit.
    """

    def __init__(self, recipe: Recipe, seed: int = 0, device: str = "cpu") -> None:
        _deterministic(device)
        torch.manual_seed(seed)
        self.recipe, self.seed, self.device = recipe, seed, device
        self.net = Net(hidden_size=recipe.hidden_size).to(device)
        # Momentum 0.02: statistics of some fifty batches, where the default's ten are noisy in the net that is served.
        self.norm = nn.BatchNorm1d(recipe.hidden_size, momentum=0.02) if recipe.batch_norm else nn.Identity()
        net, dropout = self.net, nn.Dropout(recipe.dropout)
        self.layers = nn.Sequential(net.fc1, self.norm, net.relu, dropout, net.fc2).to(device)
        self.optimizer = _optimizer(self.layers, recipe)
        self.random = torch.Generator(device)
        self.augment = Augment(recipe.distortion, self.random) if recipe.distortion else nn.Identity()
        self.epochs: list[dict[str, Any]] = []

    def epoch(self, pixels: Tensor, labels: Tensor) -> None:
        """Learn from each digit once, in a new order. Raises RunError when the loss is no longer a number."""
        start_s = time.perf_counter()
        self._draw_anew()
        loss_sum, correct = torch.zeros(2, device=pixels.device)  # read at the end: each read waits for the device
        order = torch.randperm(len(labels), generator=self.random, device=self.device)
        batches = torch.split(order, self.recipe.batch_size)
        for step, batch in enumerate(self._with_progress(batches)):
            self._set_learning_rate((len(self.epochs) + step / len(batches)) / self.recipe.epochs)
            logits = self.layers(self.augment(pixels[batch]))
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

    @torch.no_grad()
    def accuracy(self, pixels: Tensor, labels: Tensor) -> float:
        """Share of digits that the net gets right as it stands."""
        self.layers.eval()
        logits = self.layers(pixels)
        self.layers.train()
        return (logits.argmax(1) == labels).float().mean().item()

    def trained_net(self) -> Net:
        """Return the net as it is served: on the CPU, 784-500-10, the batch normalisation folded into fc1."""
        net, norm = copy.deepcopy(self.net).cpu().eval(), copy.deepcopy(self.norm).cpu().eval()
        if isinstance(norm, nn.BatchNorm1d):
            net.fc1 = fuse_linear_bn_eval(net.fc1, norm)
        return net

    def save(self, checkpoint: Path) -> None:
        state = {
            "settings": self._settings(),
            "epochs": self.epochs,
            "layers": self.layers.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        write_atomically(checkpoint, weights.to_bytes(state))

    def resume(self, checkpoint: Path) -> None:
        """Take up the state in `checkpoint`. Raises RunError when it belongs to another recipe or is broken."""
        anew = f"--fresh starts anew, without {checkpoint}"
        try:
            state = weights.load_state(checkpoint)
            if state["settings"] != self._settings():
                raise RunError(f"an interrupted run had {_differences(state['settings'], self._settings())}: {anew}")
            self.epochs = state["epochs"]
            self.layers.load_state_dict(state["layers"])
            self.optimizer.load_state_dict(state["optimizer"])
        except (weights.WeightsError, LookupError, RuntimeError, TypeError, ValueError) as error:
            raise RunError(f"the checkpoint of an interrupted run is broken: {anew}") from error

    def _settings(self) -> dict[str, Any]:
        return {**asdict(self.recipe), "seed": self.seed, "device": self.device}

    def _draw_anew(self) -> None:
        """Give each epoch a seed of its own, so that no checkpoint needs the state of any device's generators."""
        seed = (self.seed + EPOCH_SEED_STEP * (len(self.epochs) + 1)) % 2**63
        self.random.manual_seed(seed)  # the order and the distortions
        torch.manual_seed(seed)  # dropout

    def _set_learning_rate(self, progress: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.lr_at(progress)

    def _with_progress(self, batches: Sequence[Tensor]) -> Iterable[Tensor]:
        return tqdm(batches, f"epoch {len(self.epochs) + 1}", unit="batch", leave=False, disable=None)


def _differences(found: dict[str, Any], wanted: dict[str, Any]) -> str:
    names = [name for name, value in wanted.items() if found.get(name) != value]
    return ", ".join(f"--{name.replace('_', '-')} {found.get(name)}" for name in names)


def _deterministic(device: str) -> None:
    if device == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it cuBLAS refuses to be deterministic
        torch.use_deterministic_algorithms(True)


def _optimizer(layers: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(layers.parameters(), recipe.lr, MOMENTUM, nesterov=True, fused=True)
    return torch.optim.Adam(layers.parameters(), recipe.lr, fused=True)
