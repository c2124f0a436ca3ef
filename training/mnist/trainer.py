"""One training run: a recipe, the epochs done so far, and the checkpoint that survives an interruption."""

from __future__ import annotations

import copy
import math
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils.fusion import fuse_linear_bn_eval
from tqdm import tqdm

from common.cli import UserError
from common.files import write_atomically
from model.mnist.net import Net
from training import distributed, weights
from training.mnist.augmentation import Augment
from training.mnist.recipes import Recipe

MOMENTUM = 0.9
EPOCH_SEED_STEP = 1_000_003  # primes, so that epochs and processes of neighbouring seeds do not meet
RANK_SEED_STEP = 15_485_863
SMALLEST_SHARD = 2  # digits; batch normalisation of one is undefined. A smaller rest of an epoch is left out


class RunError(UserError):
    """Why a run can't go on."""


class Run:
    """A recipe in progress. Between two epochs it can be saved, and taken up again to the bit.

    The same recipe and seed on the same machine give the same weights, to the bit.
    """

    def __init__(self, recipe: Recipe, seed: int = 0, device: str = "cpu") -> None:
        smallest_batch = SMALLEST_SHARD * distributed.count()
        if recipe.batch_size < smallest_batch:
            raise RunError(f"--batch-size {recipe.batch_size} is less than {smallest_batch}, two digits a process")
        _deterministic(device)
        torch.manual_seed(seed)
        self.recipe, self.seed, self.device = recipe, seed, device
        self.net = Net(hidden_size=recipe.hidden_size).to(device)
        # Momentum 0.02: statistics of some fifty batches, where the default's ten are noisy in the net that is served.
        self.norm = nn.BatchNorm1d(recipe.hidden_size, momentum=0.02) if recipe.batch_norm else nn.Identity()
        net, dropout = self.net, nn.Dropout(recipe.dropout)
        self.layers = nn.Sequential(net.fc1, self.norm, net.relu, dropout, net.fc2).to(device)
        self.learner = DistributedDataParallel(self.layers) if distributed.count() > 1 else self.layers
        self.optimizer = _optimizer(self.layers, recipe)
        self.random = torch.Generator(device)
        self.augment = Augment(recipe.distortion, self.random) if recipe.distortion else nn.Identity()
        self.epochs: list[dict[str, Any]] = []

    def epoch(self, pixels: Tensor, labels: Tensor) -> None:
        """Learn from each digit once, in a new order; several processes share each batch.

        Raises RunError when the loss is no longer a number.
        """
        start_s = time.perf_counter()
        batches = self._drawn_anew(len(labels))
        sums = torch.zeros(3, device=pixels.device)  # read at the end: each read waits for the device
        for step, batch in enumerate(self._with_progress(batches)):
            self._set_learning_rate((len(self.epochs) + step / len(batches)) / self.recipe.epochs)
            shard = batch[distributed.rank() :: distributed.count()]
            logits = self.learner(self.augment(pixels[shard]))
            loss = cross_entropy(logits, labels[shard])
            self.optimizer.zero_grad()
            # DistributedDataParallel averages over processes: what a shard weighs makes it the mean over the batch.
            (loss * (len(shard) * distributed.count() / len(batch))).backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            right = (logits.argmax(1) == labels[shard]).sum()
            sums += torch.stack([loss.detach() * len(shard), right, torch.full_like(right, len(shard))])
        loss_sum, correct, seen = distributed.total(sums).tolist()
        if not math.isfinite(loss_sum):
            raise RunError(f"the loss is {loss_sum} in epoch {len(self.epochs) + 1}: use a smaller --lr, and --fresh")
        self.epochs.append(
            {
                "epoch": len(self.epochs) + 1,
                "train_loss": loss_sum / seen,
                "train_accuracy": correct / seen,
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
            state = distributed.from_first(lambda: weights.load_state(checkpoint))
            if state["settings"] != self._settings():
                raise RunError(f"an interrupted run had {_differences(state['settings'], self._settings())}: {anew}")
            self.epochs = state["epochs"]
            self.layers.load_state_dict(state["layers"])
            self.optimizer.load_state_dict(state["optimizer"])
        except (weights.WeightsError, LookupError, RuntimeError, TypeError, ValueError) as error:
            raise RunError(f"the checkpoint of an interrupted run is broken: {anew}") from error

    def _settings(self) -> dict[str, Any]:
        return {**asdict(self.recipe), "seed": self.seed, "device": self.device}

    def _drawn_anew(self, digits: int) -> list[Tensor]:
        """Draw an epoch's batches, the same in every process; what is drawn next is each process's own.

        Each epoch has a seed of its own, so that no checkpoint needs the state of any device's generators.
        """
        seed = (self.seed + EPOCH_SEED_STEP * (len(self.epochs) + 1)) % 2**63
        self.random.manual_seed(seed)
        order = torch.randperm(digits, generator=self.random, device=self.device)
        if not distributed.is_first():
            seed = (seed + RANK_SEED_STEP * distributed.rank()) % 2**63
            self.random.manual_seed(seed)  # the distortions
        torch.manual_seed(seed)  # dropout
        batches = torch.split(order, self.recipe.batch_size)
        return [batch for batch in batches if len(batch) >= SMALLEST_SHARD * distributed.count()]

    def _set_learning_rate(self, progress: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.lr_at(progress)

    def _with_progress(self, batches: Sequence[Tensor]) -> Iterable[Tensor]:
        silent = None if distributed.is_first() else True  # None: where no terminal is
        return tqdm(batches, f"epoch {len(self.epochs) + 1}", unit="batch", leave=False, disable=silent)


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
